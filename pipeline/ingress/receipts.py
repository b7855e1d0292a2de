"""What was accepted, told apart from the broker, for `leadpipe audit`. In: committed events. Out: rows in the database.

Receipts are appended to a file of this process at once, and shipped from there about once a second. They never stand
in the way of an answer: trouble with the disk or the database is logged and counted, and refuses nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import structlog

from pipeline.engine.outcome import Transient
from pipeline.ingress import metrics
from pipeline.ingress.needs import Ship
from pipeline.ingress.receipt import records, rows
from pipeline.ingress.segment import Folder, Segment
from schemas.event import Event

log = structlog.get_logger(__name__)

EVERY = 1.0  # seconds between two shipments
LARGE = 4 * 1024 * 1024  # bytes of one segment while the database is away
LAST = 4.0  # seconds that each of the two steps of stopping may take


class Receipts(Protocol):
    """Where the ingress tells of what it accepted."""

    def keep(self, events: Sequence[Event]) -> None:
        """Told of each group of events, after its confirm and before its answers; must not raise, nor take long."""

    async def start(self) -> None:
        """Begin."""

    async def stop(self) -> None:
        """Let nothing lie that can be handed on."""


class FileReceipts:
    """Receipts in `<data_dir>/receipts`, shipped by `ship(segment name, rows)`.

    `ship` must be idempotent by the name, and may raise Transient: then the files stay, and are shipped later, by
    this process or, once it has ended, by another one that adopts them.
    """

    def __init__(self, data_dir: Path, ship: Ship, every: float = EVERY) -> None:
        self._path = data_dir / "receipts"
        self._ship = ship
        self._every = every
        self._folder: Folder | None = None
        self._segment: Segment | None = None
        self._task: asyncio.Task[None] | None = None

    def keep(self, events: Sequence[Event]) -> None:
        """Append the receipts of these events."""
        try:
            if self._segment is not None and self._segment.is_gone:
                self._close_segment()
            if self._segment is None:
                self._segment = self._opened().new()
            self._segment.append(records(events))
        except OSError as error:
            metrics.RECEIPT_ERRORS.inc()
            log.error("receipts not written", events=len(events), error=str(error))
            self._close_segment()

    async def start(self) -> None:
        """Adopt what ended processes have left, and begin to ship."""
        try:
            if adopted := self._opened().adopt():
                log.info("receipts adopted", processes=adopted)
        except OSError as error:
            log.error("receipts cannot be kept", folder=str(self._path), error=str(error))
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ship what there is, if the database lets us, and leave the rest to the next process."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=LAST)
        # not a timeout scope: a database that hangs does not let go of a caller that is cancelled
        flushing = asyncio.create_task(self.flush())
        _, late = await asyncio.wait({flushing}, timeout=LAST)
        for task in late:
            task.cancel()
        self._close_segment()
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    async def flush(self) -> None:
        """Ship every segment, also the one that was still open."""
        self._close_segment()
        await self._ship_all()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                if self._segment and (self._segment.size >= LARGE or not self._opened().closed(self._segment)):
                    self._close_segment()
                await self._ship_all()
            except Exception as error:
                # a bug of ours must not end the shipping for good; the files stay
                log.exception("receipts not shipped", error=type(error).__name__)

    async def _ship_all(self) -> None:
        try:
            folder = self._opened()
            for file in folder.closed(self._segment):
                if found := rows(file):
                    await self._ship(file.stem, found)
                file.unlink()
            folder.tidy()
        except Transient as error:
            log.debug("receipts wait", error=str(error))
        except OSError as error:
            log.error("receipts not shipped", error=str(error))

    def _opened(self) -> Folder:
        if self._folder is not None and self._folder.is_gone:
            log.error("somebody removed the receipts, or a part of them; they are begun anew", folder=str(self._path))
            self._close_segment()
            self._folder.close()
            self._folder = None
        if self._folder is None:
            self._folder = Folder(self._path)
        return self._folder

    def _close_segment(self) -> None:
        if self._segment is not None:
            self._segment.close()
            self._segment = None


class NoReceipts:
    """Keeps nothing."""

    def keep(self, events: Sequence[Event]) -> None:
        """Nothing."""

    async def start(self) -> None:
        """Nothing."""

    async def stop(self) -> None:
        """Nothing."""
