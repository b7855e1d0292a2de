"""Send dead letters through again. In: which ones, and from where. Out: frames, and their marks.

Published first, marked after: a crash between the two sends some twice, and nothing takes effect twice. Where each one
goes is one rule, see `pipeline.operations.reentry`; whether all of them can is known before the first one is sent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from pipeline.engine.frame import pack
from pipeline.engine.outcome import Transient
from pipeline.engine.topology import Exit, Work
from pipeline.operations import reentry
from pipeline.operations.chain import Chain
from pipeline.operations.outcomes import Sent, is_heard
from pipeline.operations.reentry import Death, StageGone, TooEarly
from pipeline.store import connectors, dead_letters
from pipeline.store.database import Database
from pipeline.store.dead_letters import Filter, Letter
from schemas.event import Event

__all__ = ["CutShort", "StageGone", "TooEarly", "replay", "replay_edited", "replay_one", "start"]

PATIENCE, PAUSE = 60.0, 0.5  # seconds that a replay waits for a server that is away, and between two tries
KEPT = ("body: ", "edited by ")  # notes that stay true of an event that begins anew: the door's, and who changed it


class CutShort(Transient):
    """A server was away for too long; the message says how many were sent. Run again, it sends the rest."""


async def replay(
    database: Database,
    chain: Chain,
    wanted: Filter,
    on_progress: Callable[[int], None] = lambda _: None,
    *,
    from_stage: str | None = None,
    patience: float = 0.0,
    on_wait: Callable[[int, Transient], None] = lambda _, __: None,
    note: Sent | None = None,
) -> int:
    """Replay every readable dead letter that matches; returns how many. What was sent is put down in `note`.

    A server that goes away meanwhile is waited for, `patience` seconds at a time; `on_wait` hears how many were sent
    until then. Raises Invalid, StageGone, TooEarly, before anything is sent; CutShort.
    """
    found = await dead_letters.deaths(database, wanted)
    reentry.check((Death(**each) for each in found), chain.topology, from_stage)
    upto = await dead_letters.newest(database)  # those that die again meanwhile are left out
    sent, last, waited = 0, 0, 0.0
    while True:
        try:
            async for letters in dead_letters.matching(database, wanted, after=last, upto=upto):
                await _send(letters, database, chain, from_stage, note)
                sent, last, waited = sent + len(letters), letters[-1].id, 0.0
                on_progress(len(letters))
            return sent
        except Transient as error:
            if waited >= patience:
                raise CutShort(f"{error}; {sent:,} were sent until then: run it again for the rest") from error
            if not waited:
                on_wait(sent, error)
            await asyncio.sleep(PAUSE)
            waited += PAUSE


async def replay_one(
    database: Database, chain: Chain, letter: Letter, from_stage: str | None = None, note: Sent | None = None
) -> None:
    """Replay this one, whatever its status; `note` as with `replay`. Raises Invalid, StageGone, TooEarly."""
    reentry.check([_death(letter)], chain.topology, from_stage)
    await _send([letter], database, chain, from_stage, note)


async def replay_edited(
    database: Database, chain: Chain, letter: Letter, raw: str, by: str, note: Sent | None = None
) -> None:
    """Replay this one, with this document, from the first stage; the event's notes say `by` whom it was edited."""
    event = dead_letters.revived(letter.event, last=letter.last)
    edits = [each for each in event.notes if each.startswith(KEPT[1])]
    await start(database, chain, event.evolve(raw=raw, notes=(*edits, by)), note)
    await dead_letters.mark(database, [letter.id], "replayed")


async def start(database: Database, chain: Chain, event: Event, note: Sent | None = None) -> None:
    """Send an event to the first stage, as if nothing had been made of it yet, with the connector as it is now."""
    revisions = await connectors.revisions_of(database, [event.connector])
    fresh = Exit(Work(chain.topology.entry), _anew(event, revisions.get(event.connector, 0)))
    await chain.transport.publish(pack([fresh], time.time(), chain.bounds))
    if note is not None:
        note.add([(event.id, event.replay)])


async def _send(
    letters: Sequence[Letter], database: Database, chain: Chain, from_stage: str | None, note: Sent | None
) -> None:
    goals = [reentry.stage_for(_death(letter), chain.topology, from_stage) for letter in letters]
    anew = {letter.event.connector for letter, goal in zip(letters, goals, strict=True) if goal == chain.topology.entry}
    revisions = await connectors.revisions_of(database, anew)
    exits = []
    for letter, goal in zip(letters, goals, strict=True):
        event = dead_letters.revived(letter.event, letter.decision, letter.last)
        if goal == chain.topology.entry:
            event = _anew(event, revisions.get(event.connector, 0))
        exits.append(Exit(Work(goal), event))
    await chain.transport.publish(pack(exits, time.time(), chain.bounds))
    await dead_letters.mark(database, [letter.id for letter in letters], "replayed")
    if note is not None:
        heard = [exit.event for exit, goal in zip(exits, goals, strict=True) if is_heard(chain.topology, goal)]
        note.add((event.id, event.replay) for event in heard)
        note.unheard += len(exits) - len(heard)


def _anew(event: Event, revision: int) -> Event:
    """The event as if nothing had been made of it yet, but for what is true of its document.

    It names the revision that is in force, so that a worker which has not heard of that yet asks for it.
    """
    notes = tuple(note for note in event.notes if note.startswith(KEPT))
    return event.evolve(data={}, occurred_at=None, notes=notes, revision=revision)


def _death(letter: Letter) -> Death:
    failure = letter.event.failure
    return Death(letter.id, letter.stage, "poison" if failure is None else failure.kind, letter.decision is not None)
