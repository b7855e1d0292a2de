"""The spool: accepted events on this machine's disk. In: frames. Out: a promise that they are on disk; and them, later.

`keep` returns after an fsync, which all who wait at the moment share. A record stays until it is settled: fed in, or
found to have reached the broker after all. Segments go when all their records are settled. Nothing blocks the loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from pipeline.ingress import metrics
from pipeline.ingress.segment import process_of
from pipeline.ingress.spool.files import Files, Tally, by_process, read, set_aside
from pipeline.ingress.spool.record import Record, encode
from pipeline.ingress.spool.state import State

log = structlog.get_logger(__name__)
T = TypeVar("T")

LIMIT = 1024 * 1024 * 1024  # bytes
NEARLY = 16  # it says that it is full when this part of its limit is left: one large request may need that
GRUDGE = 5.0  # seconds after a failed write during which the spool counts as broken
HURT = 30.0  # seconds until a segment that could not be read is tried again


class SpoolUnavailable(Exception):
    """It is full, or the disk fails: these events are not kept."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One kept record."""

    segment: Path
    number: int
    events: int


class _Waiting:
    """A record that waits for the disk."""

    __slots__ = ("content", "done", "record")

    def __init__(self, record: Record, done: asyncio.Future[Ticket]) -> None:
        self.record = record
        self.content = encode(record)
        self.done = done


