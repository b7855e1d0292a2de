"""Real events once more: what the journal kept of their requests. In: a connector. Out: events as they came in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pipeline.store.database import Database
from pipeline.store.ids import canonical
from schemas.event import Event

PAGE = 200  # events in hand at once

LATEST = """
SELECT event_id, account_id, connector_id, kind, received_at, request FROM journal
WHERE account_id = $1 AND connector_id = $2 AND (received_at, event_id) < ($3, $4) AND request <> ''
ORDER BY received_at DESC, event_id DESC LIMIT $5
"""

ONE = """
WITH place AS MATERIALIZED (
    SELECT coalesce(d.day, a.day) AS day
    FROM (SELECT $2::uuid AS event_id) AS wanted
    LEFT JOIN journal_day AS d USING (event_id) LEFT JOIN applied_event AS a USING (event_id)
)
SELECT j.event_id, j.account_id, j.connector_id, j.kind, j.received_at, j.request, c.name
FROM place JOIN journal AS j ON j.day = place.day AND j.event_id = $2 JOIN connector AS c ON c.id = j.connector_id
WHERE j.account_id = $1
"""

_LAST = (datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1))


async def latest(database: Database, account: int, connector: int, most: int) -> AsyncIterator[list[Event]]:
    """The last `most` events of a connector whose request is kept, the newest first, a page at a time."""
    received_at, id = _LAST
    while most > 0:
        rows = await database.fetch(LATEST, account, connector, received_at, id, min(PAGE, most))
        if rows:
            yield [_event(row) for row in rows]
            received_at, id = rows[-1]["received_at"], rows[-1]["event_id"]
        most = most - len(rows) if len(rows) == PAGE else 0


async def one(database: Database, account: int, event: str) -> tuple[Event, str] | None:
    """An event of the account and its connector's name; None: the journal has none of this id, or not its request."""
    id = canonical(event)
    row = None if id is None else await database.fetchrow(ONE, account, id)
    return None if row is None or not row["request"] else (_event(row), str(row["name"]))


def _event(row: Any) -> Event:
    return Event(
        id=str(row["event_id"]),
        account=row["account_id"],
        connector=row["connector_id"],
        kind=row["kind"],
        received_at=row["received_at"],
        raw=row["request"],
    )
