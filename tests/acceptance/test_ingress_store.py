"""The ingress against a real database: connectors as they are applied, results from the journal, receipts shipped."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from pipeline.ingress.receipts import FileReceipts
from pipeline.store import catalog as catalogs
from pipeline.store import connectors, entries, journal, receipts
from pipeline.store.catalog import Catalog
from pipeline.store.database import Database, DatabaseUnavailable
from schemas.connector import Connector, ConnectorSettings
from tests.support.ingress import open_door
from tests.support.until import PATIENCE

SETTINGS = ConnectorSettings(name="site", preset="generic-json")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogs, "LONGEST_LOOK", PATIENCE)


async def test_a_connector_works_as_soon_as_it_is_applied(database: Database) -> None:
    catalog = Catalog(database)
    await catalog.refresh()
    applied = await connectors.apply(database, 1, SETTINGS)
    found = await asyncio.gather(*(catalog.by_token(applied.token) for _ in range(10)))
    assert {connector and connector.name for connector in found} == {"site"}


async def test_a_connector_works_also_a_moment_after_somebody_tried_a_wrong_token(database: Database) -> None:
    catalog = Catalog(database)
    assert await catalog.by_token("wrong") is None
    for name in ("site", "other", "third"):
        applied = await connectors.apply(database, 1, ConnectorSettings(name=name, preset="generic-json"))
        found = await catalog.by_token(applied.token)
        assert found and found.name == name


async def test_a_connector_that_is_applied_while_the_database_is_asked_works_too(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = connectors.version
    catalog = Catalog(database)
    looking, applied = asyncio.Event(), asyncio.Event()

    async def slow(database: Database) -> int:
        found = await version(database)
        looking.set()
        await applied.wait()
        return found

    monkeypatch.setattr(connectors, "version", slow)
    early = asyncio.create_task(catalog.by_token("wrong"))
    await looking.wait()
    token = (await connectors.apply(database, 1, SETTINGS)).token
    late = asyncio.create_task(catalog.by_token(token))
    applied.set()
    assert await early is None
    assert await late


async def test_a_flood_of_wrong_tokens_asks_the_database_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    version = connectors.version

    async def counted(database: Database) -> int:
        nonlocal asked
        asked += 1
        return await version(database)

    monkeypatch.setattr(connectors, "version", counted)
    catalog = Catalog(database)
    began = time.monotonic()
    assert await asyncio.gather(*(catalog.by_token(f"wrong-{n}") for n in range(100))) == [None] * 100
    assert asked == 1
    assert await asyncio.gather(*(catalog.by_token(f"wrong-{n}") for n in range(100))) == [None] * 100
    assert asked == 2
    assert time.monotonic() - began >= catalogs.PATIENCE


async def test_with_the_database_away_unknown_is_never_said(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied = await connectors.apply(database, 1, SETTINGS)
    catalog = Catalog(database)
    await catalog.refresh()

    async def away(database: Database) -> int:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(connectors, "version", away)
    for _ in range(3):
        with pytest.raises(DatabaseUnavailable):
            await catalog.by_token("unknown")
    assert await catalog.by_token(applied.token)


async def test_a_database_that_hangs_holds_nobody_up(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(database: Database) -> int:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(connectors, "version", hang)
    monkeypatch.setattr(catalogs, "LONGEST_LOOK", 0.05)
    catalog = Catalog(database)
    with pytest.raises(DatabaseUnavailable):
        await catalog.by_token("unknown")
    assert catalog._looking
    catalog._looking.cancel()


async def test_accepted_events_balance_with_the_journal(database: Database, tmp_path: Path) -> None:
    shipping = FileReceipts(tmp_path, partial(receipts.ship, database), every=0.01)
    since = datetime.now(UTC) - timedelta(minutes=1)
    async with open_door(receipts=shipping) as door:
        ids = (await door.post(b"[{}, {}, {}]"))[1]["ids"]
        (first, *_) = await door.events()
        entry = entries.Entry(
            event=first.id,
            day=first.received_at.date(),
            account=1,
            connector=first.connector,
            kind=first.kind,
            received_at=first.received_at,
            occurred_at=None,
            outcome="dropped",
            attempts=1,
            revision=1,
            replay=0,
            request=first.raw,
        )
        await database.transaction(lambda connection: entries.write(connection, [entry], datetime.now(UTC)))
        assert (await journal.results_of(database, ids)).keys() == {first.id}
    balance = await receipts.balance(database, since)
    assert (balance.accepted, balance.journalled, balance.missing) == (3, 1, 2)
    assert {example["event_id"] for example in balance.examples} == set(ids) - {first.id}


async def test_a_slow_refresh_does_not_undo_a_later_one(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = Catalog(database)
    load_all = connectors.load_all
    reading, go = asyncio.Event(), asyncio.Event()

    async def slow(database: Database) -> list[Connector]:
        found = await load_all(database)
        if not reading.is_set():
            reading.set()
            await go.wait()
        return found

    monkeypatch.setattr(connectors, "load_all", slow)
    early = asyncio.create_task(catalog.refresh())
    await reading.wait()
    await connectors.apply(database, 1, SETTINGS)
    late = asyncio.create_task(catalog.refresh())
    await asyncio.wait({late}, timeout=1)  # it waits for the other; did it not, it would be done by now
    go.set()
    await asyncio.gather(early, late)
    assert catalog.known.version == await connectors.version(database)
    assert list(catalog.names().values()) == ["site"]
