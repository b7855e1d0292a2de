"""Entries of the journal: one row for each accepted event. In: how events ended. Out: rows, the truest ending of each.

A row belongs to the day, in UTC, of its event's first arrival. An event that comes again on another day is found
again by `journal_day`, if it did not reach the records, or by `applied_event`, if it did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import orjson

from pipeline.store import bulk
from pipeline.store.database import Connection
from schemas.event import Step

FINAL = ("created", "updated", "unchanged")


# An event that reached the records keeps the day it has there.
CLAIM_DAYS = """
INSERT INTO journal_day (event_id, day)
SELECT new.event_id, coalesce(a.day, new.day)
FROM unnest($1::uuid[], $2::date[]) AS new (event_id, day) LEFT JOIN applied_event AS a USING (event_id)
ORDER BY new.event_id
ON CONFLICT DO NOTHING
"""

# What reached the records is the truth, whatever else is heard of the event; a later replay outdoes an earlier run.
WRITE = """
INSERT INTO journal (
    day, event_id, account_id, connector_id, kind, received_at, occurred_at, finished_at, outcome, reason,
    failed_stage, failure, lead_id, call_id, activity_id, matched_by, changed,
    attempts, revision, replay, notes, trail, request, lead_sync, activity_sync, decision
)
SELECT
    day, event_id, account_id, connector_id, kind, received_at, occurred_at, $1, outcome, reason,
    failed_stage, failure, lead_id, call_id, activity_id, matched_by,
    changed::text[], attempts, revision, replay, notes::text[], trail, request,
    lead_sync, activity_sync, decision
FROM unnest(
    $2::date[], $3::uuid[], $4::bigint[], $5::bigint[], $6::text[], $7::timestamptz[], $8::timestamptz[],
    $9::text[], $10::text[], $11::text[], $12::jsonb[], $13::uuid[], $14::uuid[], $15::uuid[], $16::text[],
    $17::text[], $18::int[], $19::int[], $20::int[], $21::text[], $22::text[], $23::text[],
    $24::text[], $25::text[], $26::jsonb[]
) AS new (
    day, event_id, account_id, connector_id, kind, received_at, occurred_at,
    outcome, reason, failed_stage, failure, lead_id, call_id, activity_id, matched_by,
    changed, attempts, revision, replay, notes, trail, request, lead_sync, activity_sync, decision
)
ON CONFLICT (day, event_id) DO UPDATE SET
    finished_at = excluded.finished_at, outcome = excluded.outcome, reason = excluded.reason,
    failed_stage = excluded.failed_stage, failure = excluded.failure, lead_id = excluded.lead_id,
    call_id = excluded.call_id, activity_id = excluded.activity_id, matched_by = excluded.matched_by,
    changed = excluded.changed, revision = excluded.revision, notes = excluded.notes,
    lead_sync = excluded.lead_sync, activity_sync = excluded.activity_sync, decision = excluded.decision,
    replay = greatest(journal.replay, excluded.replay),
    attempts = CASE WHEN excluded.replay > journal.replay THEN journal.attempts ELSE 0 END + excluded.attempts,
    stages = CASE WHEN excluded.replay > journal.replay THEN journal.stages ELSE '[]' END,
    trail = concat_ws(',', CASE WHEN excluded.replay > journal.replay THEN journal.trail END, excluded.trail)
WHERE CASE WHEN journal.outcome IN ('created', 'updated', 'unchanged')
    THEN excluded.outcome IN ('created', 'updated', 'unchanged') AND excluded.replay > journal.replay
    ELSE excluded.outcome IN ('created', 'updated', 'unchanged') OR excluded.replay > journal.replay
