"""How much of the spool the chain has in hand. In: what was fed in, and a look at the journal. Out: when to go on.

A new event waits behind what was fed in and is not finished. So the window follows how long the chain takes for that:
while events reach the journal within PROMPT it grows, by STEP each time all of it has gone through; when one takes
longer it shrinks, and when one does not come at all it starts again. An idle chain is fed as fast as it works.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from pipeline.engine.outcome import Transient
from pipeline.ingress.needs import Look, Results

log = structlog.get_logger(__name__)

LEAST, MOST = 200.0, 20_000.0  # events
STEP = 200.0  # events
SHRINK = 0.7
PROMPT = 0.5  # seconds from the broker to the journal
PATIENCE = 1.0  # seconds after which an event counts as gone through, however it is: the spool must not starve
EVERY = 0.05  # seconds between two looks

Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Ahead:
    """One frame that was fed in. `id`: one of its events, for all of them; None where that cannot be told."""

    id: str | None
    events: int
    at: float


class Window:
    """`look(ids)` returns those of the events that have reached the journal; it may raise Transient."""

    def __init__(self, look: Look, now: Callable[[], float] = time.monotonic, pause: Pause = asyncio.sleep) -> None:
        self.size = LEAST
        self._look = look
        self._now = now
        self._pause = pause
        self._ahead: list[Ahead] = []
        self._looked = self._shrunk = now()

    @property
    def is_full(self) -> bool:
        """Whether the chain has as much in hand as it may."""
        return sum(ahead.events for ahead in self._ahead) >= self.size

    def fed(self, id: str | None, events: int) -> None:
        """These events were fed in, in one frame."""
        self._ahead.append(Ahead(id, events, self._now()))

    async def room(self) -> None:
        """Return when more may be fed in."""
        now = self._now()
        if now - self._looked >= PATIENCE:  # nobody has looked at how they did
            self._ahead.clear()
            self._looked = now
        elif now - self._looked >= EVERY:
            await self._settle()
        while self.is_full:
            await self._pause(EVERY)
            await self._settle()

    async def _settle(self) -> None:
        """Take out what has gone through, and learn from how long that took."""
        results: Results = {}
        try:
            async with asyncio.timeout(PATIENCE):
                results = await self._look([ahead.id for ahead in self._ahead if ahead.id is not None])
        except (Transient, TimeoutError) as error:  # the chain waits for the database too
            log.debug("journal away", error=type(error).__name__)
        now = self._looked = self._now()
        left = []
        for ahead in self._ahead:
            if ahead.id in results:
                self._learn(ahead, now)
            elif now - ahead.at >= PATIENCE:
                self.size = LEAST  # it is still in there, with whatever else went in since
            else:
                left.append(ahead)
        self._ahead = left

    def _learn(self, ahead: Ahead, now: float) -> None:
        if now - ahead.at <= PROMPT:
            self.size = min(MOST, self.size + STEP * ahead.events / self.size)
        elif ahead.at >= self._shrunk:  # what was fed in before that says nothing about the size since
            self.size = max(LEAST, self.size * SHRINK)
            self._shrunk = now
