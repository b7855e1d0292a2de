"""Retention, receipts and workers in the store: what keeps the house, and what proves that nothing is lost."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from pipeline.store import receipts, retention, workers
from pipeline.store.database import Database
from pipeline.store.ids import new_id
from stages.log import log
from stages.upsert import upsert
from tests.support.events import NOON, mapped, run
from tests.unit.test_store_journal import entry, write

TODAY = NOON.date()
DAYS = retention.Days(journal=60, applied=365, history=365, ended=90)


async def partitions(database: Database, table: str = "journal") -> list[str]:
    rows = await database.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = to_regclass($1) ORDER BY 1", table
    )
    return [row["name"] for row in rows]


async def test_partitions_are_made_ahead(database: Database) -> None:
    kept = await retention.maintain(database, DAYS, today=TODAY)
    days = ["2026_03_01", "2026_03_02", "2026_03_03"]
    assert kept.made == [f"{table}_{day}" for table in ("journal", "receipt") for day in days]
    assert await partitions(database) == [*(f"journal_{day}" for day in days), "journal_default"]
    assert (await retention.maintain(database, DAYS, today=TODAY)).made == []


async def test_rows_written_before_their_partition_move_into_it(database: Database) -> None:
    before = entry()
    await write(database, [before, entry(minute=-1440 * 3)])
    await retention.maintain(database, DAYS, today=TODAY)
    assert await database.fetchval("SELECT event_id::text FROM journal_2026_03_01") == before.event
    assert await database.fetchval("SELECT count(*) FROM journal_default") == 1
    await write(database, [entry(), before])
    assert await database.fetchval("SELECT count(*) FROM journal_2026_03_01") == 2


async def test_what_is_older_than_the_retention_goes(database: Database) -> None:
    await retention.maintain(database, DAYS, today=TODAY)
    await write(database, [entry(), entry(minute=-1440)])
    await database.execute(
        "CREATE TABLE journal_backup PARTITION OF journal FOR VALUES FROM ('1999-01-01') TO ('1999-01-02')"
    )
    last = await retention.maintain(database, DAYS, today=TODAY + timedelta(days=60))
    assert last.dropped == []
    assert await database.fetchval("SELECT count(*) FROM journal") == 1
    kept = await retention.maintain(database, DAYS, today=TODAY + timedelta(days=61))
    assert kept.dropped == ["journal_2026_03_01", "receipt_2026_03_01"]
    assert await database.fetchval("SELECT count(*) FROM journal") == 0
    assert await database.fetchval("SELECT count(*) FROM journal_day") == 0
    assert "journal_backup" in await partitions(database)


@pytest.mark.usefixtures("same_day")
async def test_applied_events_are_remembered_longer_than_the_journal(database: Database) -> None:
    today = datetime.now(UTC).date()
    event = mapped({"phone": "+919611795983"}, received_at=NOON.replace(year=2020))
    await run(upsert, database, event)
    await retention.maintain(database, DAYS, today=today + timedelta(days=300))
    assert await database.fetchval("SELECT count(*) FROM applied_event") == 1
    await retention.maintain(database, DAYS, today=today + timedelta(days=367))
    assert await database.fetchval("SELECT count(*) FROM applied_event") == 0
    # forgotten, and still harmless
    await run(upsert, database, event)
    assert await database.fetchval("SELECT count(*) FROM lead") == 1


async def test_several_housekeepers_do_not_disturb_each_other(database: Database) -> None:
    kept = await asyncio.gather(*(retention.maintain(database, DAYS, today=TODAY) for _ in range(3)))
    assert sorted(len(each.made) for each in kept) == [0, 0, 6]


async def test_a_segment_is_shipped_once(database: Database) -> None:
    rows: list[receipts.Row] = [(new_id(), 1, NOON), (new_id(), 1, NOON)]
    await receipts.ship(database, "one", rows)
    await receipts.ship(database, "one", rows)
    await asyncio.gather(*(receipts.ship(database, "two", rows) for _ in range(3)))
    await receipts.ship(database, "empty", [])
    assert await database.fetchval("SELECT count(*) FROM receipt") == 4


async def test_the_books_balance(database: Database) -> None:
    applied, repeated = mapped({"phone": "+919611795983"}), mapped({"phone": "+14155550100"})
    for outcome in await run(upsert, database, applied, repeated):
        await run(log, database, outcome.event)  # type: ignore[union-attr]
    failed = entry()
    await write(database, [failed])
    lost = new_id()
    later = NOON + timedelta(days=2)
    rows: list[receipts.Row] = [(applied.id, 1, NOON), (failed.event, 1, NOON), (lost, 5, NOON)]
    rows += [(repeated.id, 1, NOON), (repeated.id, 1, later), (failed.event, 1, later)]
    await receipts.ship(database, "one", rows)
    await write(database, [unannounced := entry()])
    balance = await receipts.balance(database, NOON)
    assert balance == receipts.Balance(
        receipts=6,
        accepted=4,
        journalled=3,
        missing=1,
        examples=[{"event_id": lost, "connector_id": 5, "received_at": NOON}],
        unannounced=1,
        double=0,
        dead=0,
    )
    # of what came again later, the journal row of the first day counts
    assert (await receipts.balance(database, later)).missing == 0
    await database.execute(
        'INSERT INTO journal SELECT (jsonb_populate_record(j, \'{"day": "2026-03-02"}\')).* FROM journal AS j'
        " WHERE event_id = $1",
        unannounced.event,
    )
    assert (await receipts.balance(database, NOON)).double == 1


async def test_the_books_of_nothing_balance(database: Database) -> None:
    balance = await receipts.balance(database, NOON)
    assert (balance.accepted, balance.journalled, balance.missing, balance.examples) == (0, 0, 0, [])


async def test_workers_live_while_they_beat(database: Database) -> None:
    await workers.beat(database, "a:1", "a", 1, {"map": {"rate": 1.5}})
    await workers.beat(database, "a:2", "a", 2, {})
    [first, _] = await workers.live(database)
    assert (first["name"], first["stages"]) == ("a:1", {"map": {"rate": 1.5}})
    await workers.beat(database, "a:1", "a", 1, {"map": {"rate": 2}})
    [again, _] = await workers.live(database)
    assert again["started_at"] == first["started_at"] and again["beat_at"] > first["beat_at"]
    await database.execute("UPDATE worker SET beat_at = now() - interval '1 minute' WHERE name = 'a:2'")
    assert [worker["name"] for worker in await workers.live(database)] == ["a:1"]
    await workers.leave(database, "a:1")
    assert await workers.live(database) == []


async def test_a_worker_that_went_without_a_word_is_forgotten(database: Database) -> None:
    await workers.beat(database, "a:1", "a", 1, {})
    await database.execute("UPDATE worker SET beat_at = now() - interval '2 days'")
    await retention.maintain(database, DAYS, today=date(2026, 1, 1))
    assert await database.fetchval("SELECT count(*) FROM worker") == 0
