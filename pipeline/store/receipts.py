"""Receipts: what producers were told is accepted. In: the ingress' segments. Out: whether the journal agrees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from pipeline.store.database import Connection, Database

Row = tuple[UUID | str, int, datetime]  # event, connector, received_at
LONG = 300.0  # seconds for a statement that reads days of rows
EXAMPLES = 20  # of the events that are missing
MARGIN = timedelta(days=1)  # a journal row's day can be that of an earlier arrival

# Nearly every event is in the journal on the day of its receipt; the others are looked for by their first day.
MISSING = """
SELECT r.event_id, min(r.connector_id) AS connector_id, min(r.received_at) AS received_at FROM receipt AS r
WHERE r.received_at >= $1 AND r.day >= $2
    AND NOT EXISTS (SELECT FROM journal AS j WHERE j.event_id = r.event_id AND j.day = r.day)
    AND NOT EXISTS (
        SELECT FROM journal_day AS d JOIN journal AS j ON j.day = d.day AND j.event_id = d.event_id
        WHERE d.event_id = r.event_id)
    AND NOT EXISTS (
        SELECT FROM applied_event AS a JOIN journal AS j ON j.day = a.day AND j.event_id = a.event_id
        WHERE a.event_id = r.event_id)
GROUP BY r.event_id
"""

UNANNOUNCED = """
SELECT count(*) FROM journal AS j
WHERE j.received_at >= $1 AND j.day >= $2
    AND NOT EXISTS (SELECT FROM receipt AS r WHERE r.event_id = j.event_id AND r.day >= $2)
"""

DOUBLE = """
SELECT count(*) FROM (
    SELECT FROM journal WHERE received_at >= $1 AND day >= $2 GROUP BY event_id HAVING count(*) > 1
) AS double
"""

COUNTS = """
SELECT count(*) AS receipts, count(DISTINCT event_id) AS accepted FROM receipt WHERE received_at >= $1 AND day >= $2
"""


@dataclass(frozen=True, slots=True)
class Balance:
    """accepted = journalled + missing, where nothing is under way.

    `receipts`: answers given; `accepted`: distinct events in them; `journalled`: of those, the ones in the journal;
    `missing`: the others, `examples` some of them (event, connector, received_at). `unannounced`: journal rows
    without a receipt (it is still to come, or was lost with a disk). `double`: events with two journal rows.
    `dead`: dead letters that wait for a decision.
    """

    receipts: int
    accepted: int
    journalled: int
    missing: int
    examples: list[dict[str, Any]]
    unannounced: int
    double: int
    dead: int


async def ship(database: Database, segment: str, rows: Sequence[Row]) -> None:
    """Keep the receipts of a segment; a segment that was shipped before changes nothing."""
    await database.transaction(partial(_ship, segment, rows))


async def _ship(segment: str, rows: Sequence[Row], connection: Connection) -> None:
    new = await connection.fetchval(
        "INSERT INTO receipt_segment (name) VALUES ($1) ON CONFLICT DO NOTHING RETURNING true", segment
    )
    if new:
        await connection.copy_records_to_table(
            "receipt",
            records=[
                (received_at.astimezone(UTC).date(), event, connector, received_at)
                for event, connector, received_at in rows
            ],
            columns=("day", "event_id", "connector_id", "received_at"),
        )


async def balance(database: Database, since: datetime) -> Balance:
    """Compare receipts and journal since a time; all accounts together."""
    window = (since, (since - MARGIN).date())

    async def look(connection: Connection) -> Balance:
        # one snapshot for all counts, or an event under way would be in one of them and not in the other
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        counts = await connection.fetchrow(COUNTS, *window, timeout=LONG)
        missing = await connection.fetchval(f"SELECT count(*) FROM ({MISSING}) AS missing", *window, timeout=LONG)
        found = await connection.fetch(f"{MISSING} ORDER BY 3, 1 LIMIT $3", *window, EXAMPLES, timeout=LONG)
        accepted = counts["accepted"] if counts else 0
        return Balance(
            receipts=counts["receipts"] if counts else 0,
            accepted=accepted,
            journalled=accepted - missing,
            missing=missing,
            examples=[{**row, "event_id": str(row["event_id"])} for row in found],
            unannounced=await connection.fetchval(UNANNOUNCED, *window, timeout=LONG),
            double=await connection.fetchval(DOUBLE, *window, timeout=LONG),
            dead=await connection.fetchval("SELECT count(*) FROM dead_letter WHERE status = 'dead'"),
        )

    return await database.transaction(look)
