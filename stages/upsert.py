"""Writes the records. In: events that map and dedupe prepared. Out: `Event.result`, what became of each.

One transaction per batch writes that the events are settled, the keys, the leads, the calls and the activities. An
event that was settled before changes nothing and goes on as it did then. Per field the newest value stays, see
pipeline/store/merge.py; two events of one new person, in one batch or in two processes, make one lead. What an event
may do at all is its connector's behaviour, see pipeline/store/behaviour.py; one that may do nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from itertools import count
from typing import Any

from pipeline.engine.outcome import Drop, Forward, Outcome
from pipeline.engine.stage import stage
from pipeline.store import activities, applied, calls, history, identity, leads, versions
from pipeline.store.applied import Applied, Known
from pipeline.store.behaviour import CAPTURE, NEEDS_LEAD, NOTHING, allows, is_idle, reason, sync_of
from pipeline.store.chosen import chosen
from pipeline.store.database import Collision, Connection
from pipeline.store.ids import new_ids
from pipeline.store.matching import NOBODY, Key, Match, Matcher, Refusal, keys_of
from pipeline.store.text import storable
from pipeline.store.workspace import Change, Workspace
from pipeline.tools import Tools
from schemas.event import Event
from stages.dedupe import refused

REQUIRED = "a new lead must have a value in each required field"

Names = Callable[[], Mapping[int, str]]  # of connectors, by id


@dataclass(slots=True)
class Matched:
    """What follows from the keys of a batch: changes, events that nothing comes of, events that are refused."""

    changes: list[Change] = field(default_factory=list)
    nobody: list[Event] = field(default_factory=list)
    refusals: dict[str, Refusal] = field(default_factory=dict)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by event


@stage(after="dedupe", effects="database")
async def upsert(batch: Sequence[Event], tools: Tools) -> list[Outcome]:
    """A fixed number of statements, whatever the size of the batch; run again as a whole when it collides."""
    events, names, tries = _storable(batch), cache(tools.catalog.names), count()

    async def work(connection: Connection) -> list[Outcome]:
        return await _apply(connection, events, names, hopeful=next(tries) == 0)

    return await tools.database.transaction(work)


async def _apply(connection: Connection, batch: Sequence[Event], names: Names, *, hopeful: bool) -> list[Outcome]:
    known = await applied.read(connection, sorted({event.id for event in batch}))
    matched = await _match(connection, _fresh(batch, known), hopeful)
    changes = await _with_earlier(connection, matched.changes, hopeful)
    records = await _load(connection, changes, hopeful)
    done = [_row(change, records, known, names) for change in sorted(changes, key=_when)]
    done += [_dropped(event, NOBODY, known, names) for event in matched.nobody]
    await leads.save(connection, list(records.leads.values()), datetime.now(UTC))
    await history.save(connection, records.leads.values())
    await calls.save(connection, records.touched_calls())
    await activities.save(connection, records.touched_activities())
    await applied.write(connection, done)
    return _outcomes(batch, known, {row.event.id: row for row in done}, matched)


def _fresh(batch: Sequence[Event], known: Known) -> list[Event]:
    """The events to settle, each once; of several runs of one event the first, and a replay before all others."""
    runs = sorted(batch, key=lambda run: -run.replay) if any(run.replay for run in batch) else batch
    return list({run.id: run for run in reversed(runs) if not known.settles(run.id, run.replay)}.values())


async def _match(connection: Connection, events: Sequence[Event], hopeful: bool) -> Matched:
    """Whose event each one is, with every key given away for good; raises Collision if somebody else was faster.

    Events that may make a lead come first, and of those the ones with more keys, so that those which share only one
    of them find the same lead. The hopeful way does not look again for whom dedupe did not find: giving the keys away
    tells if that still holds.
    """
    search = {event.id: keys_of(event.account, event.data["keys"]["search"]) for event in events}
    also = {event.id: keys_of(event.account, event.data["keys"]["also"]) for event in events}
    asked = [search[event.id] for event in events if not (hopeful and _is_stranger(event))]
    keys: set[Key] = set().union(*asked, *also.values())
    owners = await identity.find(connection, keys)
    matcher = Matcher(owners, owners.shared)
    decided = await chosen(connection, events)
    syncs = {event.id: sync_of(event)["lead"] for event in events}
    ids = new_ids(len(events))
    matched = Matched()
    for event in sorted(events, key=lambda e: (syncs[e.id] in NEEDS_LEAD, -len(search[e.id]), -len(also[e.id]))):
        behaviour = syncs[event.id]
        found = matcher.match(search[event.id], decided.get(event.id))
        if behaviour == NOTHING and is_idle(event):
            matched.nobody.append(event)
        elif isinstance(found, Refusal):
            matched.refusals[event.id] = found
        elif found.lead is None and behaviour in NEEDS_LEAD:
            matched.nobody.append(event)
        elif found.lead is None and "required" in event.data:
            matched.refusals[event.id] = _incomplete(event)
        else:
            speaks = behaviour == CAPTURE or allows(behaviour, there=found.lead is not None)
            lead = found.lead or next(ids)
            change = Change.of(event, found, lead, event.occurred_at or event.received_at, speaks)
            if speaks:
                matcher.give(lead, search[event.id], also[event.id])
            if found.lead is not None and (notes := matcher.notes(lead, search[event.id])):
                matched.notes[event.id] = notes
            matched.changes.append(change)
    lost = await identity.claim(connection, matcher.claims, hopeful=hopeful)
    if lost & matcher.decisive:
        raise Collision("another transaction met the same person")
    await identity.share(connection, matcher.shares)
    return matched


def _when(change: Change) -> tuple[datetime, datetime, str]:
    """The order in which the changes of a batch are told: as they count."""
    return change.at, change.event.received_at, change.event.id


def _is_stranger(event: Event) -> bool:
    """Whether dedupe found nobody for this event, which will in any case claim the keys it was searched by."""
    match, certain = event.data.get("match"), sync_of(event)["lead"] == CAPTURE and "required" not in event.data
    return certain and match is not None and match["lead"] is None


def _incomplete(event: Event) -> Refusal:
    """A new lead would lack a field that the account requires."""
    name = event.data["required"][0]
    return Refusal(f"a new lead needs a value in {name}, and this event has none", REQUIRED, f"lead.{name}")


async def _with_earlier(connection: Connection, changes: Sequence[Change], hopeful: bool) -> Sequence[Change]:
    """The changes, each about the call or activity that an earlier version of the same thing has made, if any has.

    The hopeful way does not look for versions that were about nobody before: writing their records tells if it is so.
    """
    things = [None if hopeful and change.match.lead is None else change.thing for change in changes]
    made = await versions.made(connection, {thing for thing in things if thing is not None})
    if not made:
        return changes
    return [change.after(made.get(thing or "")) for change, thing in zip(changes, things, strict=True)]


async def _load(connection: Connection, changes: Sequence[Change], hopeful: bool) -> Workspace:
    """The records that the events are about, the leads locked. The hopeful way looks for no activity that must be new:
    writing it tells if it is."""
    wanted = [change for change in changes if not hopeful or change.may_be_stored()]
    new = {change.lead for change in changes if change.match.lead is None}
    return Workspace(
        await leads.lock(connection, {change.lead for change in changes} - new),
        await calls.load(connection, {change.call for change in changes if change.call}),
        await activities.load(connection, {change.activity for change in wanted if change.activity}),
    )


def _row(change: Change, records: Workspace, known: Known, names: Names) -> Applied:
    """Change the records in hand, and tell what changed."""
    effect = records.apply(change)
    if effect is None:
        return _dropped(change.event, change.match, known, names)
    created = change.match.lead is None
    return Applied(
        event=change.event,
        day=_day(change.event, known),
        outcome="created" if created else "updated" if effect.changed else "unchanged",
        lead=change.lead,
        call=change.call if effect.attached else None,
        activity=change.activity if effect.attached else None,
        by=change.match.by,
        changed=effect.changed,
        reason=_reason(change, effect.attached, names),
    )


def _dropped(event: Event, match: Match, known: Known, names: Names) -> Applied:
    """The decision that there is nothing to do, which is remembered as any other."""
    why = reason(event, found=match.lead is not None, connector=_name(event, names), lead=False, activity=False)
    return Applied(event, _day(event, known), "dropped", match.lead, by=match.by, reason=why)


def _reason(change: Change, attached: bool, names: Names) -> str | None:
    """What the behaviours left undone of an event that did something else."""
    if change.speaks and (attached or change.activity is None):
        return None
    found, name = change.match.lead is not None, _name(change.event, names)
    return reason(change.event, found=found, connector=name, lead=change.speaks, activity=attached)


def _name(event: Event, names: Names) -> str:
    return names().get(event.connector, str(event.connector))


def _day(event: Event, known: Known) -> date:
    return known.days.get(event.id) or event.received_at.astimezone(UTC).date()


def _storable(batch: Sequence[Event]) -> Sequence[Event]:
    """The batch as PostgreSQL can store it; one look at all, for there is hardly ever anything to clean."""
    data = [event.data for event in batch]
    clean = storable(data)
    if clean is data:
        return batch
    return [event.evolve(data=each) for event, each in zip(batch, clean, strict=True)]


def _outcomes(batch: Sequence[Event], known: Known, done: dict[str, Applied], matched: Matched) -> list[Outcome]:
    outcomes: list[Outcome] = []
    met: set[str] = set()
    for event in batch:
        if event.id in matched.refusals:
            outcomes.append(refused(matched.refusals[event.id]))
        elif event.id in done:
            if event.id in matched.notes:
                event = event.evolve(notes=event.notes + matched.notes[event.id])
            outcomes.append(_outcome(event, done[event.id].result(duplicate=event.id in met)))
            met.add(event.id)
        else:
            outcomes.append(_outcome(event, known.results[event.id]))
    return outcomes


def _outcome(event: Event, result: dict[str, Any]) -> Outcome:
    if result["outcome"] == "dropped":
        return Drop(result["reason"], result)
    return Forward(event.evolve(result=result))
