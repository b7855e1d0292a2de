"""The journal, read: one row for each accepted event. In: an account, and which. Out: rows to list, show and count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from pipeline.store.database import Database
from pipeline.store.ids import canonical
from pipeline.store.person import BETWEEN, FOREIGN, Sought
from pipeline.store.where import Where

MARGIN = timedelta(days=1)  # a row's day can be that of an earlier arrival than its received_at

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


# Rows of a person: their leads', and those whose request says a text or a number, with whatever stands between its
# digits. Few of a person's events say them in one way, so no index helps but that of the rows by time.
OF_PERSON = """
(lead_id = ANY ({}::uuid[])
    OR EXISTS (SELECT FROM unnest({}::text[]) AS text WHERE strpos(lower(concat(request, ' ', reason)), text) > 0)
    OR EXISTS (
        SELECT FROM unnest({}::text[]) AS number
        WHERE strpos(translate(replace(request, '%20', ''), {}, {}), number) > 0
    ))
"""
DIGITS = (FOREIGN + BETWEEN, "0123456789" * (len(FOREIGN) // 10))  # what is read as which digit; the rest is left out

OF_SOURCE = """
(connector_id IN (SELECT id FROM connector WHERE account_id = {} AND lower(btrim(settings ->> 'lead_source')) = {})
    OR (connector_id IN (SELECT id FROM connector WHERE account_id = {} AND settings ->> 'lead_source' IS NULL)
        AND EXISTS (
            SELECT FROM lead WHERE lead.id = journal.lead_id AND lower(btrim(lead.fields ->> 'lead_source')) = {}
        )))
"""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows to list. `search`: the id of an event or a lead, else a text in the request or the reason.

    `merged`: the leads that were merged into the one whose id is searched for; their rows keep their ids.
    `sought`: the same search, as `pipeline.store.person` reads it.
    `connectors`: of these alone, for someone who may see no others.
    `outcomes`: any of these. `lead_source`: that of the connector, or, where the connector has none, of the lead.
    """

    connector: int | None = None
    connectors: Sequence[int] | None = None
    outcome: str | None = None
    outcomes: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    search: str | None = None
    merged: Sequence[str] = ()
    sought: Sought | None = None
    lead_source: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, the newest first, and where the next page begins; None: there is none. `total`: if it was counted."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    next: str | None = None
    total: int | None = None


async def page(
    database: Database, account: int, wanted: Filter = Filter(), after: str | None = None, limit: int = 50
) -> Page:
    """The rows of an account that a filter lets through, without request and trail. ValueError: no such `after`."""
    where = _where(account, wanted)
    if after is not None:
        where.add("(received_at, event_id) < ({}, {})", *_place(after))
    most = where.place(limit + 1)
    rows = await database.fetch(
        f"SELECT {SHORT} FROM journal WHERE {where} ORDER BY received_at DESC, event_id DESC LIMIT {most}",
        *where.values,
    )
    shown = [_shown(row) for row in rows[:limit]]
    more = len(rows) > limit
    return Page(shown, f"{shown[-1]['received_at'].isoformat()} {shown[-1]['event_id']}" if more else None)


def _place(after: str) -> tuple[datetime, str]:
    """What a page ended with. ValueError: no page ended like this."""
    received_at, _, event = after.partition(" ")
    at, id = datetime.fromisoformat(received_at), canonical(event)
    if id is None or at.tzinfo is None or not 1 < at.year < 9999:  # its ends are no times in another zone
        raise ValueError(f"no page ended with {after!r}")
    return at, id


async def count(database: Database, account: int, wanted: Filter = Filter()) -> int:
    """How many rows a filter lets through."""
    where = _where(account, wanted)
    return int(await database.fetchval(f"SELECT count(*) FROM journal WHERE {where}", *where.values))


async def now(database: Database) -> datetime:
    """The database's time."""
    found: datetime = await database.fetchval("SELECT now()")
    return found


async def changed(
    database: Database, account: int, wanted: Filter, since: datetime, limit: int = 5_000
) -> list[dict[str, Any]]:
    """Rows that were written or changed after a time, the earliest first; by the index journal_finished."""
    where = _where(account, wanted)
    where.add("finished_at > {}", since)
    most = where.place(limit)
    rows = await database.fetch(
        f"SELECT {SHORT} FROM journal WHERE {where} ORDER BY finished_at, event_id LIMIT {most}", *where.values
    )
    return [_shown(row) for row in rows]


async def show(database: Database, account: int, event: str) -> dict[str, Any] | None:
    """The whole row of one event, or None."""
    id = canonical(event)
    if id is None:
        return None
    row = await database.fetchrow(
        f"WITH place AS MATERIALIZED ({DAYS})"
        " SELECT j.* FROM place JOIN journal AS j ON j.day = place.day AND j.event_id = place.event_id"
        " WHERE j.account_id = $2",
        [id],
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
    _add_outcomes(where, {*wanted.outcomes, *({wanted.outcome} - {None})})
    if wanted.lead_source is not None:
        source = wanted.lead_source.strip().lower()
        where.add(OF_SOURCE, account, source, account, source)
    if wanted.since is not None:
        where.add("received_at >= {} AND day >= {}", wanted.since, (wanted.since - MARGIN).date())
    if wanted.until is not None:
        where.add("received_at < {} AND day <= {}", wanted.until, (wanted.until + MARGIN).date())
    if wanted.search:
        if id := canonical(wanted.search.strip()):
            where.add("(event_id = {} OR lead_id = ANY ({}::uuid[]))", id, [id, *wanted.merged])
        elif wanted.sought is None:
            where.add("strpos(lower(concat(request, ' ', reason)), lower({})) > 0", wanted.search)
        else:
            found = wanted.sought
            where.add(OF_PERSON, list(found.leads), list(found.texts), list(found.numbers), DIGITS[0], DIGITS[1])
    return where


def _add_outcomes(where: Where, outcomes: set[Any]) -> None:
    if outcomes == {"failed"}:
        where.add("outcome = 'failed'")  # spelled out for its partial index, journal_failed
    elif outcomes:
        if outcomes <= {"failed", "dropped"}:
            where.add("outcome IN ('failed', 'dropped')")  # likewise: journal_unsettled
        where.add("outcome = ANY ({}::text[])", sorted(outcomes))


def _shown(row: Any) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, UUID) else value for name, value in row.items()}


def _result(row: Any) -> dict[str, Any]:
    failure = row["failure"] or {}
    found = {
        "outcome": row["outcome"],
        "lead": row["lead_id"],
        "call": row["call_id"],
        "activity": row["activity_id"],
        "matched_by": row["matched_by"],
        "by": row["matched_by"],  # its name in the version before
        "changed": row["changed"] or None,
        "reason": row["reason"],
        "stage": row["failed_stage"],
        **{name: failure.get(name) for name in ("field", "value", "rule", "problems")},
    }
    return {
        name: str(value) if isinstance(value, UUID) else value for name, value in found.items() if value is not None
    }
