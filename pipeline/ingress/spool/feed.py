"""Feeds the spool into the broker. In: a spool and a way to publish. Out: the same events at the entry of the chain.

One publish at a time, and no more than the chain finishes promptly, so that new events are not delayed: see `window`.
What is fed in first also finds out whether the broker is back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from pipeline.engine.frame import Bounds, UnreadableFrame, first_id, merged
from pipeline.engine.outcome import Transient
from pipeline.ingress import metrics
from pipeline.ingress.breaker import Breaker
from pipeline.ingress.spool.record import Record
from pipeline.ingress.spool.spool import Spool, Ticket
from pipeline.ingress.spool.window import Window

log = structlog.get_logger(__name__)

LOOK = 1.0  # seconds between two looks for what ended processes left
AGAIN = 0.5  # seconds between two tries of a broker that is away
TROUBLE = 5.0  # seconds before the next try after anything else went wrong
LAST = 3.0  # seconds of feeding when the process stops

Publish = Callable[[Sequence[bytes]], Awaitable[None]]


class Feeder:
    """`publish(frames)` returns when they are confirmed."""

    def __init__(self, spool: Spool, breaker: Breaker, publish: Publish, window: Window, bounds: Bounds) -> None:
        self._spool = spool
        self._breaker = breaker
        self._publish = publish
        self._window = window
        self._bounds = bounds
        self._segment: Path | None = None
        self._ahead: deque[tuple[Ticket, Record]] = deque()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Feed for a moment what there is, if the broker is well, and leave the rest to whoever starts next."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self._breaker.open:
            return
        with suppress(TimeoutError, Transient, OSError):
            async with asyncio.timeout(LAST):
                while await self._load():
                    await self._feed(hurry=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        looked = -LOOK
        while True:
            try:
                if loop.time() - looked >= LOOK:
                    looked = loop.time()
                    await self._spool.look()
                if await self._load():
                    await self._feed()
                else:
                    self._spool.kept.clear()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK):
                            await self._spool.kept.wait()
            except Transient as error:
                log.debug("spool waits", error=str(error))
                await asyncio.sleep(AGAIN)
            except Exception as error:
                # a queue that is missing, a disk that fails, a bug of ours: the segments stay, and so does the feeder
                log.error("spool not fed in", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(TROUBLE)

    async def _load(self) -> bool:
        """Have records in hand; False when the spool is empty."""
        while not self._ahead:
            if self._segment is not None:
                await self._spool.remove(self._segment)
                self._segment = None
            segment = await self._spool.oldest()
            if segment is None:
                return False
            records = await self._spool.read(segment)
            if records is not None:
                self._ahead.extend(records)
                self._segment = segment
        return True

    async def _feed(self, *, hurry: bool = False) -> None:
        """One publish, as soon as there is room in the chain."""
        if not hurry and not self._breaker.open:
            await self._window.room()
        while self._ahead and self._spool.is_settled(self._ahead[0][0]):
            self._ahead.popleft()
        chunk = self._chunk(1 if self._breaker.open else self._bounds.events)
        if not chunk:
            return
        frames = _frames([record for _, record in chunk])
        await self._publish(frames)
        for ticket, _ in chunk:
            self._ahead.popleft()
            self._spool.settle(ticket)
        events = sum(ticket.events for ticket, _ in chunk)
        metrics.SPOOL.labels("fed").inc(events)
        self._window.fed(first_id(frames[-1]), events)

    def _chunk(self, most: int) -> list[tuple[Ticket, Record]]:
        """The next records that make one frame together; at least one record."""
        chunk: list[tuple[Ticket, Record]] = []
        events = size = 0
        for ticket, record in self._ahead:
            events += record.events
            size += sum(len(frame) for frame in record.frames)
            if chunk and (events > most or size > self._bounds.bytes or self._spool.is_settled(ticket)):
                break
            chunk.append((ticket, record))
        return chunk


def _frames(records: Sequence[Record]) -> list[bytes]:
    """The frames of one record as they are, or those of several as one."""
    frames = [frame for record in records for frame in record.frames]
    if len(records) == 1:
        return frames
    try:
        return [merged(frames)]
    except UnreadableFrame:  # another version of this program has packed them; whoever unpacks them judges
        return frames
