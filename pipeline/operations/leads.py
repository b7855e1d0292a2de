"""Leads of one account: found, shown, explained, merged, taken apart. In: who asks, and which lead. Out: rows."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import asdict
from typing import Any

from pipeline.operations import masked
from pipeline.operations.access import Actor
from pipeline.operations.errors import InUse, Invalid, NotFound, Problem
from pipeline.operations.explain import explain, lead_of
from pipeline.operations.who import who
from pipeline.store import history as changes
from pipeline.store import leads, merging
from pipeline.store.database import Database
from pipeline.store.ids import canonical
from pipeline.store.merging import Merge, MergeRefused, UnknownLead

__all__ = ["explain", "find", "history", "merge", "show", "unmerge"]


async def find(
    database: Database, actor: Actor, query: str = "", *, after: str | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """Leads with this id, key or text, the newest first; an empty query: all of them. Each: id, fields, times.

    `after`: the id of the last lead of the page before. Raises Invalid.
    """
    page = None if after is None else _id(after, "after")
    return await leads.find(database, actor.account, query, limit, page)


async def show(database: Database, actor: Actor, id: str) -> dict[str, Any]:
    """A lead: id, fields, keys, provenance, activities, merges, times.

    One that was merged is shown as the lead that it is now, with `redirected_from`, the id that was asked for.
    Raises NotFound.
    """
    lead = await lead_of(database, actor, id)
    return {**lead, "merges": await merging.of_lead(database, actor.account, lead["id"])}


async def history(
    database: Database, actor: Actor, id: str, field: str | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """What the fields of a lead were before, the latest first: field, value, since, until, and by which events.

    Raises NotFound.
    """
    lead = await lead_of(database, actor, id)
    rows = await changes.of_lead(database, actor.account, lead["id"], field, limit)
    return [{"field": row["field"], "value": row["value"], **_span(row["old_stamp"], row["new_stamp"])} for row in rows]


async def merge(database: Database, actor: Actor, winner: str, loser: str) -> dict[str, Any]:
    """Make one lead of two. Returns id, winner, loser, and what moved: keys, fields, how many calls and activities.

    The winner's history is kept, and per field the newest value stays; the loser's id goes on showing the winner.
    Raises NotFound, Invalid, InUse (one of them was merged before, or they are one).
    """
    work = merging.merge(database, actor.account, _id(winner, "winner"), _id(loser, "loser"), who(actor))
    return await _done(actor, work)


async def unmerge(database: Database, actor: Actor, loser: str) -> dict[str, Any]:
    """Take a lead out of the one that it was merged into. Returns what moved back, as `merge` does.

    What arrived after the merge stays with the winner. Raises NotFound, Invalid, InUse (it is not merged).
    """
    lost = _id(loser, "lead")
    await lead_of(database, actor, lost)
    return await _done(actor, merging.unmerge(database, actor.account, lost, who(actor)))


async def _done(actor: Actor, work: Awaitable[Merge]) -> dict[str, Any]:
    try:
        done = asdict(await work)
        return {**done, "keys": masked.keys(actor, done["keys"])}
    except UnknownLead as error:
        raise NotFound(str(error)) from error
    except MergeRefused as error:
        why = (
            str(error) if masked.sees_people(actor) else "these leads cannot be merged, or taken apart, as they are now"
        )
        raise InUse(why) from error


def _span(old: str, new: str) -> dict[str, str]:
    since, _, event = old.partition(" ")
    until, _, by = new.partition(" ")
    return {"since": since.removeprefix("-"), "event": event, "until": until.removeprefix("-"), "replaced_by": by}


def _id(given: str, field: str) -> str:
    id = canonical(given)
    if id is None:
        raise Invalid("nothing is done", [Problem(field, "must be the id of a lead", given)])
    return id
