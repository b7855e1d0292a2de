"""The journal: one row for each accepted event. In: how events ended. Out: rows to list, show, count and wait for.

A row belongs to the day, in UTC, of its event's first arrival. An event that comes again on another day is found
again by `journal_day`, if it did not reach the records, or by `applied_event`, if it did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from pipeline.store import bulk
from pipeline.store.database import Connection, Database
from pipeline.store.where import Where
from schemas.event import Step

MARGIN = timedelta(days=1)  # a row's day can be that of an earlier arrival than its received_at
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

STEP = ("stage", "attempt", "waited_ms", "spent_ms")  # what a trail tells of each

SHORT = """
    event_id, day, account_id, connector_id, kind, received_at, occurred_at, finished_at, outcome, reason, failed_stage,
    lead_id, call_id, activity_id, matched_by, changed, attempts, replay, notes, lead_sync, activity_sync, decision
"""

# Where the rows of some events are. Every journal row has its day in one of the two tables.
DAYS = """
SELECT wanted.event_id, coalesce(d.day, a.day) AS day
FROM unnest($1::uuid[]) AS wanted (event_id)
LEFT JOIN journal_day AS d USING (event_id) LEFT JOIN applied_event AS a USING (event_id)
WHERE d.day IS NOT NULL OR a.day IS NOT NULL
"""

RESULTS = f"""
WITH place AS MATERIALIZED ({DAYS})
SELECT j.event_id, j.outcome, j.reason, j.failed_stage, j.failure, j.lead_id, j.call_id, j.activity_id,
    j.matched_by, j.changed
FROM place JOIN journal AS j ON j.day = place.day AND j.event_id = place.event_id
"""


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


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows to list. `search`: the id of an event or a lead, else a text in the request or the reason.

    `merged`: the leads that were merged into the one whose id is searched for; their rows keep their ids.
    `connectors`: of these alone, for someone who may see no others.
    """

    connector: int | None = None
    connectors: Sequence[int] | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    search: str | None = None
    merged: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, the newest first, and where the next page begins; None: there is none."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    next: str | None = None


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


async def page(
    database: Database, account: int, wanted: Filter = Filter(), after: str | None = None, limit: int = 50
) -> Page:
    """The rows of an account that a filter lets through, without request and trail. ValueError: no such `after`."""
    where = _where(account, wanted)
    if after is not None:
        received_at, _, event = after.partition(" ")
        where.add("(received_at, event_id) < ({}, {})", datetime.fromisoformat(received_at), UUID(event))
    most = where.place(limit + 1)
    rows = await database.fetch(
        f"SELECT {SHORT} FROM journal WHERE {where} ORDER BY received_at DESC, event_id DESC LIMIT {most}",
        *where.values,
    )
    shown = [_shown(row) for row in rows[:limit]]
    more = len(rows) > limit
    return Page(shown, f"{shown[-1]['received_at'].isoformat()} {shown[-1]['event_id']}" if more else None)


async def show(database: Database, account: int, event: str) -> dict[str, Any] | None:
    """The whole row of one event, or None."""
    try:
        UUID(event)
    except ValueError:
        return None
    row = await database.fetchrow(
        f"WITH place AS MATERIALIZED ({DAYS})"
        " SELECT j.* FROM place JOIN journal AS j ON j.day = place.day AND j.event_id = place.event_id"
        " WHERE j.account_id = $2",
        [event],
        account,
    )
    return None if row is None else _with_stages(_shown(row))


async def results_of(database: Database, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Of these events, what became of those that have ended, as JSON values."""
    if not ids:
        return {}
    return {str(row["event_id"]): _result(row) for row in await database.fetch(RESULTS, list(ids))}


async def counts(database: Database, account: int, since: datetime | None = None) -> dict[str, int]:
    """How many events of an account ended with each outcome."""
    where = _where(account, Filter(since=since))
    rows = await database.fetch(
        f"SELECT outcome, count(*) FROM journal WHERE {where} GROUP BY outcome ORDER BY outcome", *where.values
    )
    return {row["outcome"]: row["count"] for row in rows}


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


def _with_stages(row: dict[str, Any]) -> dict[str, Any]:
    """A whole row with its trail as it is shown: what an earlier version wrote of it, and what followed."""
    trail = orjson.loads(f"[{row.pop('trail') or ''}]")
    row["stages"] += [dict(zip(STEP, step, strict=True)) for step in trail]
    return row


def _where(account: int, wanted: Filter) -> Where:
    where = Where("account_id = {}", account)
    if wanted.connector is not None:
        where.add("connector_id = {}", wanted.connector)
    if wanted.connectors is not None:
        where.add("connector_id = ANY ({}::bigint[])", list(wanted.connectors))
    if wanted.outcome == "failed":
        where.add("outcome = 'failed'")  # spelled out for the partial index
    elif wanted.outcome is not None:
        where.add("outcome = {}", wanted.outcome)
    if wanted.since is not None:
        where.add("received_at >= {} AND day >= {}", wanted.since, (wanted.since - MARGIN).date())
    if wanted.until is not None:
        where.add("received_at < {} AND day <= {}", wanted.until, (wanted.until + MARGIN).date())
    if wanted.search:
        try:
            id = UUID(wanted.search)
            where.add("(event_id = {} OR lead_id = ANY ({}::uuid[]))", id, [id, *wanted.merged])
        except ValueError:
            where.add("strpos(lower(concat(request, ' ', reason)), lower({})) > 0", wanted.search)
    return where


def _shown(row: Any) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, UUID) else value for name, value in row.items()}


def _result(row: Any) -> dict[str, Any]:
    failure = row["failure"] or {}
    found = {
        "outcome": row["outcome"],
        "lead": row["lead_id"],
        "call": row["call_id"],
        "activity": row["activity_id"],
        "by": row["matched_by"],
        "changed": row["changed"] or None,
        "reason": row["reason"],
        "stage": row["failed_stage"],
        **{name: failure.get(name) for name in ("field", "value", "rule")},
    }
    return {
        name: str(value) if isinstance(value, UUID) else value for name, value in found.items() if value is not None
    }
