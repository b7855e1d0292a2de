"""Dead letters: what a stage gave up. In: dead events and frames. Out: rows to search, group, show and replay.

An event is kept to the letter, so that what is sent through again is what died.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pipeline.engine.frame import dump_event, event_of
from pipeline.store import versions
from pipeline.store.database import Database
from pipeline.store.ids import derived_id, thing_of
from pipeline.store.text import storable
from pipeline.store.where import Where
from schemas.event import Event

Status = Literal["dead", "replayed", "discarded", "superseded"]

KEEP = """
INSERT INTO dead_letter (
    event_id, account_id, connector_id, stage, kind, reason, field, value, rule, error, trace,
    attempts, replay, died_at, event, unreadable, thing, received_at
)
SELECT event_id, account_id, connector_id, $1, kind, reason, field, value, rule, error, trace,
    attempts, replay, died_at, event::json, unreadable, thing, received_at
FROM unnest(
    $2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
    $11::text[], $12::int[], $13::int[], $14::timestamptz[], $15::text[], $16::bytea[], $17::uuid[],
    $18::timestamptz[]
) AS new (
    event_id, account_id, connector_id, kind, reason, field, value, rule, error,
    trace, attempts, replay, died_at, event, unreadable, thing, received_at
)
ON CONFLICT DO NOTHING
"""

SHORT = """
    id, event_id, account_id, connector_id, stage, kind, reason, field, value, rule, error,
    attempts, replay, died_at, status, changed_at
