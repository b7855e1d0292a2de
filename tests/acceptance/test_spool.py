"""The ingress without its broker: it goes on accepting, promptly, and every accepted event arrives afterwards."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from pipeline.engine.frame import unpack
from pipeline.engine.transport import Unroutable
from pipeline.ingress.receipts import FileReceipts
from pipeline.ingress.segment import Segment
from pipeline.ingress.spool import feed
from pipeline.ingress.spool.spool import LIMIT, Spool
from tests.acceptance.test_receipts import Shipping
from tests.support.ingress import TOPOLOGY, Door, WatchedTransport, open_door
from tests.support.until import PATIENCE, in_some_try, until

Fault = Callable[[Door], None]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "AGAIN", 0.02)
    monkeypatch.setattr(feed, "TROUBLE", 0.02)
    monkeypatch.setattr(feed, "LOOK", 0.1)
    monkeypatch.setattr(feed, "LAST", PATIENCE)


def fresh(folder: Path) -> Iterator[Path]:
    """A folder for each try."""
    for number in count():
        (made := folder / str(number)).mkdir()
        yield made


def spooled() -> float:
    """How many events have gone to a spool of this process."""
    return REGISTRY.get_sample_value("leadpipe_spool_total", {"result": "kept"}) or 0.0


async def ids_at_the_entry(door: Door) -> list[str]:
    return [event.id for event in await door.events()]


async def readyz(door: Door) -> tuple[int, Any]:
    async with door.session.get(f"{door.url}/readyz") as response:
        return response.status, await response.json()


def hangs(door: Door) -> None:
    door.transport.gate.clear()


def is_away(door: Door) -> None:
    door.transport.connected = False


def refuses(door: Door) -> None:
    door.transport.refusal = Unroutable("no such queue")


def mended(door: Door) -> None:
    door.transport.refusal = None
    door.transport.connected = True
    door.transport.gate.set()


@pytest.mark.parametrize("fault", [hangs, is_away, refuses])
async def test_without_the_broker_it_accepts_and_everything_arrives_when_it_is_back(
    tmp_path: Path, fault: Fault
) -> None:
    shipping = Shipping()
    spool, receipts = Spool(tmp_path), FileReceipts(tmp_path, shipping.ship)
    async with open_door(spool=spool, receipts=receipts) as door:
        sent = [(await door.post(b"{}"))[1]["ids"][0]]
        fault(door)
        answers = await asyncio.gather(*(door.post(b"[{}, {}]") for _ in range(50)))
        answers += [await door.post(b"{}") for _ in range(20)]
        assert {status for status, _, _ in answers} == {202}
        sent += [id for _, answer, _ in answers for id in answer["ids"]]
        assert spool.events == 120
        mended(door)
        await until(lambda: spool.events == 0)
        assert (await door.post(b"{}"))[0] == 202
        arrived = await ids_at_the_entry(door)
        assert set(sent) < set(arrived)
        assert not list((tmp_path / "spool").glob("*.seg")) or spool.events == 0
    assert {str(id) for id, _, _ in shipping.rows} >= set(sent)  # they have their receipts from the first answer on


async def test_a_broker_that_hangs_holds_up_a_few_requests_for_a_moment_and_no_others(tmp_path: Path) -> None:
    loop, folders = asyncio.get_running_loop(), fresh(tmp_path)

    async def prompt() -> bool:
        async with open_door(spool=Spool(next(folders))) as door:
            for _ in range(200):  # it knows this broker
                await door.post(b"{}")
            hangs(door)
            took = []
            for _ in range(100):
                began = loop.time()
                assert (await door.post(b"{}"))[0] == 202
                took.append(loop.time() - began)
        took.sort()
        p50, p99, worst = (took[at] * 1000 for at in (50, 98, 99))
        print(f"the broker hangs: p50 {p50:.1f} ms, p99 {p99:.1f} ms, worst {worst:.1f} ms")
        return took[50] < 0.5 and took[99] < 2.0

    await in_some_try(prompt, "half of the answers within 0.5 s and all within 2 s")


async def test_a_confirm_that_is_late_takes_the_record_back_and_closes_the_breaker(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    async with open_door(spool=spool) as door:
        hangs(door)
        id = (await door.post(b"{}"))[1]["ids"][0]
        assert spool.events == 1
        door.ingress._feeder._task.cancel()  # type: ignore[union-attr]
        assert door.ingress._keeper.breaker.open
        door.ingress._keeper.breaker.confirmed(0.4)  # a slow broker, which has a long patience
        mended(door)
        await until(lambda: spool.events == 0)
        assert not door.ingress._keeper.breaker.open
        assert await ids_at_the_entry(door) == [id]


async def test_a_broker_that_is_slow_but_steady_gets_everything_itself(tmp_path: Path) -> None:
    takes = 0.1  # seconds: what is tried here is slowness itself

    class Slow(WatchedTransport):
        async def publish(self, messages: Any) -> None:
            await asyncio.sleep(takes)
            await super().publish(messages)

    folders = fresh(tmp_path)

    async def got_everything() -> bool:
        transport, before = Slow(), spooled()
        await transport.declare(TOPOLOGY)
        async with open_door(spool=Spool(next(folders)), transport=transport) as door:
            for _ in range(10):
                assert (await door.post(b"{}"))[0] == 202
            if spooled() != before:
                return False
            assert len(await door.events()) == 10
        return True

    await in_some_try(got_everything, "ten confirms without the spool")


async def test_a_full_spool_is_a_503_at_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    async with open_door(spool=spool) as door:
        is_away(door)
        await door.post(b"[{}, {}, {}]")
        spool._limit = int(spool.state().bytes * 3.05)
        answers = [await door.post(b"[{}, {}, {}]") for _ in range(5)]
        statuses = [status for status, _, _ in answers]
        assert statuses == [202, 202, 503, 503, 503]
        _, problem, headers = answers[-1]
        assert (problem["title"], int(headers["Retry-After"])) == ("Unavailable", 10)
        assert "the spool is full" in problem["detail"]
        status, told = await readyz(door)
        assert status == 503
        assert "full" in told["spool"]["trouble"]
        mended(door)
        await until(lambda: spool.state().bytes == 0)
        assert (await door.post(b"{}"))[0] == 202
        assert len(set(await ids_at_the_entry(door))) == 3 * statuses.count(202) + 4


async def test_a_disk_that_fails_is_a_503_and_heals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.ingress.spool.spool.GRUDGE", 0.05)

    def full(self: Segment, content: bytes, *, sync: bool = False) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with open_door(spool=Spool(tmp_path)) as door:
        is_away(door)
        with monkeypatch.context() as broken:
            broken.setattr(Segment, "append", full)
            status, problem, headers = await door.post(b"{}")
            assert status == 503
            assert "No space left" in problem["detail"]
            assert "Retry-After" in headers
            assert (await readyz(door))[0] == 503
        await until(lambda: door.ingress.spooled().trouble is None)  # type: ignore[union-attr]
        assert (await door.post(b"{}"))[0] == 202


async def test_with_a_broken_spool_the_broker_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.ingress.breaker.AGAIN", 0.05)
    (tmp_path / "spool").write_text("in the way")
    async with open_door(spool=Spool(tmp_path)) as door:
        assert (await door.post(b"{}"))[0] == 202
        is_away(door)
        assert (await door.post(b"{}"))[0] == 503
        mended(door)

        async def accepts() -> bool:
            return (await door.post(b"{}"))[0] == 202

        await until(accepts)


async def test_readiness_and_metrics_tell_of_the_spool(tmp_path: Path) -> None:
    async with open_door(spool=Spool(tmp_path)) as door:
        is_away(door)
        await door.post(b"[{}, {}]")
        status, told = await readyz(door)
        assert status == 200
        assert told["checks"]["broker"] == "cannot be reached; accepting into the spool"
        state = told["spool"]
        assert (state["events"], state["limit"], state["trouble"]) == (2, LIMIT, None)
        assert state["bytes"] > 0
        assert state["oldest_s"] >= 0
        async with door.session.get(f"{door.url}/metrics") as response:
            text = await response.text()
        assert "leadpipe_spool_events 2.0" in text
        assert f"leadpipe_spool_bytes {float(state['bytes'])}" in text
        assert "leadpipe_spool_oldest_seconds" in text
        assert 'leadpipe_spool_total{result="kept"}' in text


async def test_many_small_records_go_in_as_few_frames(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    async with open_door(spool=spool) as door:
        is_away(door)
        for _ in range(100):
            await door.post(b"{}")
        door.transport.groups.clear()
        mended(door)
        await until(lambda: spool.events == 0)
        assert sum(group for group in door.transport.groups if group > 1) >= 90
        assert len([group for group in door.transport.groups if group > 1]) <= 3


async def test_what_is_left_when_a_process_stops_is_fed_in_by_the_next(tmp_path: Path) -> None:
    async with open_door(spool=Spool(tmp_path)) as door:
        is_away(door)
        sent = [(await door.post(b"{}"))[1]["ids"][0] for _ in range(3)]
    spool = Spool(tmp_path)
    async with open_door(spool=spool) as door:

        async def all_there() -> bool:
            return len(await ids_at_the_entry(door)) >= len(sent)

        await until(all_there)
        assert await ids_at_the_entry(door) == sent


async def test_stopping_feeds_in_what_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "AGAIN", 60.0)
    transport = WatchedTransport()
    await transport.declare(TOPOLOGY)
    spool = Spool(tmp_path)
    async with open_door(spool=spool, transport=transport) as door:
        is_away(door)
        await asyncio.gather(*(door.post(b"{}") for _ in range(20)))
        mended(door)
        door.ingress._keeper.breaker.confirmed(0.0)
    assert len({event.id for event in await transport.events()}) == 20
    assert not list((tmp_path / "spool").glob("*.seg"))


async def test_a_lost_queue_is_named_while_events_are_spooled(tmp_path: Path) -> None:
    async with open_door(spool=Spool(tmp_path)) as door:
        queue = door.transport._queues.pop("work.first")
        assert (await door.post(b"{}"))[0] == 202
        status, told = await readyz(door)
        assert status == 200
        assert "work.first" in told["checks"]["topology"]
        door.transport._queues["work.first"] = queue
        await until(lambda: door.ingress.spool is not None and door.ingress.spool.events == 0)


async def test_frames_keep_the_time_of_their_making(tmp_path: Path) -> None:
    """So that the wait in the spool shows as age in the chain."""
    folders = fresh(tmp_path)

    async def kept() -> bool:
        spool = Spool(next(folders))
        async with open_door(spool=spool) as door:
            is_away(door)
            for _ in range(2):
                await door.post(b"{}")
            oldest = await spool.oldest()
            assert oldest is not None
            _, first = (await spool.read(oldest))[0]
            return bool(unpack(first.frames[0], first.at + 5)[0].waited_ms == pytest.approx(5_000, abs=500))

    await in_some_try(kept, "the time of the frame")
