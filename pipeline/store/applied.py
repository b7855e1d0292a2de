"""Applied events: the memory that makes effects happen once. In: event ids. Out: what became of those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from pipeline.store import bulk
from pipeline.store.behaviour import sync_of
from pipeline.store.database import Collision, Connection
from schemas.event import Event

# The day of an event that has a row in the journal already, and is not here, is looked up when the next row is written.
READ = """
SELECT a.event_id, a.day, a.outcome, a.lead_id, a.call_id, a.activity_id, a.matched_by, a.changed,
    a.reason, a.revision, a.replay, a.lead_sync, a.activity_sync, a.decision
FROM unnest($1::uuid[]) AS wanted (event_id) JOIN applied_event AS a USING (event_id)
"""

# A replay decides anew about an event that was dropped, and about no other.
WRITE = """
INSERT INTO applied_event (
    event_id, day, account_id, connector_id, outcome, lead_id, call_id, activity_id, matched_by, changed,
    reason, revision, replay, lead_sync, activity_sync, decision
)
SELECT event_id, day, account_id, connector_id, outcome, lead_id, call_id, activity_id, matched_by,
    string_to_array(changed, ','), reason, revision, replay, lead_sync, activity_sync, decision
FROM unnest(
    $1::uuid[], $2::date[], $3::bigint[], $4::bigint[], $5::text[],
    $6::uuid[], $7::uuid[], $8::uuid[], $9::text[], $10::text[],
    $11::text[], $12::int[], $13::int[], $14::text[], $15::text[], $16::jsonb[]
) AS new (
    event_id, day, account_id, connector_id, outcome, lead_id, call_id, activity_id, matched_by, changed,
    reason, revision, replay, lead_sync, activity_sync, decision
)
ON CONFLICT (event_id) DO UPDATE SET
    outcome = excluded.outcome, lead_id = excluded.lead_id, call_id = excluded.call_id,
    activity_id = excluded.activity_id, matched_by = excluded.matched_by, changed = excluded.changed,
    reason = excluded.reason, revision = excluded.revision, replay = excluded.replay,
    lead_sync = excluded.lead_sync, activity_sync = excluded.activity_sync, decision = excluded.decision,
    applied_at = excluded.applied_at
WHERE applied_event.outcome = 'dropped' AND excluded.replay > applied_event.replay
RETURNING event_id
"""


COLUMNS = (
    "event_id, day, account_id, connector_id, outcome, lead_id, call_id, activity_id, matched_by, "
    "changed, reason, revision, replay, lead_sync, activity_sync, decision"
)


class Applied(NamedTuple):
    """One event that is settled: created, updated, unchanged, or dropped. `changed` names fields.

    `lead` is None where an event was dropped because there was none. `reason`: what a behaviour kept from being done,
    and why. Which behaviours were in force, and what a person decided, is in the event's data.
    """

    event: Event
    day: date
    outcome: str
    lead: str | None
    call: str | None = None
    activity: str | None = None
    by: str | None = None
    changed: Sequence[str] = ()
    reason: str | None = None

    def result(self, *, duplicate: bool) -> dict[str, Any]:
        """What travels on in the event."""
        result = {
            "outcome": self.outcome,
            "lead": self.lead,
            "call": self.call,
            "activity": self.activity,
            "by": self.by,
            "changed": list(self.changed),
            "day": self.day.isoformat(),
            "duplicate": duplicate,
        }
        return result if self.reason is None else {**result, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Known:
    """What is already known of some events: the results of those settled.

    `dropped`: on which replay an event was dropped; a later one decides anew. `days`: the days of their journal rows.
    """

    results: dict[str, dict[str, Any]]
    days: dict[str, date]
    dropped: dict[str, int]

    def settles(self, event: str, replay: int) -> bool:
        """Whether this run of the event goes on with what was decided before."""
        return event in self.results and not replay > self.dropped.get(event, replay)


async def read(connection: Connection, ids: Sequence[str]) -> Known:
    """What is known of these events."""
    known = Known({}, {}, {})
    for row in await connection.fetch(READ, ids):
        id = str(row["event_id"])
        known.results[id] = _result(row)
        if row["outcome"] == "dropped":
            known.days[id] = row["day"]
            known.dropped[id] = row["replay"]
    return known


async def write(connection: Connection, applied: Sequence[Applied]) -> None:
    """Note these events as applied; raises Collision if another transaction applied one of them meanwhile."""
    if not applied:
        return
    rows = sorted(applied, key=lambda row: row.event.id)
    await bulk.add(connection, "applied_event", COLUMNS, (_line(row) for row in rows if not row.event.replay))
    if replayed := [row for row in rows if row.event.replay]:
        await _write(connection, replayed)


def _line(row: Applied) -> str:
    """As COPY takes it, in the order of COLUMNS."""
    event, sync = row.event, sync_of(row.event)
    return bulk.line(
        event.id,
        row.day,
        event.account,
        event.connector,
        row.outcome,
        row.lead,
        row.call,
        row.activity,
        bulk.text(row.by),
        bulk.names(tuple(row.changed)),
        bulk.text(row.reason),
        event.revision,
        event.replay,
        sync["lead"],
        sync["activity"],
        bulk.document(event.data.get("decision")),
    )


async def _write(connection: Connection, rows: Sequence[Applied]) -> None:
    events = [row.event for row in rows]
    syncs = [sync_of(event) for event in events]
    written = await connection.fetch(
        WRITE,
        [event.id for event in events],
        [row.day for row in rows],
        [event.account for event in events],
        [event.connector for event in events],
        [row.outcome for row in rows],
        [row.lead for row in rows],
        [row.call for row in rows],
        [row.activity for row in rows],
        [row.by for row in rows],
        [",".join(row.changed) for row in rows],
        [row.reason for row in rows],
        [event.revision for event in events],
        [event.replay for event in events],
        [sync["lead"] for sync in syncs],
        [sync["activity"] for sync in syncs],
        [event.data.get("decision") for event in events],
    )
    if len(written) < len(rows):
        raise Collision("another transaction applied one of these events")


def _result(row: Any) -> dict[str, Any]:
    """As `Applied.result`; `then` is what was in force, None in events from before it was kept."""
    sync = None if row["lead_sync"] is None else {"lead": row["lead_sync"], "activity": row["activity_sync"]}
    return {
        "outcome": row["outcome"],
        "lead": _text(row["lead_id"]),
        "call": _text(row["call_id"]),
        "activity": _text(row["activity_id"]),
        "by": row["matched_by"],
        "changed": row["changed"],
        "day": row["day"].isoformat(),
        "duplicate": True,
        "then": {"sync": sync, "revision": row["revision"], "decision": row["decision"]},
        **({} if row["reason"] is None else {"reason": row["reason"]}),
    }


def _text(id: Any) -> str | None:
    return None if id is None else str(id)