"""


# A letter that is sent again although its event died since begins another run than that one.
LAST = "(SELECT max(other.replay) FROM dead_letter AS other WHERE other.event_id = dead_letter.event_id) AS last"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which dead letters. `error`: a text in the reason, the rule or the error. `account` None: all of them.

    `connectors`: of these alone, for someone who may see no others.
    """

    account: int | None = None
    stage: str | None = None
    connector: int | None = None
    connectors: Sequence[int] | None = None
    kind: str | None = None
    event: str | None = None
    error: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    status: Status | None = "dead"
    unreadable: bool = False  # only frames that could not be read; they belong to no account


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter to replay: the event as it came to the stage that gave it up; of a conflict, what was decided."""

    id: int
    stage: str
    event: Event
    decision: dict[str, Any] | None = None
    last: int = 0  # the number of the last run of its event that died


async def keep(database: Database, stage: str, events: Sequence[Event], unreadable: Sequence[bytes]) -> None:
    """Store what died in a stage; what is stored already stays as it is. See `pipeline.engine.drain.Keep`.

    What a later version of the same thing has settled meanwhile is stored as such.
    """
    rows = [*(_row(event) for event in events), *(_unreadable_row(body) for body in unreadable)]
    if rows:
        await database.execute(KEEP, stage, *(list(column) for column in zip(*rows, strict=True)))
        await versions.settle(database, [event.id for event in events])


async def page(
    database: Database, wanted: Filter = Filter(), *, after: int | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """Dead letters without their events, the newest first; `after` is the last id of the page before."""
    where = _where(wanted)
    if after is not None:
        where.add("id < {}", after)
    most = where.place(limit)
    rows = await database.fetch(
        f"SELECT {SHORT} FROM dead_letter WHERE {where} ORDER BY id DESC LIMIT {most}", *where.values
    )
    return [_shown(row) for row in rows]


async def groups(database: Database, wanted: Filter = Filter()) -> list[dict[str, Any]]:
    """How many died of what: stage, connector_id, kind, cause, field, letters, oldest, newest; the most first."""
    where = _where(wanted)
    rows = await database.fetch(
        "SELECT stage, connector_id, kind, coalesce(rule, split_part(error, ':', 1), kind) AS cause, field,"
        " count(*) AS letters, min(died_at) AS oldest, max(died_at) AS newest FROM dead_letter"
        f" WHERE {where} GROUP BY 1, 2, 3, 4, 5 ORDER BY letters DESC, newest DESC",
        *where.values,
    )
    return [dict(row) for row in rows]


async def of_event(database: Database, account: int, event: str) -> list[dict[str, Any]]:
    """The letters of one event, whatever their status, the oldest first, as in `page`."""
    rows = await database.fetch(
        f"SELECT {SHORT} FROM dead_letter WHERE account_id = $1 AND event_id = $2 ORDER BY id", account, event
    )
    return [_shown(row) for row in rows]


async def count(database: Database, wanted: Filter = Filter()) -> int:
    """How many match."""
    where = _where(wanted)
    return int(await database.fetchval(f"SELECT count(*) FROM dead_letter WHERE {where}", *where.values))


async def by_stage(database: Database, account: int | None = None) -> dict[str, int]:
    """How many wait for a decision, by stage; of one account, or of all."""
    where = _where(Filter(account=account))
    rows = await database.fetch(f"SELECT stage, count(*) FROM dead_letter WHERE {where} GROUP BY stage", *where.values)
    return {row["stage"]: row["count"] for row in rows}


async def show(
    database: Database, id: int, account: int | None = None, *, unreadable: bool = False
) -> dict[str, Any] | None:
    """One dead letter with its event (decoded) or its unreadable bytes, and the trace; None if there is none.

    `account`: of this one alone, or, with `unreadable`, also a frame that nobody could read: it belongs to no account.
    """
    row = await database.fetchrow(
        "SELECT * FROM dead_letter"
        " WHERE id = $1 AND ($2::bigint IS NULL OR account_id = $2 OR ($3 AND account_id IS NULL))",
        id,
        account,
        unreadable,
    )
    return None if row is None else _shown(row)


async def connectors_of(
    database: Database, ids: Sequence[int], account: int, *, unreadable: bool = False
) -> list[dict[str, Any]]:
    """Which of these dead letters the account has, or, with `unreadable`, belong to none: id, connector_id."""
    rows = await database.fetch(
        "SELECT id, connector_id FROM dead_letter"
        " WHERE id = ANY ($1::bigint[]) AND (account_id = $2 OR ($3 AND account_id IS NULL))",
        list(ids),
        account,
        unreadable,
    )
    return [dict(row) for row in rows]


async def newest(database: Database) -> int:
    """The greatest id; 0: there is no letter."""
    return int(await database.fetchval("SELECT coalesce(max(id), 0) FROM dead_letter"))


async def deaths(database: Database, wanted: Filter = Filter()) -> list[dict[str, Any]]:
    """What the readable ones that match died of, alike ones once: letter (the first one's id), stage, kind, decided."""
    where = _where(wanted)
    where.add("event IS NOT NULL")
    rows = await database.fetch(
        "SELECT min(id) AS letter, stage, kind, decision IS NOT NULL AS decided FROM dead_letter"
        f" WHERE {where} GROUP BY stage, kind, decided ORDER BY letter",
        *where.values,
    )
    return [dict(row) for row in rows]


async def matching(
    database: Database, wanted: Filter = Filter(), *, after: int = 0, upto: int | None = None, size: int = 200
) -> AsyncIterator[list[Letter]]:
    """Readable dead letters in pages, the oldest first, of ids `after` one and up to another one.

    Those that come while it runs are left out.
    """
    last, top = after, await newest(database) if upto is None else upto
    while rows := await _readable(database, wanted, last, top, size):
        last = rows[-1]["id"]
        yield [_letter(row) for row in rows]


async def letter(database: Database, id: int, account: int | None = None) -> Letter | None:
    """One readable dead letter, whatever its status; None if there is none."""
    row = await database.fetchrow(
        f"SELECT id, stage, event, decision, {LAST} FROM dead_letter"
        " WHERE id = $1 AND event IS NOT NULL AND ($2::bigint IS NULL OR account_id = $2)",
        id,
        account,
    )
    return None if row is None else _letter(row)


async def mark(database: Database, ids: Sequence[int], status: Status) -> int:
    """Give dead letters another status; returns how many changed theirs."""
    rows = await database.fetch(
        "UPDATE dead_letter SET status = $2, changed_at = now() WHERE id = ANY ($1::bigint[]) AND status <> $2"
        " RETURNING id",
        list(ids),
        status,
    )
    return len(rows)


def revived(event: Event, decision: dict[str, Any] | None = None, last: int = 0) -> Event:
    """The event as it goes through again: one replay later, its failure and its trail so far left in the journal.

    A person's decision goes with it, for the stages that ask whose it is. `last` is the number of its last run, where
    that is a later one than this.
    """
    data = event.data if decision is None else {**event.data, "decision": decision}
    return event.evolve(failure=None, result=_applied(event), replay=max(event.replay, last) + 1, trail=(), data=data)


def _letter(row: Any) -> Letter:
    return Letter(row["id"], row["stage"], event_of(row["event"]), row["decision"], row["last"])


def _applied(event: Event) -> dict[str, Any] | None:
    """The result of an event that reached the records before it died."""
    return event.result if event.result is not None and "lead" in event.result else None


def _row(event: Event) -> tuple[Any, ...]:
    failure = event.failure
    if failure is None:
        raise ValueError(f"event {event.id} is not a dead letter: it has no failure")
    texts = storable((failure.reason, failure.field, failure.value, failure.rule, failure.error, failure.trace))
    return (
        event.id,
        event.account,
        event.connector,
        failure.kind,
        *texts,
        failure.attempts,
        event.replay,
        failure.at,
        dump_event(event).decode(),
        None,
        thing_of(event.id) if _applied(event) is None else None,
        event.received_at,
    )


def _unreadable_row(body: bytes) -> tuple[Any, ...]:
    reason = f"a frame of {len(body)} bytes that this version cannot read"
    nothing = (None,) * 5
    id = derived_id("unreadable", body)
    return (id, None, None, "unreadable", reason, *nothing, 0, 0, datetime.now(UTC), None, body, None, None)


async def _readable(database: Database, wanted: Filter, last: int, top: int, size: int) -> list[Any]:
    where = _where(wanted)
    where.add("event IS NOT NULL AND id > {} AND id <= {}", last, top)
    most = where.place(size)
    return await database.fetch(
        f"SELECT id, stage, event, decision, {LAST} FROM dead_letter WHERE {where} ORDER BY id LIMIT {most}",
        *where.values,
    )


def _where(wanted: Filter) -> Where:
    where = Where("true")
    if wanted.status == "dead":
        where.add("status = 'dead'")  # spelled out for the partial index
    elif wanted.status is not None:
        where.add("status = {}", wanted.status)
    if wanted.unreadable:
        where.add("unreadable IS NOT NULL")
    for condition, value in (
        ("account_id = {}", wanted.account),
        ("stage = {}", wanted.stage),
        ("connector_id = {}", wanted.connector),
        ("connector_id = ANY ({}::bigint[])", None if wanted.connectors is None else list(wanted.connectors)),
        ("kind = {}", wanted.kind),
        ("event_id = {}::uuid", wanted.event),
        ("strpos(lower(concat_ws(' ', reason, rule, error)), lower({})) > 0", wanted.error),
        ("died_at >= {}", wanted.since),
        ("died_at < {}", wanted.until),
    ):
        if value is not None:
            where.add(condition, value)
    return where


def _shown(row: Any) -> dict[str, Any]:
    return {**row, "event_id": str(row["event_id"])}
