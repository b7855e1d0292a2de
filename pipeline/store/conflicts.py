"""Conflicts: dead letters whose keys name several leads. In: a person's decision. Out: that decision, made once.

The decision is written before the event is sent on with it. Whoever comes second sees it, and can only send the event
on once more, with the same decision, which takes effect once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pipeline.store import identity, leads, merging
from pipeline.store.database import Connection, Database
from pipeline.store.matching import HOLD, Key, keys_of
from pipeline.store.where import Where
from schemas.normal.time import utc_text

State = Literal["open", "decided", "discarded", "superseded", "any"]

COLUMNS = """
    id, event_id, account_id, connector_id, stage, reason, died_at, status, changed_at, replay, decision,
    event -> 'data' -> 'keys' -> 'search' AS search, event -> 'data' -> 'taken' AS taken
"""
ONE = f"SELECT {COLUMNS} FROM dead_letter WHERE account_id = $1 AND id = $2 AND kind = 'conflict'"
LOCK = f"""
SELECT {COLUMNS} FROM dead_letter
WHERE account_id = $1 AND kind = 'conflict' AND (event_id, replay) = (
    SELECT event_id, replay FROM dead_letter WHERE account_id = $1 AND id = $2 AND kind = 'conflict'
)
ORDER BY id FOR UPDATE
"""
DECIDE = "UPDATE dead_letter SET decision = $3, changed_at = now() WHERE account_id = $1 AND id = ANY ($2::bigint[])"

STATES: dict[State, str] = {
    "open": "status = 'dead' AND decision IS NULL",
    "decided": "decision IS NOT NULL",
    "discarded": "status = 'discarded'",
    "superseded": "status = 'superseded'",
    "any": "true",
}


class NoSuchConflict(LookupError):
    """The account has no such conflict."""


class Undecidable(Exception):
    """The decision is not possible, or was made already; the message says why. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Named:
    """One key of an event, and the lead that it names now; None: nobody."""

    key: str
    value: str
    lead: str | None


async def page(
    database: Database,
    account: int,
    state: State = "open",
    *,
    connectors: Sequence[int] | None = None,
    after: int | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Conflicts, the newest first, each with its keys and the leads that these name now.

    `connectors`: of these alone; `after`: the last id of the page before.
    """
    where = Where("account_id = {} AND kind = 'conflict'", account)
    where.add(STATES[state])
    if connectors is not None:
        where.add("connector_id = ANY ({}::bigint[])", list(connectors))
    if after is not None:
        where.add("id < {}", after)
    most = where.place(limit)
    rows = await database.fetch(
        f"SELECT {COLUMNS} FROM dead_letter WHERE {where} ORDER BY id DESC LIMIT {most}", *where.values
    )
    return await _with_leads(database, rows)


async def show(database: Database, account: int, id: int) -> dict[str, Any] | None:
    """One conflict, as `page` has it; None: there is none."""
    row = await database.fetchrow(ONE, account, id)
    return None if row is None else (await _with_leads(database, [row]))[0]


async def decide(
    connection: Connection, account: int, id: int, *, use: str | None, merge: bool, by: str
) -> dict[str, Any]:
    """Decide whose the event is: a lead that its keys name, or one lead made of all of them, `use` or the first.

    Returns the decision: conflict, how (use, merge), lead, by, at. The same decision again returns the first one.
    Raises NoSuchConflict, Undecidable, and merging.MergeRefused.
    """
    rows = {row["id"]: row for row in await connection.fetch(LOCK, account, id)}
    if id not in rows:
        raise NoSuchConflict(f"no conflict {id}")
    made = next((row["decision"] for row in rows.values() if row["decision"] is not None), None)
    how = "merge" if merge else "use"
    if made is not None:
        wanted = None if use is None else (await leads.survivors(connection, account, [use])).get(use, use)
        now = (await leads.survivors(connection, account, [made["lead"]])).get(made["lead"])
        if rows[id]["status"] == "dead" and made["how"] == how and wanted in (None, now):
            return dict(made)
        raise Undecidable(f"conflict {id} was decided by {made['by']} at {made['at']}: {how_told(made)}")
    if rows[id]["status"] != "dead":
        raise Undecidable(f"conflict {id} was {rows[id]['status']} without a decision")
    lead = await _chosen(connection, account, keys_told(rows[id]), use, merge, by)
    at = utc_text(datetime.now(UTC).replace(microsecond=0))
    decision = {"conflict": id, "how": how, "lead": lead, "by": by, "at": at}
    await connection.execute(DECIDE, account, list(rows), decision)
    return decision


def how_told(decision: dict[str, Any]) -> str:
    """What was decided, in words."""
    return f"{'merge the leads into' if decision['how'] == 'merge' else 'use lead'} {decision['lead']}"


def keys_told(row: Any) -> list[Sequence[str]]:
    """The keys that a conflict is about: those that the event is searched by, and those that one lead at most has."""
    single = [[space, value] for space, value, how, _ in row["taken"] or () if how == HOLD]
    return [*row["search"], *(key for key in single if key not in row["search"])]


async def _chosen(
    connection: Connection, account: int, keys: Sequence[Sequence[str]], use: str | None, merge: bool, by: str
) -> str:
    """The lead that is decided for; with `merge`, all the leads are merged into it."""
    owners = await identity.find(connection, keys_of(account, keys))
    named = list(dict.fromkeys(owners[key] for key in keys_of(account, keys) if key in owners))
    if not named:
        raise Undecidable("its keys no longer name a lead; replay it: leadpipe dead replay")
    chosen = named[0] if use is None else (await leads.survivors(connection, account, [use])).get(use, use)
    if chosen not in named:
        raise Undecidable(f"lead {use} is not one of the leads that the event's keys name: {', '.join(named)}")
    if merge:
        for other in named:
            if other != chosen:
                await merging.merge_in(connection, account, chosen, other, by)
    return chosen


async def _with_leads(database: Database, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """The rows, each with the lead that each of its keys names."""
    keys: set[Key] = {key for row in rows for key in keys_of(row["account_id"], keys_told(row))}
    owners = await identity.find(database, keys)
    shown = []
    for row in rows:
        named = [Named(key.space, key.value, owners.get(key)) for key in keys_of(row["account_id"], keys_told(row))]
        ids = list(dict.fromkeys(name.lead for name in named if name.lead is not None))
        told = {name: value for name, value in row.items() if name not in ("search", "taken")}
        shown.append({**told, "event_id": str(row["event_id"]), "keys": named, "leads": ids})
    return shown
