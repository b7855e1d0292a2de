"""Refused requests on their way to the store. In: what the door turned away. Out: rows, soon after.

It never stands in the way of an answer. What is refused waits in memory, bounded in number and in bytes, and is cleaned
of secrets in a thread and written by a task, a few times a second and no faster than leaves most of the process to the
requests that are taken. While the database is away it waits on; of what does not fit the oldest go, of whoever has the
most there.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice

import structlog

from pipeline.engine.outcome import Transient
from pipeline.ingress import metrics
from pipeline.ingress.refused import Refused, row_of
from pipeline.store.refused import Row

log = structlog.get_logger(__name__)

WAITING, HELD = 1_000, 8 * 1024 * 1024  # requests, and bytes of their bodies, that wait in memory
BATCH, BATCH_BYTES = 100, 1024 * 1024  # written at a time
EVERY = 0.2  # seconds between two writes
SHARE = 4  # it pauses so many times as long as the cleaning took: that is a fifth of a core at most
AGAIN = 1.0  # seconds between two tries while the database is away
LAST = 2.0  # seconds that the rest may take when the process stops

Write = Callable[[Sequence[Row]], Awaitable[None]]


class Refusals:
    """Writes them by `write(rows)`, which may raise Transient, and may get the same rows again."""

    def __init__(self, write: Write, *, every: float = EVERY, again: float = AGAIN) -> None:
        self._write = write
        self._every = every
        self._again = again
        self._waiting: dict[tuple[int, bool], deque[Refused]] = {}  # by connector, those that proved nothing apart
        self._count = 0
        self._held = 0
        self._rows: list[Row] = []  # cleaned, and not written yet
        self._came = asyncio.Event()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._complained = False

    @property
    def waiting(self) -> int:
        """How many are not written yet."""
        return self._count + len(self._rows)

    def keep(self, refused: Refused) -> None:
        """Let it wait for the next write."""
        own = (refused.connector.id, refused.proof.given)
        self._waiting.setdefault(own, deque()).append(refused)
        self._count += 1
        self._held += refused.held
        while self._count > WAITING or self._held > HELD:
            self._take(max(self._waiting, key=lambda one: len(self._waiting[one])))
            self._drop(1, "more were refused than could be written")
        self._came.set()

    async def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Write what there is, for a moment, and give up the rest."""
        self._stopping.set()
        self._came.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=LAST)
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=LAST)
        if self.waiting:
            self._drop(self.waiting, "the process stopped")

    async def _run(self) -> None:
        pause = 0.0
        while not self._stopping.is_set() or self.waiting:
            if not self.waiting:
                self._came.clear()
                await self._came.wait()
            await self._pause(max(pause, self._every))
            try:
                pause = await self._write_some()
            except Exception:  # a bug of ours must not end the writing for good
                log.exception("refused requests not kept")
                self._drop(len(self._rows), "a fault")
                self._rows = []
            if pause and self._stopping.is_set() and self._rows:
                return  # the database is away

    async def _write_some(self) -> float:
        """Write the next ones; returns how long to pause, in seconds."""
        pause = 0.0
        if not self._rows:
            batch, began = self._batch(), time.perf_counter()
            try:
                self._rows = await asyncio.to_thread(_rows_of, batch)
            finally:
                if lost := len(batch) - len(self._rows):
                    self._drop(lost, "they could not be cleaned of secrets")
            pause = SHARE * (time.perf_counter() - began)
        try:
            await self._written(self._rows)
        except Transient as error:
            self._complain(str(error))
            return self._again
        return pause

    async def _written(self, rows: list[Row]) -> None:
        """Write them, and forget them; of rows that cannot be written together, each alone. Raises Transient."""
        try:
            await self._write(rows)
        except Transient:
            raise
        except Exception as error:
            if len(rows) > 1:
                while rows:
                    one = [rows[0]]
                    await self._written(one)
                    del rows[0]
                return
            log.error("a refused request cannot be kept", error=type(error).__name__)
            self._drop(1, "it cannot be stored")
        else:
            metrics.REFUSED_KEPT.labels("kept").inc(len(rows))
            self._complained = False
        rows.clear()

    def _batch(self) -> list[Refused]:
        """The oldest of each connector in turn, as many as are written at a time."""
        batch: list[Refused] = []
        size = 0
        while self._waiting and len(batch) < BATCH and size < BATCH_BYTES:
            for own in list(islice(self._waiting, BATCH - len(batch))):
                if size < BATCH_BYTES:
                    batch.append(self._take(own))
                    size += batch[-1].held
        return sorted(batch, key=lambda each: each.at)

    def _take(self, own: tuple[int, bool]) -> Refused:
        found = self._waiting[own].popleft()
        if not self._waiting[own]:
            del self._waiting[own]
        self._count -= 1
        self._held -= found.held
        return found

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass

    def _drop(self, count: int, why: str) -> None:
        metrics.REFUSED_KEPT.labels("dropped").inc(count)
        self._complain(why)

    def _complain(self, why: str) -> None:
        """Say it once, until something is written again."""
        if not self._complained:
            log.warning("refused requests may not be kept", reason=why)
        self._complained = True


def _rows_of(batch: Sequence[Refused]) -> list[Row]:
    """The rows of those that can be cleaned; a bug of ours about one of them costs no other one."""
    rows = []
    for each in batch:
        try:
            rows.append(row_of(each))
        except Exception as error:
            log.error("a refused request cannot be cleaned of secrets", error=type(error).__name__)
    return rows
