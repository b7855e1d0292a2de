"""Receipts: every accepted event is told to the database, whatever ends, tears or is away meanwhile."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from pipeline.ingress import metrics
from pipeline.ingress.needs import Row
from pipeline.ingress.receipts import FileReceipts
from pipeline.ingress.segment import Segment
from pipeline.store.database import DatabaseUnavailable
from pipeline.store.ids import new_id
from schemas.event import Event
from tests.support.ingress import open_door
from tests.support.until import until

NOW = datetime(2026, 3, 2, 9, 30, 1, 123456, tzinfo=UTC)


def event(connector: int = 7) -> Event:
    return Event(new_id(), 1, connector, "lead", NOW, "{}")


def row(event: Event) -> Row:
    return UUID(event.id), event.connector, event.received_at


class Shipping:
    """The database's side: segments by name, once each."""

    def __init__(self) -> None:
        self.segments: dict[str, list[Row]] = {}
        self.away = False
        self.refused = 0

    @property
    def rows(self) -> list[Row]:
        return [row for rows in self.segments.values() for row in rows]

    async def ship(self, name: str, rows: Sequence[Row]) -> None:
        if self.away:
            self.refused += 1
            raise DatabaseUnavailable("away")
        self.segments.setdefault(name, list(rows))


def files(folder: Path) -> list[str]:
    return sorted(file.suffix for file in (folder / "receipts").iterdir())


async def test_what_is_kept_is_shipped_and_its_file_removed(tmp_path: Path) -> None:
    shipping = Shipping()
    receipts = FileReceipts(tmp_path, shipping.ship, every=0.01)
    await receipts.start()
    events = [event(connector) for connector in (1, 2**62)]
    receipts.keep(events[:1])
    receipts.keep(events[1:])
    await until(lambda: len(shipping.rows) == 2)
    assert sorted(shipping.rows) == sorted(row(event) for event in events)
    await until(lambda: files(tmp_path) == [".lock"])
    await receipts.stop()
    assert files(tmp_path) == []


async def test_what_is_kept_after_somebody_cleaned_up_is_shipped(tmp_path: Path) -> None:
    shipping, later = Shipping(), event()
    receipts = FileReceipts(tmp_path, shipping.ship)
    receipts.keep([event()])
    shutil.rmtree(tmp_path / "receipts")
    receipts.keep([later])
    await receipts.stop()
    assert shipping.rows == [row(later)]


async def test_stopping_ships_the_rest(tmp_path: Path) -> None:
    shipping = Shipping()
    receipts = FileReceipts(tmp_path, shipping.ship)
    await receipts.start()
    receipts.keep([event()])
    await receipts.stop()
    assert len(shipping.rows) == 1
    assert files(tmp_path) == []


async def test_with_the_database_away_files_stay_and_are_shipped_by_whoever_comes(tmp_path: Path) -> None:
    shipping = Shipping()
    shipping.away = True
    first = FileReceipts(tmp_path, shipping.ship, every=0.01)
    await first.start()
    kept = [event() for _ in range(3)]
    for one in kept:
        first.keep([one])
        before = shipping.refused
        await until(lambda before=before: shipping.refused > before)
    await first.stop()
    assert shipping.rows == []
    assert ".seg" in files(tmp_path)
    shipping.away = False
    second = FileReceipts(tmp_path, shipping.ship)
    await second.start()
    await second.stop()
    assert sorted(shipping.rows) == sorted(row(event) for event in kept)
    assert files(tmp_path) == []


async def test_a_living_process_keeps_its_segments(tmp_path: Path) -> None:
    shipping = Shipping()
    living, other = FileReceipts(tmp_path, shipping.ship), FileReceipts(tmp_path, shipping.ship)
    await living.start()
    living.keep([event()])
    await other.start()
    await other.stop()
    assert shipping.rows == []
    await living.stop()
    assert len(shipping.rows) == 1


async def test_a_killed_process_leaves_what_it_kept_and_a_torn_record_is_ignored(tmp_path: Path) -> None:
    killed = """
import asyncio, os, signal, sys
from pathlib import Path
from pipeline.ingress.receipts import FileReceipts
from tests.acceptance.test_receipts import event

async def main():
    async def ship(name, rows): raise AssertionError
    receipts = FileReceipts(Path(sys.argv[1]), ship, every=60)
    await receipts.start()
    receipts.keep([event(), event()])
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    ended = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", killed, str(tmp_path)], check=False)
    assert ended.returncode == -9
    (segment,) = (tmp_path / "receipts").glob("*.seg")
    with segment.open("ab") as file:
        file.write(b"torn")
    shipping = Shipping()
    receipts = FileReceipts(tmp_path, shipping.ship, every=0.01)
    await receipts.start()
    await until(lambda: len(shipping.rows) == 2)
    assert list(shipping.segments) == [segment.stem]
    await receipts.stop()
    assert files(tmp_path) == []


async def test_a_full_disk_refuses_nobody_and_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipping = Shipping()
    receipts = FileReceipts(tmp_path, shipping.ship)
    before = metrics.RECEIPT_ERRORS._value.get()

    def full(self: Segment, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with open_door(receipts=receipts) as door:
        with monkeypatch.context() as patched:
            patched.setattr(Segment, "append", full)
            assert (await door.post(b"{}"))[0] == 202
        assert metrics.RECEIPT_ERRORS._value.get() == before + 1
        assert (await door.post(b"{}"))[0] == 202
    assert len(shipping.rows) == 1


async def test_a_write_that_was_cut_short_leaves_the_segment_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = Segment(tmp_path / "x-1.seg")
    segment.append(b"a" * 32)
    write = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda file, content: write(file, content[:5]))
        with pytest.raises(OSError, match="a part"):
            segment.append(b"b" * 32)
    segment.append(b"c" * 32)
    segment.close()
    assert (tmp_path / "x-1.seg").read_bytes() == b"a" * 32 + b"c" * 32


async def test_a_folder_that_cannot_be_made_refuses_nobody(tmp_path: Path) -> None:
    (tmp_path / "receipts").write_text("in the way")
    async with open_door(receipts=FileReceipts(tmp_path, Shipping().ship)) as door:
        assert (await door.post(b"{}"))[0] == 202


async def test_an_accepted_event_has_its_receipt_and_a_refused_one_has_none(tmp_path: Path) -> None:
    shipping = Shipping()
    async with open_door(receipts=FileReceipts(tmp_path, shipping.ship)) as door:
        ids = (await door.post(b"[{}, {}]"))[1]["ids"]
        await door.post(b"[{}, 1]")
        door.transport.connected = False
        await door.post(b"{}")
        door.transport.connected = True
    assert {str(id) for id, _, _ in shipping.rows} == set(ids)
