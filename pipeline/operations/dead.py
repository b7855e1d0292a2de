"""Dead letters of one account. In: who asks, and which. Out: rows to look at, and letters sent through again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson

from pipeline.engine.frame import Bounds
from pipeline.engine.topology import Topology
from pipeline.engine.transport import Transport
from pipeline.operations.access import Actor
from pipeline.operations.errors import InUse, Invalid, NotFound, Problem
from pipeline.operations.replay import StageGone, replay, replay_from_start, replay_one
from pipeline.operations.visible import Visible, visible
from pipeline.operations.who import who
from pipeline.store import connectors, dead_letters
from pipeline.store.database import Database
from pipeline.store.dead_letters import Filter, Letter
from schemas.cutting import TooDeep, redacted
from schemas.presets import UnknownPreset, preset

MOST = 10_000  # letters that one call sends again; the command line has no bound


async def wanted(database: Database, actor: Actor, given: Filter, connector: str | None) -> Filter:
    """The filter, narrowed to the caller's account, to the connectors that he sees, and to this one. NotFound."""
    seen = await visible(database, actor)
    narrowed = replace(given, account=actor.account, connectors=seen.ids)
    return narrowed if connector is None else replace(narrowed, connector=seen.id_of(connector))


async def page(
    database: Database,
    actor: Actor,
    given: Filter,
    connector: str | None = None,
    after: int | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Dead letters without their events, the newest first, each with its connector's name."""
    seen = await visible(database, actor)
    filtered = await wanted(database, actor, given, connector)
    rows = await dead_letters.page(database, filtered, after=after, limit=limit)
    return [_named(row, seen) for row in rows]


async def groups(database: Database, actor: Actor, given: Filter, connector: str | None = None) -> list[dict[str, Any]]:
    """How many died of what, the most first."""
    seen = await visible(database, actor)
    return [
        _named(row, seen)
        for row in await dead_letters.groups(database, await wanted(database, actor, given, connector))
    ]


async def show(database: Database, actor: Actor, id: int) -> dict[str, Any]:
    """One dead letter with its event and trace. Raises NotFound."""
    seen = await visible(database, actor)
    row = await dead_letters.show(database, id, actor.account)
    if row is None or not (seen.is_all or row["connector_id"] in seen.names):
        raise NotFound(f"no dead letter {id}")
    return _named(row, seen)


async def replay_letter(
    database: Database, transport: Transport, topology: Topology, actor: Actor, id: int, bounds: Bounds
) -> None:
    """Send one through again, from the stage that gave it up. Raises NotFound, InUse."""
    letter = await _letter(database, actor, id)
    try:
        await replay_one(database, transport, topology, letter, bounds)
    except StageGone as gone:
        raise InUse(str(gone)) from gone


async def replay_edited(
    database: Database, transport: Transport, topology: Topology, actor: Actor, id: int, document: Any, bounds: Bounds
) -> None:
    """Send one through again with another document, from the first stage, as the same event.

    What the event was before stays in the dead-letter store; its journal row says that it was edited, and by whom.
    Raises NotFound, Invalid (the document cannot be an event), InUse (the connector is gone).
    """
    letter = await _letter(database, actor, id)
    source = await connectors.preset_of(database, actor.account, letter.event.connector)
    if source is None:
        raise InUse("its connector is gone, and nobody could read the document")
    if not isinstance(document, dict | list):
        raise Invalid("nothing is sent", [Problem("document", "must be an object, or a list of pairs")])
    try:
        clean, _ = redacted(document, preset(source).door)
    except (TooDeep, UnknownPreset) as error:
        raise Invalid("nothing is sent", [Problem("document", str(error))]) from error
    await replay_from_start(
        database,
        transport,
        topology,
        letter,
        orjson.dumps(clean).decode(),
        f"edited by {who(actor)}",
        bounds,
    )


async def replay_matching(
    database: Database,
    transport: Transport,
    topology: Topology,
    actor: Actor,
    given: Filter,
    connector: str | None,
    bounds: Bounds,
) -> int:
    """Send all that match through again; returns how many. Raises InUse: more than ten thousand, or a stage is gone."""
    narrowed = await wanted(database, actor, given, connector)
    if (found := await dead_letters.count(database, narrowed)) > MOST:
        raise InUse(f"{found:,} match, and one call sends {MOST:,}; narrow it down, or use `leadpipe dead replay`")
    try:
        return await replay(database, transport, topology, narrowed, bounds)
    except StageGone as gone:
        raise InUse(str(gone)) from gone


async def discard(database: Database, actor: Actor, ids: Sequence[int]) -> int:
    """Set dead letters aside for good: all of them, or, if one is not there, none. Raises NotFound."""
    for id in ids:
        await show(database, actor, id)
    return await dead_letters.mark(database, list(ids), "discarded")


async def _letter(database: Database, actor: Actor, id: int) -> Letter:
    await show(database, actor, id)
    letter = await dead_letters.letter(database, id, actor.account)
    if letter is None:
        raise NotFound(f"no dead letter {id} that can be read")
    return letter


def _named(row: dict[str, Any], seen: Visible) -> dict[str, Any]:
    return {**row, "connector": seen.names.get(row["connector_id"])}
