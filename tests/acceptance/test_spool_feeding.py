"""The spool is fed in as the chain finishes what it has: all of it in the end, and new events do not wait for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.engine.frame import Bounds
from pipeline.ingress.spool import feed, window
from pipeline.ingress.spool.spool import Spool
from pipeline.ingress.spool.window import LEAST
from pipeline.store.database import DatabaseUnavailable
from tests.support.ingress import TOPOLOGY, Door, WatchedTransport, open_door
from tests.support.until import PATIENCE, until

RECORD = 100  # events
RECORDS = 20
FRAME = Bounds().events


@pytest.fixture(autouse=True)
def stubborn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker is tried again soon; nothing counts as gone through that has not reached the journal."""
    monkeypatch.setattr(feed, "AGAIN", 0.02)
    monkeypatch.setattr(feed, "TROUBLE", 0.02)
    monkeypatch.setattr(feed, "LOOK", 0.1)
    monkeypatch.setattr(feed, "LAST", PATIENCE)
    monkeypatch.setattr(window, "PATIENCE", 3600.0)


async def fill(door: Door, spool: Spool) -> None:
    """Have it spool RECORDS records, and come back to the broker."""
    door.transport.connected = False
    for _ in range(RECORDS):
        assert (await door.post(b"[" + b",".join([b"{}"] * RECORD) + b"]"))[0] == 202
    assert spool.events == RECORDS * RECORD
    door.transport.connected = True
    await until(lambda: not door.ingress._keeper.breaker.open)  # the first one finds that the broker is back


async def test_new_events_wait_for_no_more_than_the_chain_has_in_hand(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    async with open_door(spool=spool) as door:
        await fill(door, spool)
        assert door.ingress._feeder is not None
        ahead = door.ingress._feeder._window
        await until(lambda: ahead.is_full)
        new = (await door.post(b"{}"))[1]["ids"][0]
        before = [event.id for event in await door.events()].index(new)
        assert before == RECORDS * RECORD - spool.events
        assert before < LEAST + FRAME


async def test_feeding_goes_on_as_the_chain_finishes_what_it_has(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    async with open_door(spool=spool) as door:
        await fill(door, spool)

        async def all_fed() -> bool:
            door.journal.update({event.id: {} for event in await door.events()})
            return spool.events == 0

        await until(all_fed)
        fed = [event.id for event in await door.events()]
        assert len(fed) == len(set(fed)) == RECORDS * RECORD


async def test_while_the_journal_cannot_be_asked_it_is_fed_in_little_by_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "PATIENCE", 0.02)
    spool = Spool(tmp_path)
    async with open_door(spool=spool) as door:

        async def away(_: object) -> None:
            raise DatabaseUnavailable("away")

        assert door.ingress._feeder is not None
        monkeypatch.setattr(door.ingress._feeder._window, "_look", away)
        await fill(door, spool)
        await until(lambda: spool.events == 0)
        assert door.ingress._feeder._window.size == LEAST


async def test_stopping_feeds_in_what_it_can_though_the_chain_has_enough(tmp_path: Path) -> None:
    transport = WatchedTransport()
    await transport.declare(TOPOLOGY)
    spool = Spool(tmp_path)
    async with open_door(spool=spool, transport=transport) as door:
        await fill(door, spool)
        assert spool.events > 0
    assert len({event.id for event in await transport.events()}) == RECORDS * RECORD
    assert not list((tmp_path / "spool").glob("*.seg"))
