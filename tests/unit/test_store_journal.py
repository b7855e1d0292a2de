"""The journal in the store: listed by page and filter, shown, counted, waited for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.store import entries as written
from pipeline.store import journal
from pipeline.store.database import Connection, Database
from pipeline.store.entries import Entry
from pipeline.store.ids import new_id
from pipeline.store.journal import Filter
from tests.support.events import ACCOUNT, CONNECTOR, NOON


def entry(minute: float = 0, **changes: Any) -> Entry:
    received = NOON + timedelta(minutes=minute)
    plain: dict[str, Any] = {
        "event": new_id(),
        "day": received.date(),
        "account": ACCOUNT,
        "connector": CONNECTOR,
        "kind": "lead",
        "received_at": received,
        "occurred_at": None,
        "outcome": "failed",
        "attempts": 1,
        "revision": 1,
        "replay": 0,
        "request": '{"name": "Asha"}',
        "failure": {"stage": "map", "rule": "a number", "field": "lead.score", "value": "x"},
    }
    return Entry(**{**plain, **changes})


async def write(database: Database, entries: Sequence[Entry]) -> None:
    async def work(connection: Connection) -> None:
        await written.write(connection, entries, datetime.now(UTC))

    await database.transaction(work)


async def listed(database: Database, **wanted: Any) -> list[str]:
    page = await journal.page(database, ACCOUNT, Filter(**wanted))
    return [row["event_id"] for row in page.rows]


async def test_pages_neither_repeat_nor_lose_a_row(database: Database) -> None:
    entries = [entry(minute=minute // 3 * 1440) for minute in range(10)]  # days apart, three at one moment
    await write(database, entries)
    seen: list[str] = []
    after: str | None = None
    while True:
        page = await journal.page(database, ACCOUNT, after=after, limit=3)
        seen += [row["event_id"] for row in page.rows]
        if (after := page.next) is None:
            break
        await write(database, [entry(minute=20_000)])  # newer than every page: it moves nothing
    ordered = sorted(entries, key=lambda each: (each.received_at, each.event), reverse=True)
    assert seen == [each.event for each in ordered]


async def test_a_page_that_ends_with_the_last_row_has_no_next(database: Database) -> None:
    await write(database, [entry(), entry()])
    assert (await journal.page(database, ACCOUNT, limit=2)).next is None
    assert (await journal.page(database, ACCOUNT, limit=1)).next is not None


async def test_a_page_mark_that_is_none_is_refused(database: Database) -> None:
    with pytest.raises(ValueError):
        await journal.page(database, ACCOUNT, after="nonsense")


async def test_rows_are_filtered(database: Database) -> None:
    lead = new_id()
    dropped = entry(outcome="dropped", failure=None, reason="A Test")
    other = entry(1440, connector=9)
    found = entry(2880, outcome="updated", failure=None, lead=lead, request='{"name": "100%_Ravi"}')
    await write(database, [dropped, other, found])
    assert await listed(database, connector=9) == [other.event]
    assert await listed(database, outcome="failed") == [other.event]
    assert await listed(database, outcome="dropped") == [dropped.event]
    assert await listed(database, since=other.received_at) == [found.event, other.event]
    assert await listed(database, until=other.received_at) == [dropped.event]
    assert await listed(database, search=lead) == await listed(database, search=found.event) == [found.event]
    assert await listed(database, search="100%_ravi") == [found.event]
    assert await listed(database, search="a test") == [dropped.event]
    assert await listed(database, search="%") == [found.event]
    assert await listed(database, search="'; DROP TABLE journal; --{v0}") == []


async def test_outcomes_are_counted(database: Database) -> None:
    await write(database, [entry(), entry(5), entry(5, outcome="dropped", failure=None), entry(account=7)])
    assert await journal.counts(database, ACCOUNT) == {"dropped": 1, "failed": 2}
    assert await journal.counts(database, ACCOUNT, NOON + timedelta(minutes=5)) == {"dropped": 1, "failed": 1}


async def test_results_are_told_of_those_that_ended(database: Database) -> None:
    failed, unknown = entry(reason="no"), new_id()
    await write(database, [failed])
    assert await journal.results_of(database, []) == {}
    assert await journal.results_of(database, [failed.event, unknown]) == {
        failed.event: {
            "outcome": "failed",
            "reason": "no",
            "stage": "map",
            "field": "lead.score",
            "value": "x",
            "rule": "a number",
        }
    }


async def test_accounts_see_their_own_rows(database: Database) -> None:
    ours, theirs = entry(), entry(account=7)
    await write(database, [ours, theirs])
    assert await listed(database) == [ours.event]
    assert await listed(database, search=theirs.event) == []
    assert await journal.show(database, ACCOUNT, theirs.event) is None
    assert await journal.show(database, 7, theirs.event) is not None


@pytest.mark.parametrize("id", ["", "x", "00000000-0000-0000-0000-000000000000"])
async def test_what_is_no_event_is_not_shown(database: Database, id: str) -> None:
    assert await journal.show(database, ACCOUNT, id) is None
