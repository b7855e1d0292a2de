"""How long events took, from what is stored. In: a connector and a time. Out: durations in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipeline.store.database import Database

MOST = 2_000_000  # rows that are looked at

JOURNALLED = """
SELECT extract(epoch FROM finished_at - received_at)::float8 AS seconds FROM journal
WHERE connector_id = $1 AND received_at >= $2
"""
TOLD = """
SELECT extract(epoch FROM n.created_at - j.received_at)::float8 AS seconds
FROM notification AS n JOIN journal AS j USING (event_id)
WHERE n.connector_id = $1 AND j.received_at >= $2
"""
END = "SELECT count(*) AS rows, max(finished_at) AS last FROM journal WHERE connector_id = $1 AND received_at >= $2"


@dataclass(frozen=True, slots=True)
class Timing:
    """`journalled`, `told`: seconds from accepted to the journal, and to the notification, of those that have one.

    `rows` journal rows were written, the last one at `last`.
    """

    journalled: list[float]
    told: list[float]
    rows: int
    last: datetime | None


async def timing(database: Database, connector: int, since: datetime) -> Timing:
    """The times of the events of a connector that came since a moment."""
    end = await database.fetchrow(END, connector, since)
    journalled = await database.fetch(f"{JOURNALLED} LIMIT {MOST}", connector, since)
    told = await database.fetch(f"{TOLD} LIMIT {MOST}", connector, since)
    return Timing(
        [row["seconds"] for row in journalled],
        [row["seconds"] for row in told],
        end["rows"] if end else 0,
        end["last"] if end else None,
    )
