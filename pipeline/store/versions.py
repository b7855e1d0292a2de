"""The versions of a thing, which lie in one range of event ids. In: things. Out: what became of their versions.

See `pipeline.store.ids`. A thing may have any number of versions: a look takes from each range no more than it needs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
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

# Asked for each batch that reaches the records: hardly ever is there any. The ids must be a parameter as they are: made
# of a text in the statement they would be made anew for every letter that waits.
ANY_WAITING = """
SELECT EXISTS (SELECT FROM dead_letter WHERE thing IS NOT NULL AND status = 'dead' AND decision IS NULL)
"""
WAITING = """
SELECT id, event_id, thing, received_at FROM dead_letter
WHERE thing = ANY ($1::uuid[]) AND status = 'dead' AND decision IS NULL
"""

# What died waits for nobody any more once a later version has reached the records, or the event itself, sent again.
SETTLE = """
UPDATE dead_letter AS letter SET status = 'superseded', changed_at = now()
FROM unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[])
    AS waiting (id, event_id, thing, last, received_at)
WHERE letter.id = waiting.id AND letter.status = 'dead' AND letter.decision IS NULL AND EXISTS (
    SELECT FROM applied_event AS a LEFT JOIN journal_day AS d USING (event_id)
    JOIN journal AS j ON j.day = coalesce(d.day, a.day) AND j.event_id = a.event_id
    WHERE a.event_id BETWEEN waiting.thing AND waiting.last AND j.outcome IN ('created', 'updated', 'unchanged')
        AND (j.received_at > waiting.received_at OR j.event_id = waiting.event_id))
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


async def settle(database: Database, events: Iterable[str]) -> None:
    """Set aside what earlier versions of the things that these events are versions of died of: `superseded`.

    To be called once it is stored that the events reached the records, or died: of two processes that store one of
    these each, the one that is second sees what the other one stored. Raises DatabaseUnavailable.
    """
    things = {thing for event in events if (thing := thing_of(event)) is not None}
    if not things or not await database.fetchval(ANY_WAITING):
        return
    if rows := await database.fetch(WAITING, list(things)):
        await database.execute(
            SETTLE,
            [row["id"] for row in rows],
            [row["event_id"] for row in rows],
            [row["thing"] for row in rows],
            [versions_of(str(row["thing"]))[1] for row in rows],
            [row["received_at"] for row in rows],
        )


async def others(database: Database, account: int, event: str) -> list[dict[str, Any]]:
    """The other versions of the thing that an event is a version of, the latest first: event_id, received_at, outcome.

    Those alone that are in the journal, and the latest hundred of them.
    """
    thing = thing_of(event)
    if thing is None:
        return []
    rows = await database.fetch(OTHERS, account, *versions_of(thing), event, MOST)
    return [{**row, "event_id": str(row["event_id"])} for row in rows]