END
"""

# Of an event that reached the records when it first came; the columns about failures stay empty.
COLUMNS = (
    "day, event_id, account_id, connector_id, kind, received_at, occurred_at, finished_at, outcome, reason, "
    "lead_id, call_id, activity_id, matched_by, changed, attempts, revision, replay, notes, trail, "
    "request, lead_sync, activity_sync, decision"
)


class Entry(NamedTuple):
    """How one event ended."""

    event: str
    day: date
    account: int
    connector: int
    kind: str
    received_at: datetime
    occurred_at: datetime | None
    outcome: str  # created, updated, unchanged, dropped, failed
    attempts: int
    revision: int
    replay: int
    request: str
    reason: str | None = None
    failure: dict[str, Any] | None = None
    lead: str | None = None
    call: str | None = None
    activity: str | None = None
    by: str | None = None
    changed: Sequence[str] = ()
    notes: Sequence[str] = ()
    stages: Sequence[Step] = ()
    lead_sync: str | None = None  # the connector's behaviour in force; None: it died before it was asked for
    activity_sync: str | None = None
    decision: dict[str, Any] | None = None  # a person's, about a conflict
    again: bool = False  # it had reached the records before

    @property
    def weight(self) -> tuple[bool, int]:
        """Of two entries of one event, the one with more weight is kept."""
        return self.outcome in FINAL, self.replay

    @property
    def is_new(self) -> bool:
        """Whether there should be no row of this event yet."""
        return not self.again and self.replay == 0 and self.outcome in FINAL


async def write(connection: Connection, entries: Sequence[Entry], now: datetime, *, hopeful: bool = False) -> None:
    """One row for each event, in a transaction of the caller's. Rows that are there already keep the truer ending.

    The hopeful way is shorter: it takes events that should have no row yet at their word, and raises Collision when
    one has.
    """
    kept: dict[str, Entry] = {}
    for entry in entries:
        if entry.event not in kept or entry.weight > kept[entry.event].weight:
            kept[entry.event] = entry
    if not kept:
        return
    unsettled = [entry for entry in kept.values() if entry.outcome not in FINAL]
    if unsettled:
        ids, days = [entry.event for entry in unsettled], [entry.day for entry in unsettled]
        await connection.execute(CLAIM_DAYS, ids, days)
    found = await connection.fetch("SELECT event_id, day FROM journal_day WHERE event_id = ANY ($1::uuid[])", [*kept])
    day_of = {str(row["event_id"]): row["day"] for row in found}
    rows = sorted(kept.values(), key=lambda entry: entry.event)
    if hopeful:
        await bulk.add(connection, "journal", COLUMNS, _lines([entry for entry in rows if entry.is_new], day_of, now))
        rows = [entry for entry in rows if not entry.is_new]
    if rows:
        await _write(connection, rows, day_of, now)


async def _write(connection: Connection, rows: Sequence[Entry], day_of: Mapping[str, date], now: datetime) -> None:
    await connection.execute(
        WRITE,
        now,
        [day_of.get(entry.event, entry.day) for entry in rows],
        [entry.event for entry in rows],
        [entry.account for entry in rows],
        [entry.connector for entry in rows],
        [entry.kind for entry in rows],
        [entry.received_at for entry in rows],
        [entry.occurred_at for entry in rows],
        [entry.outcome for entry in rows],
        [entry.reason for entry in rows],
        [None if entry.failure is None else entry.failure["stage"] for entry in rows],
        [entry.failure for entry in rows],
        [entry.lead for entry in rows],
        [entry.call for entry in rows],
        [entry.activity for entry in rows],
        [entry.by for entry in rows],
        [bulk.array(entry.changed) for entry in rows],
        [entry.attempts for entry in rows],
        [entry.revision for entry in rows],
        [entry.replay for entry in rows],
        [bulk.array(entry.notes) for entry in rows],
        [_trail(entry.stages) for entry in rows],
        [entry.request for entry in rows],
        [entry.lead_sync for entry in rows],
        [entry.activity_sync for entry in rows],
        [entry.decision for entry in rows],
    )


def _lines(rows: Sequence[Entry], day_of: Mapping[str, date], now: datetime) -> Iterator[str]:
    """Rows as COPY takes them, in the order of COLUMNS."""
    finished = str(now)
    trails: dict[tuple[int, ...], str | None] = {}  # events that came in one frame share the steps of their trails
    for entry in rows:
        steps = tuple(map(id, entry.stages))
        if steps not in trails:
            trails[steps] = bulk.text(_trail(entry.stages))
        yield bulk.line(
            day_of.get(entry.event, entry.day),
            entry.event,
            entry.account,
            entry.connector,
            entry.kind,
            bulk.time(entry.received_at),
            bulk.time(entry.occurred_at),
            finished,
            entry.outcome,
            bulk.text(entry.reason),
            entry.lead,
            entry.call,
            entry.activity,
            bulk.text(entry.by),
            bulk.names(tuple(entry.changed)),
            entry.attempts,
            entry.revision,
            entry.replay,
            bulk.text(bulk.array(entry.notes)),
            trails[steps],
            bulk.text(entry.request),
            entry.lead_sync,
            entry.activity_sync,
            bulk.document(entry.decision),
        )


def _trail(steps: Sequence[Step]) -> str | None:
    """As it is stored: JSON without the brackets of the list, so that two trails join by a comma."""
    told = [[step.stage, step.attempt, step.waited_ms, step.spent_ms] for step in steps]
    return orjson.dumps(told)[1:-1].decode() or None
