"""The disk side of the spool. In: records as bytes. Out: segments under `<data_dir>/spool`, on disk when it returns.

Everything here blocks and raises OSError. One thread at a time may use a `Files`; the functions stand by themselves.
"""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import structlog

from pipeline.ingress import metrics
from pipeline.ingress.segment import Folder, Segment, process_of
from pipeline.ingress.spool.record import Damage, Record, decode

log = structlog.get_logger(__name__)

SEGMENT = 4 * 1024 * 1024  # bytes; a crash while one is fed in repeats at most so much
RESERVE = 256 * 1024 * 1024  # bytes of the disk that stay free for others, or a twentieth of a small disk


@dataclass(slots=True)
class Tally:
    """What a segment holds. `settled` are the records, by number, that need not be fed in any more.

    `damaged`: a part of it is no record, though nothing was cut short.
    """

    events: int = 0
    bytes: int = 0
    records: int = 0
    oldest: float = math.inf
    damaged: bool = False
    settled: set[int] = field(default_factory=set)

    @property
    def is_done(self) -> bool:
        return len(self.settled) >= self.records

    def add(self, events: int, size: int, at: float) -> int:
        """Count one more record; returns its number."""
        self.events += events
        self.bytes += size
        self.records += 1
        self.oldest = min(self.oldest, at)
        return self.records - 1

    def settle(self, number: int, events: int) -> None:
        """This record is in the broker."""
        if number not in self.settled:
            self.settled.add(number)
            self.events -= events


class Files:
    """The segments of this process, and of those that have ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder: Folder | None = None
        self._segment: Segment | None = None

    def append(self, content: bytes) -> Path:
        """Return when these records are on disk; the segment they are in. On OSError none of them is."""
        folder = self._opened()
        if not self._has_room(len(content)):
            raise OSError(errno.ENOSPC, "the disk is nearly full")
        if self._segment is not None and (self._segment.size >= SEGMENT or self._segment.is_gone):
            self.rotate()
        try:
            if self._segment is None:
                self._segment = folder.new()
                folder.sync()
            self._segment.append(content, sync=True)
        except OSError:
            self.rotate()  # what the disk has done to this file is not known
            raise
        return self._segment.path

    def rotate(self) -> None:
        """Write no more to the open segment."""
        segment, self._segment = self._segment, None
        if segment is not None:
            with suppress(OSError):  # what was promised is on disk already
                segment.close()

    def look(self) -> tuple[list[Path], dict[str, int]]:
        """Adopt what ended processes left. Our closed segments, and the bytes of each process' segments."""
        folder = self._opened()
        if adopted := folder.adopt():
            log.info("spools of ended processes adopted", processes=adopted)
        return folder.closed(self._segment), folder.sizes()

    def identity(self) -> str:
        """The name of this folder, made once, whatever host or path it is at."""
        self._opened()
        file = self._path / "id"
        try:
            return file.read_text()
        except FileNotFoundError:
            own = self._path / f"id-{uuid4().hex}"
            own.write_text(uuid4().hex)
            with suppress(FileExistsError):  # another process was first
                file.hardlink_to(own)
            own.unlink()
            return file.read_text()

    def tidy(self) -> None:
        """Forget the adopted processes that have nothing left."""
        if self._folder is not None:
            self._folder.tidy()

    def close(self) -> None:
        """Leave what there is to whoever starts next."""
        self.rotate()
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    def _opened(self) -> Folder:
        if self._folder is not None and self._folder.is_gone:
            log.error("somebody removed the spool, or a part of it; it is begun anew", folder=str(self._path))
            self.close()
        if self._folder is None:
            self._folder = Folder(self._path)
        return self._folder

    def _has_room(self, size: int) -> bool:
        disk = os.statvfs(self._path)
        reserve = min(RESERVE, disk.f_blocks * disk.f_frsize // 20)
        return disk.f_bavail * disk.f_frsize - size >= reserve


def read(segment: Path) -> tuple[Tally, list[Record]]:
    """What a segment holds."""
    content = segment.read_bytes()
    tally = Tally()
    records = []
    for part in decode(content):
        if isinstance(part, Record):
            tally.add(part.events, 0, part.at)
            records.append(part)
        elif part.torn:
            log.info("torn end of a spool segment ignored", segment=segment.name, start=part.start, end=part.end)
        else:
            tally.damaged = True
    tally.bytes = len(content)
    return tally, records


def set_aside(segment: Path) -> None:
    """Keep a damaged segment for a person to look at, out of the way of everything, and tell."""
    for part in decode(segment.read_bytes()):
        if isinstance(part, Damage) and not part.torn:
            metrics.SPOOL.labels("damaged").inc()
            log.error("damaged record in the spool", segment=segment.name, start=part.start, end=part.end)
    folder = segment.parent / "damaged"
    folder.mkdir(exist_ok=True)
    segment.rename(folder / segment.name)
    log.error("damaged spool segment set aside; its other records are in the broker", file=str(folder / segment.name))


def by_process(tallies: Sequence[tuple[Path, Tally]]) -> dict[str, tuple[int, int, float]]:
    """Events, bytes and the oldest time (Unix seconds), by the process that wrote the segments."""
    found: dict[str, tuple[int, int, float]] = {}
    for path, tally in tallies:
        events, size, oldest = found.get(process_of(path), (0, 0, math.inf))
        found[process_of(path)] = (events + tally.events, size + tally.bytes, min(oldest, tally.oldest))
    return found
