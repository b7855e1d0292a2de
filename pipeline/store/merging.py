"""Two leads that are one person, made one, and taken apart again. In: two ids. Out: what moved, and a note of it.

Both leads are locked, in the order of their ids, before anything moves. An event that meets a merged lead under its
lock looks again, and finds the winner by the keys, which have moved (see `leads.lock`).

What a merge moved goes back when it is undone: keys, calls, activities, and the fields whose value is still the one
that came from the loser. What arrived after the merge stays with the winner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pipeline.store import history, leads
from pipeline.store.database import Connection, Database
from pipeline.store.merge import Fields
from pipeline.store.record import Record
from schemas.fields import AS_SENT

LOCK = """
SELECT id, account_id, fields, stamps, version, merged_into FROM lead
WHERE account_id = $1 AND id = ANY ($2::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""

# Once they are one lead, none of them is another one that says the same.
UNSHARE = """
UPDATE identity_key SET others = NULLIF(array_remove(array_remove(others, $2::uuid), $3::uuid), '{}')
WHERE account_id = $1 AND lead_id = $3 AND others IS NOT NULL
"""
MOVE_KEYS = """
UPDATE identity_key SET lead_id = $3 WHERE account_id = $1 AND lead_id = $2 RETURNING space, value
"""
RETURN_KEYS = """
UPDATE identity_key AS k SET lead_id = $3 FROM unnest($4::text[], $5::text[]) AS moved (space, value)
WHERE k.account_id = $1 AND k.lead_id = $2 AND k.space = moved.space AND k.value = moved.value
"""

# A call has the id of its activity. Calls are locked first, as the stage that writes them does.
ATTACHED = "SELECT id FROM activity WHERE account_id = $1 AND lead_id = $2"
MOVE_CALLS = """
UPDATE call SET lead_id = $3, version = version + 1
WHERE account_id = $1 AND lead_id = $2 AND id = ANY ($4::uuid[]) RETURNING id
"""
MOVE_ACTIVITIES = """
UPDATE activity SET lead_id = $3, version = version + 1
WHERE account_id = $1 AND lead_id = $2 AND id = ANY ($4::uuid[]) RETURNING id
"""

POINT = """
UPDATE lead SET merged_into = $3, version = version + 1, updated_at = $4 WHERE account_id = $1 AND id = $2
"""

NOTE = """
INSERT INTO lead_merge (account_id, winner, loser, keys, calls, activities, fields, merged_at, merged_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id
"""
ACTIVE = """
SELECT id, winner, keys, calls, activities, fields, merged_at, merged_by FROM lead_merge
WHERE account_id = $1 AND loser = $2 AND undone_at IS NULL
"""
LATER = """
SELECT id, fields FROM lead_merge
WHERE account_id = $1 AND winner = $2 AND id > $3 AND undone_at IS NULL ORDER BY id FOR UPDATE
"""
OF_LEAD = """
SELECT id, winner, loser, merged_at, merged_by, undone_at, undone_by FROM lead_merge
WHERE account_id = $1 AND (winner = $2 OR loser = $2) ORDER BY id DESC
"""


class MergeRefused(Exception):
    """These leads cannot be merged, or taken apart; the message says why and what to do. Nothing was changed."""


class UnknownLead(MergeRefused):
    """The account has no such lead."""


@dataclass(frozen=True, slots=True)
class Merge:
    """What was moved: so many keys, calls and activities, and the fields of the winner that took another value."""

    id: int
    winner: str
    loser: str
    keys: Sequence[Sequence[str]]
    calls: int
    activities: int
    fields: Sequence[str]


async def merge(database: Database, account: int, winner: str, loser: str, by: str) -> Merge:
    """Make one lead of two: the winner's history is kept, and per field the newest value stays. Raises MergeRefused."""
    return await database.transaction(partial(merge_in, account=account, winner=winner, loser=loser, by=by))


async def unmerge(database: Database, account: int, loser: str, by: str) -> Merge:
    """Undo the merge that a lead was lost in. Raises MergeRefused."""
    return await database.transaction(partial(_unmerge, account=account, loser=loser, by=by))


async def of_lead(database: Database, account: int, lead: str) -> list[dict[str, Any]]:
    """The merges that a lead won or was lost in, the latest first, also those that were undone."""
    rows = await database.fetch(OF_LEAD, account, lead)
    return [{**row, "winner": str(row["winner"]), "loser": str(row["loser"])} for row in rows]


async def merge_in(connection: Connection, account: int, winner: str, loser: str, by: str) -> Merge:
    """`merge`, in a transaction of the caller's."""
    if winner == loser:
        raise MergeRefused(f"{winner} is named twice; name two leads")
    records = await _locked(connection, account, [winner, loser])
    for id, (_, merged_into) in records.items():
        if merged_into is not None:
            raise MergeRefused(f"lead {id} was merged into {merged_into} before; name that lead")
    kept, lost = records[winner][0], records[loser][0]
    before = kept.state
    kept.apply(lost.state)
    taken = {
        name: [before.values.get(name), before.stamps.get(name)]
        for name in {**before.stamps, **kept.state.stamps}
        if before.stamps.get(name) != kept.state.stamps.get(name)
        or before.values.get(name) != kept.state.values.get(name)
    }
    now = datetime.now(UTC)
    keys = [[row["space"], row["value"]] for row in await connection.fetch(MOVE_KEYS, account, loser, winner)]
    await connection.execute(UNSHARE, account, loser, winner)
    attached = [row["id"] for row in await connection.fetch(ATTACHED, account, loser)]
    calls, activities = await _move(connection, account, loser, winner, attached)
    await leads.save(connection, [kept], now)
    await history.save(connection, [kept])
    await connection.execute(POINT, account, loser, winner, now)
    row = await connection.fetchrow(NOTE, account, winner, loser, keys, calls, activities, taken, now, by)
    if row is None:
        raise AssertionError("INSERT … RETURNING returns a row")
    return Merge(row["id"], winner, loser, keys, len(calls), len(activities), sorted(taken))


async def _unmerge(connection: Connection, account: int, loser: str, by: str) -> Merge:
    found = await connection.fetchrow(ACTIVE, account, loser)
    if found is None:
        raise MergeRefused(f"lead {loser} is not merged into another one")
    winner = str(found["winner"])
    records = await _locked(connection, account, [winner, loser])
    merge = await connection.fetchrow(f"{ACTIVE} AND id = $3", account, loser, found["id"])
    if merge is None:
        raise MergeRefused(f"lead {loser} was taken out of lead {winner} by somebody else meanwhile")
    kept, merged_into = records[winner]
    if merged_into is not None:
        raise MergeRefused(f"lead {winner} itself was merged into {merged_into} since; undo that merge first")
    brought = records[loser][0].state.values  # as they were when it was merged: nothing writes a merged lead
    fields = {
        name: was
        for name, was in merge["fields"].items()
        if all(kept.state.values.get(each) == brought.get(each) for each in (name, name.removesuffix(AS_SENT)))
    }
    _take_back(kept, fields)
    now = datetime.now(UTC)
    await leads.save(connection, [kept], now)
    await history.save(connection, [kept])
    spaces, values = [space for space, _ in merge["keys"]], [value for _, value in merge["keys"]]
    await connection.execute(RETURN_KEYS, account, winner, loser, spaces, values)
    calls, activities = await _move(connection, account, winner, loser, merge["activities"])
    await connection.execute(POINT, account, loser, None, now)
    await _forget(connection, account, winner, merge, brought)
    await connection.execute("UPDATE lead_merge SET undone_at = $2, undone_by = $3 WHERE id = $1", merge["id"], now, by)
    return Merge(merge["id"], winner, loser, merge["keys"], len(calls), len(activities), sorted(fields))


async def _locked(connection: Connection, account: int, ids: Sequence[str]) -> dict[str, tuple[Record, str | None]]:
    """The leads, locked until the transaction ends, and what each is merged into. Raises UnknownLead."""
    found: dict[str, tuple[Record, str | None]] = {}
    for row in await connection.fetch(LOCK, account, list(ids)):
        state = Fields.stored(row["fields"], row["stamps"])
        into = None if row["merged_into"] is None else str(row["merged_into"])
        found[str(row["id"])] = Record(str(row["id"]), account, state=state, version=row["version"]), into
    for id in ids:
        if id not in found:
            raise UnknownLead(f"no lead {id}")
    return found


async def _move(
    connection: Connection, account: int, source: str, target: str, ids: Sequence[Any]
) -> tuple[list[Any], list[Any]]:
    """Give calls and activities of one lead to another; returns the ids of those that it still had."""
    calls = await connection.fetch(MOVE_CALLS, account, source, target, ids)
    activities = await connection.fetch(MOVE_ACTIVITIES, account, source, target, ids)
    return [row["id"] for row in calls], [row["id"] for row in activities]


def _take_back(kept: Record, fields: dict[str, list[Any]]) -> None:
    """Put the winner's own values back, with their own stamps, and keep in its history what they replace."""
    values, stamps = dict(kept.state.values), dict(kept.state.stamps)
    for name, (value, stamp) in fields.items():
        present, since = values.pop(name, None), stamps.pop(name, None)
        if stamp is not None:
            values[name], stamps[name] = value, stamp
        if present is not None and since is not None and present != value:
            kept.replaced.append((name, present, since, stamp or since))
    if fields:
        kept.state = Fields(values, stamps)
        kept.touched = kept.visible = True


async def _forget(connection: Connection, account: int, winner: str, undone: Any, brought: Mapping[str, Any]) -> None:
    """Later merges must not bring back what this one had brought: what they replaced is now what this one replaced."""
    for later in await connection.fetch(LATER, account, winner, undone["id"]):
        fields = {
            name: undone["fields"][name] if name in undone["fields"] and was[0] == brought.get(name) else was
            for name, was in later["fields"].items()
        }
        await connection.execute("UPDATE lead_merge SET fields = $2 WHERE id = $1", later["id"], fields)
