"""The spool on disk: what it kept survives whatever happens to its process, and it never takes more than it may."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pipeline.daemon import spooling
from pipeline.daemon.spooling import tell_spool
from pipeline.ingress import metrics
from pipeline.ingress.segment import Segment
from pipeline.ingress.spool import files
from pipeline.ingress.spool.record import Record, encode
from pipeline.ingress.spool.spool import HURT, LIMIT, Spool, SpoolUnavailable, Ticket
from pipeline.store.database import Database
from pipeline.store.spools import waiting
from tests.support.until import PATIENCE, until


@asynccontextmanager
async def opened(folder: Path, limit: int = LIMIT) -> AsyncIterator[Spool]:
    spool = Spool(folder, limit)
    yield spool
    await spool.close()


async def drained(spool: Spool) -> list[bytes]:
    """Feed everything in, so to say."""
    found: list[bytes] = []
    await spool.look()
    while segment := await spool.oldest():
        if (records := await spool.read(segment)) is None:
            continue
        for ticket, record in records:
            if not spool.is_settled(ticket):
                found += record.frames
                spool.settle(ticket)
        await spool.remove(segment)
    await spool.look()
    return found


def segments(folder: Path) -> list[Path]:
    return sorted((folder / "spool").glob("*.seg"))


def counted(result: str) -> float:
    return float(metrics.SPOOL.labels(result)._value.get())


async def test_what_is_kept_comes_out_in_order_and_its_file_goes(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await spool.keep([b"a", b"b"], 5)
        await spool.keep([b"c"], 1)
        state = spool.state()
        assert (state.events, state.trouble) == (6, None)
        assert state.bytes == sum(file.stat().st_size for file in segments(tmp_path))
        assert await drained(spool) == [b"a", b"b", b"c"]
        assert spool.state().events == spool.state().bytes == 0
        assert segments(tmp_path) == []


async def test_those_who_wait_together_share_one_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = threading.Semaphore(0)
    fdatasync = os.fdatasync

    def counting(file: int) -> None:
        synced.release()
        fdatasync(file)

    monkeypatch.setattr(os, "fdatasync", counting)
    async with opened(tmp_path) as spool:
        await asyncio.gather(*(spool.keep([b"%d" % number], 1) for number in range(50)))
        assert synced._value <= 3
        assert sorted(await drained(spool)) == sorted(b"%d" % number for number in range(50))


async def test_nothing_is_promised_before_the_sync_has_returned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow(_: int) -> None:
        begun.set()
        go.wait(PATIENCE)

    monkeypatch.setattr(os, "fdatasync", slow)
    async with opened(tmp_path) as spool:
        keeping = asyncio.create_task(spool.keep([b"a"], 1))
        assert await asyncio.to_thread(begun.wait, PATIENCE)  # and the loop goes on meanwhile
        assert not keeping.done()
        go.set()
        await keeping


async def test_a_settled_record_is_not_fed_in_and_a_segment_of_such_is_removed(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        first = await spool.keep([b"a"], 1)
        await spool.keep([b"b"], 1)
        spool.settle(first)
        spool.settle(first)
        assert spool.events == 1
        assert await drained(spool) == [b"b"]
        spool.settle(await spool.keep([b"c"], 1))
        assert await spool.oldest() is None
    async with opened(tmp_path) as other:  # who cannot know that it was settled
        assert await drained(other) == [b"c"]


async def test_segments_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SEGMENT", 100)
    async with opened(tmp_path) as spool:
        for number in range(10):
            await spool.keep([b"%d" % number * 60], 1)
        assert len(segments(tmp_path)) == 5
        assert len(await drained(spool)) == 10


async def test_the_limit_counts_everything_and_refuses_at_once(tmp_path: Path) -> None:
    size = len(encode(Record([b"x" * 100], 1, 0.0)))
    async with opened(tmp_path, 2 * size) as spool, opened(tmp_path, 2 * size) as other:
        before = counted("refused")
        await spool.keep([b"x" * 100], 1)
        results = await asyncio.gather(*(spool.keep([b"x" * 100], 3) for _ in range(3)), return_exceptions=True)
        assert [type(result) for result in results] == [Ticket, SpoolUnavailable, SpoolUnavailable]
        assert counted("refused") == before + 6
        trouble = spool.state().trouble
        assert trouble is not None
        assert "full" in trouble
        await other.look()
        with pytest.raises(SpoolUnavailable, match="full"):  # the folder is shared, and so is its limit
            await other.keep([b"x"], 1)
        await drained(spool)
        await spool.keep([b"x"], 1)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
async def test_a_disk_that_fails_keeps_nothing_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def failing(file: int) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr("pipeline.ingress.spool.spool.GRUDGE", 0.0)
    async with opened(tmp_path) as spool:
        await spool.keep([b"a"], 1)
        before = counted("failed")
        with monkeypatch.context() as broken:
            broken.setattr(os, "fdatasync", failing)
            with pytest.raises(SpoolUnavailable, match=os.strerror(error)):
                await spool.keep([b"not promised"], 1)
        assert counted("failed") == before + 1
        await spool.keep([b"b"], 1)
        assert await drained(spool) == [b"a", b"b"]


async def test_after_a_failure_the_spool_says_so_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path) as spool:
        with monkeypatch.context() as broken:
            broken.setattr(Segment, "append", _no_space)
            with pytest.raises(SpoolUnavailable):
                await spool.keep([b"a"], 1)
        assert spool.state().trouble == "the spool cannot be written: No space left on device"
        with pytest.raises(SpoolUnavailable, match="No space"):
            await spool.keep([b"a"], 1)
        monkeypatch.setattr("pipeline.ingress.spool.spool.GRUDGE", 0.0)
        await spool.keep([b"a"], 1)
        assert spool.state().trouble is None


def _no_space(self: Segment, content: bytes, *, sync: bool = False) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


async def test_free_space_is_left_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = os.statvfs(tmp_path)
    full = os.statvfs_result((*disk[:4], 10, *disk[5:]))  # ten blocks are free
    async with opened(tmp_path) as spool:
        monkeypatch.setattr(os, "statvfs", lambda path: full)
        with pytest.raises(SpoolUnavailable, match="nearly full"):
            await spool.keep([b"a"], 1)


async def test_a_folder_that_cannot_be_made_is_trouble_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("in the way")
    async with opened(tmp_path) as spool:
        with pytest.raises(SpoolUnavailable):
            await spool.keep([b"a"], 1)


async def test_living_processes_do_not_touch_each_other_and_heirs_take_all(tmp_path: Path) -> None:
    async with opened(tmp_path) as one, opened(tmp_path) as two:
        await one.keep([b"one"], 1)
        await two.keep([b"two"], 2)
        assert await drained(two) == [b"two"]
        await two.keep([b"two again"], 2)
        assert await one.identity() == await two.identity()
        (mine, events), present = one.shares()[0].popitem(), one.shares()[1]
        assert events[0] == 1
        assert mine in present
    async with opened(tmp_path) as heir:
        await heir.look()
        assert heir.state().events == 3
        assert sorted(await drained(heir)) == [b"one", b"two again"]
        assert [file.suffix for file in (tmp_path / "spool").iterdir() if file.name != "id"] == [".lock"]


async def test_a_segment_with_a_damaged_record_is_fed_in_and_set_aside(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        for body in (b"first", b"second", b"third"):
            await spool.keep([body], 1)
    (segment,) = segments(tmp_path)
    segment.write_bytes(segment.read_bytes().replace(b"second", b"sEcond"))
    before = counted("damaged")
    async with opened(tmp_path) as heir:
        assert await drained(heir) == [b"first", b"third"]
        assert counted("damaged") == before + 1
        assert segments(tmp_path) == []
        assert b"sEcond" in (tmp_path / "spool" / "damaged" / segment.name).read_bytes()


async def test_a_segment_of_nothing_but_damage_is_set_aside_too(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await spool.keep([b"only"], 1)
    (segment,) = segments(tmp_path)
    segment.write_bytes(segment.read_bytes().replace(b"only", b"0nly"))
    async with opened(tmp_path) as heir:
        assert await drained(heir) == []
        assert (tmp_path / "spool" / "damaged" / segment.name).exists()


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from pipeline.ingress.spool.spool import Spool

async def main():
    spool = Spool(Path(sys.argv[1]))
    number = 0
    while True:
        number += 1
        await spool.keep([b"%d." % number + b"x" * (number * 37 % 5000)], 1)
        print(number, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("after", [1, 40, 200])
async def test_what_was_promised_survives_a_kill_at_any_moment(tmp_path: Path, after: int) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(tmp_path), stdout=subprocess.PIPE, limit=1 << 20
    )
    assert process.stdout is not None
    while int(await process.stdout.readline()) < after:
        pass
    process.kill()
    promised = max([after, *(int(line) for line in (await process.stdout.read()).split() if line)])
    await process.wait()
    with max(segments(tmp_path), key=lambda file: file.stat().st_mtime).open("ab") as file:
        file.write(encode(Record([b"torn"], 1, time.time()))[:-1])
    async with opened(tmp_path) as heir:
        found = [int(frame.partition(b".")[0]) for frame in await drained(heir)]
    assert found == list(range(1, len(found) + 1))
    assert promised <= len(found) <= promised + 1


async def test_a_segment_that_somebody_removed_holds_up_no_other(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await spool.keep([b"a"], 1)
        gone = await spool.oldest()
        assert gone is not None
        await spool.keep([b"b"], 1)
        gone.unlink()
        assert await drained(spool) == [b"b"]


@pytest.mark.parametrize("removed", ["*.seg", "*", ""])
async def test_what_is_kept_after_somebody_cleaned_up_is_kept(tmp_path: Path, removed: str) -> None:
    """Its files are removed under a living process, or the whole folder; what comes after that must be found."""
    async with opened(tmp_path) as spool, opened(tmp_path) as other:
        await spool.keep([b"a"], 1)
        for file in (tmp_path / "spool").glob(removed) if removed else ():
            file.unlink()
        if not removed:
            shutil.rmtree(tmp_path / "spool")
        await spool.keep([b"b"], 1)
        await other.look()
        assert other.state().events == 0  # the process that has it lives
        assert len(segments(tmp_path)) == 1
        assert await drained(spool) == [b"b"]


async def test_a_segment_that_the_disk_does_not_give_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as spool:
        await spool.keep([b"first"], 1)
        await spool.oldest()  # closes the segment
        await spool.keep([b"second"], 1)
        first, _ = segments(tmp_path)
        whole = first.rename(tmp_path / "whole")
        first.mkdir()  # reading it fails, as a bad sector does
        assert await drained(spool) == [b"second"]
        assert spool.state().events == 1

        first.rmdir()
        whole.rename(first)
        assert await drained(spool) == []  # not asked again so soon
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + HURT)
        assert await drained(spool) == [b"first"]


async def test_what_the_database_is_told(tmp_path: Path, database: Database) -> None:
    async with opened(tmp_path) as spool:
        await spool.keep([b"a"], 3)
        telling = asyncio.create_task(tell_spool(database, spool))
        rows = await until(lambda: waiting(database))
        telling.cancel()
        await asyncio.wait({telling})
        assert [(row["events"], row["path"]) for row in rows] == [(3, str(tmp_path / "spool"))]
    async with opened(tmp_path) as heir:
        telling = asyncio.create_task(tell_spool(database, heir))
        assert await drained(heir) == [b"a"]
        await heir.identity()
    telling.cancel()  # after the spool was closed, as a process does
    await asyncio.wait({telling})
    assert telling.cancelled()
    assert await waiting(database) == []


async def test_what_could_not_be_told_is_told_once_it_can_be(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As while this program waits for a migration of its own."""
    monkeypatch.setattr(spooling, "EVERY", 0.01)
    await database.execute("ALTER TABLE spool RENAME TO to_come")
    async with opened(tmp_path) as spool:
        await spool.keep([b"a"], 1)
        telling = asyncio.create_task(tell_spool(database, spool))
        await until(lambda: 'relation "spool" does not exist' in "".join(capsys.readouterr()), "a word of it")
        await database.execute("ALTER TABLE to_come RENAME TO spool")

        async def told() -> int:
            return sum(row["events"] for row in await waiting(database))

        assert await until(told, "the spool told") == 1
        telling.cancel()
        await asyncio.wait({telling})
