"""Where values came from. In: ids of events. Out: of each, the connector and the revision it was processed with.

The journal says it, with the request; where its days are gone, what is kept of the event says what it can.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.store.database import Database
from pipeline.store.journal import DAYS

JOURNALLED = f"""
WITH place AS MATERIALIZED ({DAYS})
SELECT j.event_id, j.connector_id, c.name, j.revision, j.received_at, j.finished_at AS at, j.request, r.settings
FROM place
JOIN journal AS j ON j.day = place.day AND j.event_id = place.event_id
LEFT JOIN connector AS c ON c.id = j.connector_id
LEFT JOIN connector_revision AS r ON r.connector_id = j.connector_id AND r.revision = j.revision
WHERE j.account_id = $2
"""
APPLIED = """
SELECT a.event_id, a.connector_id, c.name, a.revision, NULL AS received_at, a.applied_at AS at, NULL AS request,
    NULL AS settings
FROM applied_event AS a LEFT JOIN connector AS c ON c.id = a.connector_id
WHERE a.account_id = $2 AND a.event_id = ANY ($1::uuid[])
"""


@dataclass(frozen=True, slots=True)
class Origin:
    """One event. `at`: when it took effect; `request` and `settings` are None where they are not kept any more."""

    event: str
    connector: int
    name: str | None
    revision: int | None
    received_at: datetime | None
    at: datetime
    request: str | None
    settings: dict[str, Any] | None


async def of_events(database: Database, account: int, events: Collection[str]) -> dict[str, Origin]:
    """The origins of these events, by id."""
    found = {str(row["event_id"]): _origin(row) for row in await database.fetch(JOURNALLED, list(events), account)}
    if missing := [event for event in events if event not in found]:
        found |= {str(row["event_id"]): _origin(row) for row in await database.fetch(APPLIED, missing, account)}
    return found


def _origin(row: Any) -> Origin:
    return Origin(
        str(row["event_id"]),
        row["connector_id"],
        row["name"],
        row["revision"],
        row["received_at"],
        row["at"],
        row["request"],
        row["settings"],
    )
