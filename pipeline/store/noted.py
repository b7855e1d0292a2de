"""What was noted on the events of a connector. In: a connector and a time. Out: notes with how many events had them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipeline.store.database import Database
from pipeline.store.journal import MARGIN

MOST = 500  # different notes; a connector has a few for each of its fields

COUNTS = """
SELECT note, count(*) AS events, max(received_at) AS latest
FROM journal, unnest(notes) AS note
WHERE connector_id = $1 AND received_at >= $2 AND day >= $3 AND notes <> '{}' AND account_id = $4
GROUP BY note ORDER BY events DESC, note LIMIT $5
"""
EVENTS = """
SELECT count(*) FROM journal WHERE account_id = $4 AND connector_id = $1 AND received_at >= $2 AND day >= $3
"""
SAVED = """
SELECT r.created_at FROM connector AS c
JOIN connector_revision AS r ON r.connector_id = c.id AND r.revision = c.revision WHERE c.id = $1
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """One note, on how many events it is, and when the latest of them came."""

    note: str
    events: int
    latest: datetime


async def notes(database: Database, account: int, connector: int, since: datetime) -> list[Counted]:
    """The notes on the events of a connector that came since a time, the most frequent first."""
    rows = await database.fetch(COUNTS, connector, since, (since - MARGIN).date(), account, MOST)
    return [Counted(row["note"], row["events"], row["latest"]) for row in rows]


async def events(database: Database, account: int, connector: int, since: datetime) -> int:
    """How many events of the connector have ended that came since a time."""
    return int(await database.fetchval(EVENTS, connector, since, (since - MARGIN).date(), account))


async def saved_at(database: Database, connector: int) -> datetime | None:
    """When the revision in force was saved."""
    found: datetime | None = await database.fetchval(SAVED, connector)
    return found
