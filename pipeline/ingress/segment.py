"""Files of several processes side by side. In: bytes to append. Out: segments, `<folder>/<process>-<n>.seg`.

Next to the segments lies `<process>.lock`, locked while that process lives, so that others can tell whose segments
are orphans, and adopt them.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4


class Segment:
    """One file that is being written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    @property
    def is_gone(self) -> bool:
        """Whether somebody has removed the file: what is written to it now, nobody will find."""
        return os.fstat(self._file).st_nlink == 0

    def append(self, content: bytes, *, sync: bool = False) -> None:
        """Write all of it, in one write, and with `sync` wait for the disk; on OSError the file is as it was before."""
        written = 0
        try:
            written = os.write(self._file, content)
            if written < len(content):
                raise OSError("the disk took a part of the record only")
            if sync:
                os.fdatasync(self._file)
        except OSError:
            if written:
                os.ftruncate(self._file, self.size)
                os.lseek(self._file, self.size, os.SEEK_SET)
            raise
        self.size += written

    def close(self) -> None:
        """Write no more."""
        os.close(self._file)


class Folder:
    """The segments of this process and, through their locks, of those that have ended. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self.process = uuid4().hex[:16]
        self._path = path
        self._number = 0
        path.mkdir(parents=True, exist_ok=True)
        lock = _lock(self._lock_file(self.process))
        if lock is None:
            raise OSError(f"{self._lock_file(self.process)} is locked by another process")
        self._locks = {self.process: lock}

    @property
    def is_gone(self) -> bool:
        """Whether somebody has removed it, or the file that shows others that this process lives."""
        return not _is_still(self._lock_file(self.process), self._locks[self.process])

    def new(self) -> Segment:
        """The next segment of this process."""
        self._number += 1
        return Segment(self._path / f"{self.process}-{self._number}.seg")

    def sync(self) -> None:
        """Wait until the names of the segments, too, are on disk."""
        folder = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def sizes(self) -> dict[str, int]:
        """Bytes of all segments by process, also of those that live."""
        sizes: dict[str, int] = {}
        for file in self._segments():
            sizes[process_of(file)] = sizes.get(process_of(file), 0) + _size(file)
        return sizes

    def closed(self, open_: Segment | None) -> list[Path]:
        """Every segment that is ours to ship, oldest first: our own but the open one, and those we adopted."""
        ours = [
            file for file in self._segments() if process_of(file) in self._locks and (not open_ or file != open_.path)
        ]
        return sorted(ours, key=lambda file: (process_of(file), int(file.stem.partition("-")[2])))

    def adopt(self) -> int:
        """Take over the segments of processes that have ended; returns how many processes they were."""
        left = {process_of(file) for file in self._segments()} | {file.stem for file in self._path.glob("*.lock")}
        adopted = 0
        for process in left - self._locks.keys():
            lock = _lock(self._lock_file(process))
            if lock is not None:
                self._locks[process] = lock
                adopted += 1
        return adopted

    def tidy(self) -> None:
        """Remove the locks of adopted processes whose segments are all shipped."""
        with_segments = {process_of(file) for file in self._segments()} | {self.process}
        for process in self._locks.keys() - with_segments:
            self._drop(process)

    def close(self) -> None:
        """Give up the locks; what is not shipped is left for whoever starts next."""
        with_segments = {process_of(file) for file in self._segments()}
        for process in list(self._locks):
            if process in with_segments:
                os.close(self._locks.pop(process))
            else:
                self._drop(process)

    def _drop(self, process: str) -> None:
        with suppress(FileNotFoundError):
            self._lock_file(process).unlink()
        os.close(self._locks.pop(process))

    def _segments(self) -> Iterator[Path]:
        return (file for file in self._path.glob("*-*.seg") if file.stem.partition("-")[2].isdecimal())

    def _lock_file(self, process: str) -> Path:
        return self._path / f"{process}.lock"


def process_of(segment: Path) -> str:
    """Who wrote it."""
    return segment.stem.partition("-")[0]


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # its process has shipped it meanwhile
        return 0


def _lock(path: Path) -> int | None:
    """Lock a file, made if need be; its descriptor, or None if somebody else has it."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        if _is_still(path, file):
            return file
        os.close(file)  # it was removed between our open and our lock


def _is_still(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False
