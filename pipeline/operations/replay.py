"""Send dead letters through again, from the stage that gave them up. In: which ones. Out: frames, and their marks.

Published first, marked after: a crash between the two sends some twice, and nothing takes effect twice.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence

from pipeline.engine.frame import Bounds, pack
from pipeline.engine.topology import Exit, Topology, Work
from pipeline.engine.transport import Transport
from pipeline.store import connectors, dead_letters
from pipeline.store.database import Database
from pipeline.store.dead_letters import Filter, Letter
from schemas.event import Event


class StageGone(LookupError):
    """A dead letter died in a stage that the chain no longer has."""


async def replay(
    database: Database,
    transport: Transport,
    topology: Topology,
    wanted: Filter,
    bounds: Bounds,
    on_progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Replay every readable dead letter that matches; returns how many. Raises StageGone, having sent those before."""
    return await _send(dead_letters.matching(database, wanted), database, transport, topology, bounds, on_progress)


async def replay_one(
    database: Database, transport: Transport, topology: Topology, letter: Letter, bounds: Bounds
) -> None:
    """Replay this one, whatever its status. Raises StageGone."""

    async def page() -> AsyncIterator[list[Letter]]:
        yield [letter]

    await _send(page(), database, transport, topology, bounds, lambda _: None)


async def replay_from_start(
    database: Database,
    transport: Transport,
    topology: Topology,
    letter: Letter,
    raw: str,
    note: str | None,
    bounds: Bounds,
) -> None:
    """Replay this one, with this document, from the first stage; the note goes with it."""
    await start(database, transport, topology, dead_letters.revived(letter.event).evolve(raw=raw), note, bounds)
    await dead_letters.mark(database, [letter.id], "replayed")


async def start(
    database: Database, transport: Transport, topology: Topology, event: Event, note: str | None, bounds: Bounds
) -> None:
    """Send an event to the first stage, as if nothing had been made of it yet, with the connector as it is now.

    It names the revision that is in force, so that a worker which has not heard of that yet asks for it.
    """
    revision = await connectors.revision_of(database, event.connector)
    fresh = event.evolve(data={}, notes=() if note is None else (note,), revision=revision)
    await transport.publish(pack([Exit(Work(topology.entry), fresh)], time.time(), bounds))


async def _send(
    pages: AsyncIterator[list[Letter]],
    database: Database,
    transport: Transport,
    topology: Topology,
    bounds: Bounds,
    on_progress: Callable[[int], None],
) -> int:
    sent = 0
    async for letters in pages:
        await transport.publish(pack(_exits(letters, topology), time.time(), bounds))
        await dead_letters.mark(database, [letter.id for letter in letters], "replayed")
        sent += len(letters)
        on_progress(len(letters))
    return sent


def _exits(letters: Sequence[Letter], topology: Topology) -> list[Exit]:
    for letter in letters:
        if letter.stage not in topology.stages:
            raise StageGone(
                f"dead letter {letter.id} died in stage {letter.stage!r}, which the chain does not have any more; "
                f"its stages are {', '.join(topology.stages)}"
            )
    return [Exit(Work(letter.stage), dead_letters.revived(letter.event, letter.decision)) for letter in letters]
