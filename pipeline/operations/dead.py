"""Dead letters of one account. In: who asks, and which. Out: rows to look at, and letters sent through again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson

from pipeline.operations import masked, replay
from pipeline.operations.access import Actor
from pipeline.operations.chain import Chain
from pipeline.operations.errors import InUse, Invalid, NotFound, Problem
from pipeline.operations.outcomes import Sent
from pipeline.operations.reentry import check_stage
from pipeline.operations.visible import Visible, visible
from pipeline.operations.who import who
from pipeline.store import connectors, dead_letters
from pipeline.store.database import Database
from pipeline.store.dead_letters import Filter, Letter
from schemas.cutting import TooDeep, redacted
from schemas.presets import UnknownPreset, preset

MOST = 10_000  # letters that one call sends again; the command line has no bound
PATIENCE = 10.0  # seconds that a call waits for a server that is away; the command line waits longer


async def wanted(database: Database, actor: Actor, given: Filter, connector: str | None) -> Filter:
    """The filter, narrowed to the caller's account, to the connectors that they see, and to this one. NotFound."""
    return _narrowed(await visible(database, actor), actor, given, connector)


async def page(
    database: Database,
    actor: Actor,
    given: Filter,
    connector: str | None = None,
    after: int | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Dead letters without their events, the newest first, each with its connector's name.

    With `given.unreadable` the frames that nobody could read, of whatever account: only for the command line.
    """
    seen = await visible(database, actor)
    filtered = _narrowed(seen, actor, given, connector)
    rows = await dead_letters.page(database, filtered, after=after, limit=limit)
    return masked.rows(actor, [seen.named(row) for row in rows])


async def groups(database: Database, actor: Actor, given: Filter, connector: str | None = None) -> list[dict[str, Any]]:
    """How many died of what, the most first."""
    seen = await visible(database, actor)
    rows = await dead_letters.groups(database, _narrowed(seen, actor, given, connector))
    return masked.rows(actor, [seen.named(row) for row in rows])


async def show(database: Database, actor: Actor, id: int, *, unreadable: bool = False) -> dict[str, Any]:
    """One dead letter with its event and trace. Raises NotFound.

    `unreadable`: also a frame that nobody could read, which belongs to no account; only for the command line.
    """
    seen = await visible(database, actor)
    row = await dead_letters.show(database, id, actor.account, unreadable=unreadable)
    if row is None or not seen.holds(row):
        raise _unknown(id)
    return masked.row(actor, seen.named(row))


async def replay_letter(
    database: Database, chain: Chain, actor: Actor, id: int, from_stage: str | None = None, note: Sent | None = None
) -> None:
    """Send one through again: from where `pipeline.operations.reentry` says, or from a stage of the caller's choice.

    What was sent is put down in `note`, from which `pipeline.operations.outcomes` tells what became of it. Raises
    NotFound, Invalid (there is no such stage), InUse (what came to that stage is not kept, or its own is gone).
    """
    await replay.replay_one(database, chain, await _letter(database, actor, id), from_stage, note)


async def replay_edited(
    database: Database, chain: Chain, actor: Actor, id: int, document: Any, note: Sent | None = None
) -> None:
    """Send one through again with another document, from the first stage, as the same event; `note` as above.

    What the event was before stays in the dead-letter store; its journal row says that it was edited, and by whom.
    Raises NotFound, Invalid (the document cannot be an event), InUse (the connector is gone).
    """
    letter = await _letter(database, actor, id)
    source = await connectors.preset_of(database, actor.account, letter.event.connector)
    if source is None:
        raise InUse("its connector was removed, so the document cannot be read; discard the dead letter")
    if not isinstance(document, dict | list):
        raise Invalid("nothing is sent", [Problem("document", "must be an object, or a list of pairs")])
    try:
        clean, _ = redacted(document, preset(source).door)
    except (TooDeep, UnknownPreset) as error:
        raise Invalid("nothing is sent", [Problem("document", str(error))]) from error
    raw = orjson.dumps(clean).decode()
    await replay.replay_edited(database, chain, letter, raw, f"edited by {who(actor)}", note)


async def replay_matching(
    database: Database,
    chain: Chain,
    actor: Actor,
    given: Filter,
    connector: str | None,
    from_stage: str | None = None,
    note: Sent | None = None,
) -> int:
    """Send all that match through again, as `replay_letter` does; returns how many.

    Raises NotFound, Invalid and InUse as that does, for any of them before one is sent, and InUse for more than ten
    thousand; CutShort where a server was away for too long in its middle.
    """
    check_stage(chain.topology, "stage", given.stage)
    narrowed = await wanted(database, actor, given, connector)
    if (found := await dead_letters.count(database, narrowed)) > MOST:
        raise InUse(f"{found:,} match, and one call sends {MOST:,} at most; filter more, or use `leadpipe dead replay`")
    return await replay.replay(database, chain, narrowed, from_stage=from_stage, patience=PATIENCE, note=note)


async def discard(database: Database, actor: Actor, ids: Sequence[int], *, unreadable: bool = False) -> int:
    """Set dead letters aside for good: all of them, or, if one is not there, none. Raises NotFound.

    `unreadable`: as with `show`.
    """
    seen = await visible(database, actor)
    rows = await dead_letters.connectors_of(database, ids, actor.account, unreadable=unreadable)
    there = {row["id"] for row in rows if seen.holds(row)}
    if missing := [id for id in ids if id not in there]:
        raise _unknown(missing[0])
    return await dead_letters.mark(database, list(ids), "discarded")


async def _letter(database: Database, actor: Actor, id: int) -> Letter:
    await show(database, actor, id)
    letter = await dead_letters.letter(database, id, actor.account)
    if letter is None:
        raise NotFound(f"no dead letter {id} that can be read")
    return letter


def _narrowed(seen: Visible, actor: Actor, given: Filter, connector: str | None) -> Filter:
    if given.error:
        masked.need_people(actor, "a search for a text")
    account = None if given.unreadable else actor.account
    narrowed = replace(given, account=account, connectors=seen.ids)
    return narrowed if connector is None else replace(narrowed, connector=seen.id_of(connector))


def _unknown(id: int) -> NotFound:
    return NotFound(f"no dead letter {id}; see the list of dead letters")
