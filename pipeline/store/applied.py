"""Applied events: the memory that makes effects happen once. In: event ids. Out: what became of those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pipeline.store.database import Collision, Connection

READ = """
SELECT wanted.event_id, coalesce(d.day, a.day) AS day,
    a.outcome, a.lead_id, a.call_id, a.activity_id, a.matched_by, a.changed
FROM unnest($1::uuid[]) AS wanted (event_id)
LEFT JOIN applied_event AS a USING (event_id)
LEFT JOIN journal_day AS d USING (event_id)
WHERE a.event_id IS NOT NULL OR d.event_id IS NOT NULL
"""

WRITE = """
INSERT INTO applied_event
    (event_id, day, account_id, connector_id, outcome, lead_id, call_id, activity_id, matched_by, changed)
SELECT event_id, day, account_id, connector_id, outcome, lead_id, call_id, activity_id, matched_by,
    string_to_array(changed, ',')
FROM unnest(
    $1::uuid[], $2::date[], $3::bigint[], $4::bigint[], $5::text[],
    $6::uuid[], $7::uuid[], $8::uuid[], $9::text[], $10::text[]
) AS new (event_id, day, account_id, connector_id, outcome, lead_id, call_id, activity_id, matched_by, changed)
ON CONFLICT DO NOTHING
RETURNING event_id
"""


@dataclass(frozen=True, slots=True)
class Applied:
    """One event that took effect: `outcome` is created, updated or unchanged; `changed` names fields."""

    event: str
    account: int
    connector: int
    day: date
    outcome: str
    lead: str
    call: str | None
    activity: str | None
    by: str | None
    changed: tuple[str, ...]

    def result(self, *, duplicate: bool) -> dict[str, Any]:
        """What travels on in the event."""
        return result_of(
            self.outcome, self.lead, self.call, self.activity, self.by, self.changed, self.day, duplicate=duplicate
        )


@dataclass(frozen=True, slots=True)
class Known:
    """What is already known of some events: the results of those applied, and the days of journal rows."""

    results: dict[str, dict[str, Any]]
    days: dict[str, date]


def result_of(
    outcome: str,
    lead: str,
    call: str | None,
    activity: str | None,
    by: str | None,
    changed: Sequence[str],
    day: date,
    *,
    duplicate: bool,
) -> dict[str, Any]:
    """`Event.result` of an applied event."""
    return {
        "outcome": outcome,
        "lead": lead,
        "call": call,
        "activity": activity,
        "by": by,
        "changed": list(changed),
        "day": day.isoformat(),
        "duplicate": duplicate,
    }


async def read(connection: Connection, ids: Sequence[str]) -> Known:
    """What is known of these events."""
    known = Known({}, {})
    for row in await connection.fetch(READ, ids):
        id = str(row["event_id"])
        known.days[id] = row["day"]
        if row["outcome"] is not None:
            known.results[id] = result_of(
                row["outcome"],
                str(row["lead_id"]),
                _text(row["call_id"]),
                _text(row["activity_id"]),
                row["matched_by"],
                row["changed"],
                row["day"],
                duplicate=True,
            )
    return known


async def write(connection: Connection, applied: Sequence[Applied]) -> None:
    """Note these events as applied; raises Collision if another transaction applied one of them meanwhile."""
    if not applied:
        return
    rows = sorted(applied, key=lambda row: row.event)
    written = await connection.fetch(
        WRITE,
        [row.event for row in rows],
        [row.day for row in rows],
        [row.account for row in rows],
        [row.connector for row in rows],
        [row.outcome for row in rows],
        [row.lead for row in rows],
        [row.call for row in rows],
        [row.activity for row in rows],
        [row.by for row in rows],
        [",".join(row.changed) for row in rows],
    )
    if len(written) < len(rows):
        raise Collision("another transaction applied one of these events")


def _text(id: Any) -> str | None:
    return None if id is None else str(id)
