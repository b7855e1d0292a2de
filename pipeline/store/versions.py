"""The versions of a thing, which lie in one range of event ids. In: things. Out: what became of their versions.

See `pipeline.store.ids`. A thing may have any number of versions: a look takes from each range no more than it needs.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from pipeline.store.database import Connection, Database
from pipeline.store.ids import thing_of, versions_of

MOST = 100  # versions of one thing that are shown

MADE = """
SELECT asked.thing, made.call_id, made.activity_id
FROM unnest($1::uuid[], $2::uuid[]) AS asked (thing, last), LATERAL (
    SELECT call_id, activity_id FROM applied_event
    WHERE event_id BETWEEN asked.thing AND asked.last AND activity_id IS NOT NULL
    ORDER BY event_id LIMIT 1
) AS made
"""

# The day of the row is told by one of two tables, as in `pipeline.store.journal`.
OTHERS = """
WITH place AS MATERIALIZED (
    SELECT event_id, day FROM applied_event WHERE event_id BETWEEN $2 AND $3
    UNION
    SELECT event_id, day FROM journal_day WHERE event_id BETWEEN $2 AND $3
)
SELECT DISTINCT ON (j.received_at, j.event_id) j.event_id, j.received_at, j.outcome
FROM place JOIN journal AS j ON j.day = place.day AND j.event_id = place.event_id
WHERE j.account_id = $1 AND j.event_id <> $4
ORDER BY j.received_at DESC, j.event_id DESC LIMIT $5
"""


class Made(NamedTuple):
    """The call and the activity that a version of a thing made; a call is an activity too, with the same id."""

    call: str | None
    activity: str


async def made(connection: Connection, things: Collection[str]) -> dict[str, Made]:
    """The call and the activity of each of these things of which a version made any."""
    if not things:
        return {}
    rows = await connection.fetch(MADE, list(things), [versions_of(thing)[1] for thing in things])
    return {
        str(row["thing"]): Made(
            None if row["call_id"] is None else str(row["call_id"]),
            str(row["activity_id"]),
        )
        for row in rows
    }


async def others(database: Database, account: int, event: str) -> list[dict[str, Any]]:
    """The other versions of the thing that an event is a version of, the latest first: event_id, received_at, outcome.

    Those alone that are in the journal, and the latest hundred of them.
    """
    thing = thing_of(event)
    if thing is None:
        return []
    rows = await database.fetch(OTHERS, account, *versions_of(thing), event, MOST)
    return [{**row, "event_id": str(row["event_id"])} for row in rows]
