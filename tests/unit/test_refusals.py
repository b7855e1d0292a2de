"""Refused requests on their way to the store: all of them soon, none at any price, and nobody waits for that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
import structlog
from multidict import CIMultiDict, CIMultiDictProxy
from prometheus_client import REGISTRY

from pipeline.ingress import refusals
from pipeline.ingress.authentication.guards import Proof
from pipeline.ingress.refusal import malformed
from pipeline.ingress.refusals import Refusals
from pipeline.ingress.refused import Refused
from pipeline.ingress.short import Head, Post
from pipeline.store.database import DatabaseUnavailable
from pipeline.store.refused import Row
from tests.support.ingress import connector
from tests.support.until import until


class Store:
    """Takes rows, or is away, or hangs, or cannot take some."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.groups: list[int] = []
        self.away = self.hangs = False
        self.poison = b"poison"
        self.tries = 0
        self.largest = 0  # bytes written at a time

    async def write(self, rows: Sequence[Row]) -> None:
        self.tries += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.away:
            raise DatabaseUnavailable("away")
        if any(row.body == self.poison for row in rows):
            raise ValueError("a row that no table takes")
        self.groups.append(len(rows))
        self.largest = max(self.largest, sum(len(row.body or b"") for row in rows))
        self.rows += rows

    @property
    def bodies(self) -> list[bytes | None]:
        return [row.body for row in self.rows]


def refused(body: bytes, of: int = 7, *, proven: bool = True) -> Refused:
    headers = CIMultiDictProxy(CIMultiDict({"Content-Type": "application/json", "Authorization": "Bearer hush"}))
    post = Post(Head(0, 0, "t", "/in/t", headers), body, None)  # type: ignore[arg-type] # whose address nobody asks for
    return Refused.of(connector(of), malformed("Malformed JSON", "no"), Proof(proven), post, body)


def counted(result: str) -> float:
    return REGISTRY.get_sample_value("leadpipe_ingress_refused_kept_total", {"result": result}) or 0.0


def quick(store: Store) -> Refusals:
    return Refusals(store.write, every=0.001, again=0.001)


async def test_what_is_handed_over_is_written_soon_together_and_in_order() -> None:
    store, before = Store(), counted("kept")
    log = quick(store)
    await log.start()
    bodies = [b"%d" % number for number in range(50)]
    for number, body in enumerate(bodies):
        log.keep(refused(body, of=number % 3))
    await until(lambda: len(store.rows) == 50)
    assert store.bodies == bodies and len(store.groups) == 1
    log.keep(refused(b"later"))
    await until(lambda: len(store.rows) == 51)
    await log.stop()
    assert counted("kept") - before == 51
    assert "hush" not in repr(store.rows)


async def test_it_waits_for_the_database_and_says_so_once() -> None:
    store = Store()
    store.away = True
    log = quick(store)
    with structlog.testing.capture_logs() as lines:
        await log.start()
        log.keep(refused(b"1"))
        log.keep(refused(b"2"))
        await until(lambda: store.tries > 3)
        assert log.waiting == 2
        store.away = False
        await until(lambda: not log.waiting)
        await log.stop()
    assert store.bodies == [b"1", b"2"]
    assert [line["event"] for line in lines] == ["refused requests may not be kept"]


async def test_what_waits_is_bounded_in_number_and_the_oldest_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "WAITING", 10)
    store, before = Store(), counted("dropped")
    log = quick(store)  # not started: nothing is written
    with structlog.testing.capture_logs() as lines:
        for number in range(1000):
            log.keep(refused(b"%d" % number))
    assert log.waiting == 10 and counted("dropped") - before == 990
    assert len(lines) == 1 and lines[0]["log_level"] == "warning"
    await log.start()
    await log.stop()
    assert store.bodies == [b"%d" % number for number in range(990, 1000)]


async def test_what_waits_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "HELD", 1_000)
    store = Store()
    log = quick(store)
    for number in range(9):
        log.keep(refused(b"%d" % number * 300))
    assert log.waiting == 3
    await log.start()
    await log.stop()
    assert store.bodies == [b"6" * 300, b"7" * 300, b"8" * 300]


async def test_a_flood_to_one_connector_costs_no_other_one_and_strangers_cost_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refusals, "WAITING", 10)
    store = Store()
    log = quick(store)
    log.keep(refused(b"quiet", of=8))
    log.keep(refused(b"proven"))
    for number in range(100):
        log.keep(refused(b"%d" % number, proven=False))
    await log.start()
    await log.stop()
    assert store.bodies[:2] == [b"quiet", b"proven"] and len(store.rows) == 10


async def test_a_write_is_bounded_in_number_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "BATCH", 4)
    monkeypatch.setattr(refusals, "BATCH_BYTES", 1_000)
    store = Store()
    log = quick(store)
    for _ in range(9):
        log.keep(refused(b"x"))
    for of in range(8, 14):
        log.keep(refused(b"y" * 900, of=of))
    await log.start()
    await until(lambda: not log.waiting)
    await log.stop()
    assert len(store.rows) == 15 and max(store.groups) <= 4 and store.largest < 1_000 + 900


async def test_one_that_cannot_be_stored_keeps_no_other_one_from_it() -> None:
    store, before = Store(), counted("dropped")
    log = quick(store)
    for body in (b"1", store.poison, b"2", store.poison, b"3"):
        log.keep(refused(body))
    with structlog.testing.capture_logs() as lines:
        await log.start()
        await until(lambda: not log.waiting)
    log.keep(refused(b"4"))
    await until(lambda: len(store.rows) == 4)
    await log.stop()
    assert store.bodies == [b"1", b"2", b"3", b"4"]
    assert counted("dropped") - before == 2
    assert [line["error"] for line in lines if line["log_level"] == "error"] == ["ValueError"] * 2
    assert "poison" not in repr(lines)


async def test_one_that_cannot_be_cleaned_keeps_no_other_one_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def row_of(refused: Refused) -> Row:
        if refused.body == b"hostile":
            raise RecursionError("a bug of ours")
        return one_row_of(refused)

    one_row_of = refusals.row_of
    monkeypatch.setattr(refusals, "row_of", row_of)
    store, before = Store(), counted("dropped")
    log = quick(store)
    for body in (b"1", b"hostile", b"2"):
        log.keep(refused(body))
    await log.start()
    await until(lambda: not log.waiting and len(store.rows) == 2)
    await log.stop()
    assert store.bodies == [b"1", b"2"] and counted("dropped") - before == 1


async def test_when_it_stops_the_rest_is_written() -> None:
    store = Store()
    log = Refusals(store.write, every=3600)
    await log.start()
    for number in range(250):
        log.keep(refused(b"%d" % number))
    await log.stop()
    assert len(store.rows) == 250 and log.waiting == 250 - len(store.rows)


@pytest.mark.parametrize("trouble", ["away", "hangs"])
async def test_it_stops_also_without_a_database(monkeypatch: pytest.MonkeyPatch, trouble: str) -> None:
    monkeypatch.setattr(refusals, "LAST", 0.05)
    store, before = Store(), counted("dropped")
    setattr(store, trouble, True)
    log = quick(store)
    await log.start()
    log.keep(refused(b"1"))
    log.keep(refused(b"2"))
    await until(lambda: store.tries)
    await log.stop()
    assert store.rows == [] and counted("dropped") - before == 2


async def test_one_that_never_began_stops_at_once() -> None:
    await Refusals(Store().write).stop()