class Spool:
    """At most `limit` bytes in `<data_dir>/spool`, with those of all other processes that use the folder.

    How much the others have is looked up once a second only; several at once can pass the limit by what they write
    in that time.
    """

    def __init__(self, data_dir: Path, limit: int = LIMIT) -> None:
        self.kept = asyncio.Event()  # set when there is something to feed in
        self._path = data_dir / "spool"
        self._limit = limit
        self._files = Files(self._path)
        self._disk = ThreadPoolExecutor(1, "spool")
        self._tallies: dict[Path, Tally] = {}
        self._open: Path | None = None  # the segment that was written to last
        self._pending: list[_Waiting] = []
        self._pending_bytes = 0
        self._others = 0
        self._present: frozenset[str] = frozenset()
        self._writing: asyncio.Task[None] | None = None
        self._trouble: tuple[float, str] | None = None
        self._hurt: dict[Path, float] = {}  # segments that could not be read, and when to try again
        self._identity: str | None = None  # once it is known; also after the spool is closed

    @property
    def events(self) -> int:
        """How many wait to be fed in."""
        return sum(tally.events for tally in self._tallies.values())

    def state(self) -> State:
        """How it does, now."""
        now = time.time()
        oldest = min((tally.oldest for tally in self._tallies.values() if tally.events), default=now)
        return State(
            events=self.events,
            bytes=self._bytes,
            oldest_s=round(max(0.0, now - oldest), 1),
            limit=self._limit,
            trouble=self._refusal(self._limit // NEARLY),
        )

    @property
    def path(self) -> Path:
        """The folder."""
        return self._path

    async def identity(self) -> str:
        """The name of the folder, whatever host or path it is at. Raises OSError."""
        if self._identity is None:
            self._identity = await self._on_disk(self._files.identity)
        return self._identity

    def shares(self) -> tuple[dict[str, tuple[int, int, float]], set[str]]:
        """Events, bytes and oldest time by the process that accepted them, as far as they are ours now, our own or
        adopted; and the processes, also living ones, that have anything in the folder."""
        shares = by_process([(path, tally) for path, tally in self._tallies.items() if tally.events])
        return shares, {*self._present, *shares}

    async def keep(self, frames: Sequence[bytes], events: int) -> Ticket:
        """Return when they are on disk. Raises SpoolUnavailable: at once when it is full."""
        waiting = _Waiting(Record(frames, events, time.time()), asyncio.get_running_loop().create_future())
        if refusal := self._refusal(len(waiting.content)):
            metrics.SPOOL.labels("refused").inc(events)
            raise SpoolUnavailable(refusal)
        self._pending.append(waiting)
        self._pending_bytes += len(waiting.content)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_pending())
        return await waiting.done

    def settle(self, ticket: Ticket) -> None:
        """These events are in the broker: they need not be fed in."""
        tally = self._tallies.get(ticket.segment)
        if tally is not None:
            tally.settle(ticket.number, ticket.events)

    def is_settled(self, ticket: Ticket) -> bool:
        """Whether they need not be fed in any more."""
        tally = self._tallies.get(ticket.segment)
        return tally is None or ticket.number in tally.settled

    async def look(self) -> None:
        """Adopt and count what ended processes left, and remove what is settled. Raises OSError."""
        closed, sizes = await self._on_disk(self._files.look)
        for path in closed:
            if path not in self._tallies and (found := await self._read(path)):
                self._tallies[path], _ = found
        self._others = max(0, sum(sizes.values()) - sum(tally.bytes for tally in self._tallies.values()))
        for path in [path for path in self._closed() if self._tallies[path].is_done]:
            await self.remove(path)
        await self._on_disk(self._files.tidy)
        self._present = frozenset(sizes)
        metrics.show_spool(self.state())
        if self.events:
            self.kept.set()

    async def oldest(self) -> Path | None:
        """The segment to feed in next; nothing more is written to it. Raises OSError."""
        if not (waiting := self._readable()) and self._open is not None and self._tallies[self._open].events:
            await self._on_disk(self._files.rotate)
            self._open = None
            waiting = self._readable()
        return min(waiting, key=lambda path: self._tallies[path].oldest, default=None)

    async def read(self, segment: Path) -> list[tuple[Ticket, Record]] | None:
        """The records of a segment that `oldest` named; None: the disk does not give them now, others come first."""
        try:
            found = await self._read(segment)
        except FileNotFoundError:
            log.error("spool segment gone", segment=segment.name, events=self._tallies.pop(segment).events)
            return []
        if found is None:
            return None
        tally, records = found
        for number in self._tallies[segment].settled:
            tally.settle(number, records[number].events if number < len(records) else 0)
        self._tallies[segment] = tally
        return [(Ticket(segment, number, record.events), record) for number, record in enumerate(records)]

    async def remove(self, segment: Path) -> None:
        """All of it is settled; a damaged one is set aside. Raises OSError."""
        tally = self._tallies.get(segment)
        if tally is not None:
            await asyncio.to_thread(set_aside if tally.damaged else _unlink, segment)
            del self._tallies[segment]
            if not any(process_of(path) == process_of(segment) for path in self._tallies):
                self._present -= {process_of(segment)}

    async def close(self) -> None:
        """Leave what there is to whoever starts next."""
        if self._writing is not None:
            await asyncio.wait({self._writing})
        try:
            await self._on_disk(self._files.close)
        except OSError as error:
            log.error("spool not closed", error=str(error))
        self._disk.shutdown(wait=False)

    @property
    def _bytes(self) -> int:
        return sum(tally.bytes for tally in self._tallies.values()) + self._pending_bytes + self._others

    def _refusal(self, size: int) -> str | None:
        if self._bytes + size > self._limit:
            return f"the spool is full: {self._limit} bytes"
        if self._trouble is not None and time.monotonic() - self._trouble[0] < GRUDGE:
            return self._trouble[1]
        return None

    def _closed(self) -> list[Path]:
        return [path for path in self._tallies if path != self._open]

    def _readable(self) -> list[Path]:
        """Segments that wait to be fed in, as far as the disk gives them."""
        now = time.monotonic()
        return [path for path in self._closed() if self._tallies[path].events and self._hurt.get(path, now) <= now]

    async def _read(self, segment: Path) -> tuple[Tally, list[Record]] | None:
        """What a segment holds; None while the disk does not give it. Raises FileNotFoundError."""
        now = time.monotonic()
        if self._hurt.get(segment, now) > now:
            return None
        try:
            found = await asyncio.to_thread(read, segment)
        except FileNotFoundError:
            raise
        except OSError as error:
            self._hurt[segment] = now + HURT
            log.error("spool segment cannot be read; the others go on", segment=segment.name, error=str(error))
            return None
        self._hurt.pop(segment, None)
        return found

    async def _write_pending(self) -> None:
        while self._pending:
            group, self._pending = self._pending, []
            content = b"".join(waiting.content for waiting in group)
            try:
                path = await self._on_disk(partial(self._files.append, content))
            except OSError as error:
                self._failed(group, error)
            else:
                self._kept(group, path)
            finally:
                self._pending_bytes -= len(content)

    def _kept(self, group: Sequence[_Waiting], path: Path) -> None:
        self._trouble = None
        self._open = path
        tally = self._tallies.setdefault(path, Tally())
        for waiting in group:
            record = waiting.record
            number = tally.add(record.events, len(waiting.content), record.at)
            metrics.SPOOL.labels("kept").inc(record.events)
            if not waiting.done.done():  # else its requests have been told that it took too long
                waiting.done.set_result(Ticket(path, number, record.events))
        self.kept.set()

    def _failed(self, group: Sequence[_Waiting], error: OSError) -> None:
        self._trouble = (time.monotonic(), f"the spool cannot be written: {error.strerror or error}")
        events = sum(waiting.record.events for waiting in group)
        metrics.SPOOL.labels("failed").inc(events)
        log.error("spool not written", events=events, error=str(error))
        for waiting in group:
            if not waiting.done.done():
                waiting.done.set_exception(SpoolUnavailable(self._trouble[1]))

    async def _on_disk(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)


def _unlink(segment: Path) -> None:
    with suppress(FileNotFoundError):
        segment.unlink()
