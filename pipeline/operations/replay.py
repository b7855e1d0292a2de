"""Send dead letters through again, from the stage that gave them up. In: which ones. Out: frames, and their marks.

Published first, marked after: a crash between the two sends some twice, and nothing takes effect twice.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence

from pipeline.engine.frame import pack
from pipeline.engine.topology import Exit, Topology, Work
from pipeline.operations.chain import Chain
from pipeline.operations.errors import InUse
from pipeline.store import connectors, dead_letters
from pipeline.store.database import Database
from pipeline.store.dead_letters import Filter, Letter
from schemas.event import Event


class StageGone(InUse):
    """A dead letter died in a stage that the chain no longer has."""


async def replay(
    database: Database, chain: Chain, wanted: Filter, on_progress: Callable[[int], None] = lambda _: None
) -> int:
    """Replay every readable dead letter that matches; returns how many. Raises StageGone, having sent those before."""
    return await _send(dead_letters.matching(database, wanted), database, chain, on_progress)


async def replay_one(database: Database, chain: Chain, letter: Letter) -> None:
    """Replay this one, whatever its status. Raises StageGone."""

    async def page() -> AsyncIterator[list[Letter]]:
        yield [letter]

    await _send(page(), database, chain, lambda _: None)


async def replay_from_start(database: Database, chain: Chain, letter: Letter, raw: str, note: str | None) -> None:
    """Replay this one, with this document, from the first stage; the note goes with it."""
    await start(database, chain, dead_letters.revived(letter.event).evolve(raw=raw), note)
    await dead_letters.mark(database, [letter.id], "replayed")


async def start(database: Database, chain: Chain, event: Event, note: str | None) -> None:
    """Send an event to the first stage, as if nothing had been made of it yet, with the connector as it is now.

    It names the revision that is in force, so that a worker which has not heard of that yet asks for it.
    """
    revision = await connectors.revision_of(database, event.connector)
    fresh = event.evolve(data={}, notes=() if note is None else (note,), revision=revision)
    await chain.transport.publish(pack([Exit(Work(chain.topology.entry), fresh)], time.time(), chain.bounds))


async def _send(
    pages: AsyncIterator[list[Letter]],
    database: Database,
    chain: Chain,
    on_progress: Callable[[int], None],
) -> int:
    sent = 0
    async for letters in pages:
        await chain.transport.publish(pack(_exits(letters, chain.topology), time.time(), chain.bounds))
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
