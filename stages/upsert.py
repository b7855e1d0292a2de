"""Writes the records. In: events that map and dedupe prepared. Out: `Event.result`, what became of each.

One transaction per batch writes that the events are settled, the keys, the leads, the calls and the activities. An
event that was settled before changes nothing and goes on as it did then. Per field the newest value stays, see
pipeline/store/merge.py; two events of one new person, in one batch or in two processes, make one lead. What an event
may do at all is its connector's behaviour, see pipeline/store/behaviour.py; one that may do nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from itertools import count
from typing import Any

from pipeline.engine.outcome import Drop, Forward, Outcome
from pipeline.engine.stage import stage
from pipeline.lookup import connectors_of
from pipeline.store import activities, applied, calls, history, identity, leads, releasing, versions
from pipeline.store.applied import Applied, Known
from pipeline.store.behaviour import reason
from pipeline.store.chosen import BY_ID
from pipeline.store.database import Collision, Connection
from pipeline.store.matched import Matched, match
from pipeline.store.matching import Key, Match
from pipeline.store.record import Record
from pipeline.store.text import storable
from pipeline.store.workspace import Change, Workspace
from pipeline.tools import Tools
from schemas.event import Event
from schemas.fields import Fields
from schemas.key_text import key_text
from stages.dedupe import refused

Names = Callable[[], Mapping[int, str]]  # of connectors, by id


class Later(Exception):
    """Some events hang on what others of their batch release, and must come after them; nothing was done."""

    def __init__(self, events: set[str]) -> None:
        super().__init__("keys change hands within this batch")
        self.events = events


@stage(after="dedupe", effects="database")
async def upsert(batch: Sequence[Event], tools: Tools) -> list[Outcome]:
    """A fixed number of statements, whatever the size of the batch; run again as a whole when it collides."""
    connectors = await connectors_of(batch, tools.catalog)
    fields = {each.account: each.fields["lead"] for each in connectors.values() if each is not None}
    return await _settled(_storable(batch), tools, fields)


async def _settled(events: Sequence[Event], tools: Tools, fields: Mapping[int, Fields]) -> list[Outcome]:
    """The batch in one transaction; events that hang on a key which others of it release come in one of their own."""
    names, tries, later = cache(tools.catalog.names), count(), set[str]()

    async def work(connection: Connection) -> list[Outcome]:
        return await _apply(connection, now, fields, names, hopeful=next(tries) == 0)

    while True:
        now = [event for event in events if event.id not in later] if later else events
        try:
            outcomes = await tools.database.transaction(work)
            break
        except Later as found:
            later |= found.events
    if not later:
        return outcomes
    first = iter(outcomes)
    then = iter(await _settled([event for event in events if event.id in later], tools, fields))
    return [next(then if event.id in later else first) for event in events]


async def _apply(
    connection: Connection, batch: Sequence[Event], fields: Mapping[int, Fields], names: Names, *, hopeful: bool
) -> list[Outcome]:
    known = await applied.read(connection, sorted({event.id for event in batch}))
    matched = await match(connection, _fresh(batch, known), hopeful)
    changes = await _with_earlier(connection, matched.changes, hopeful)
    records, changes = await _load(connection, changes, hopeful)
    await _check_found(connection, changes, records, matched)
    done = _rows(changes, records, known, matched, names)
    done += [_dropped(event, match, known, names, why) for event, match, why in matched.nobody]
    await _release(connection, records.leads.values(), matched, fields)
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


def _when(change: Change) -> tuple[datetime, datetime, str]:
    """The order in which the changes of a batch are told: as they count."""
    return change.at, change.event.received_at, change.event.id


async def _with_earlier(connection: Connection, changes: Sequence[Change], hopeful: bool) -> Sequence[Change]:
    """The changes, each about the call or activity that an earlier version of the same thing has made, if any has.

    The hopeful way does not look for versions that were about nobody before: writing their records tells if it is so.
    """
    things = [None if hopeful and change.match.lead is None else change.thing for change in changes]
    made = await versions.made(connection, {thing for thing in things if thing is not None})
    if not made:
        return changes
    return [change.after(made.get(thing or "")) for change, thing in zip(changes, things, strict=True)]


async def _load(connection: Connection, changes: Sequence[Change], hopeful: bool) -> tuple[Workspace, Sequence[Change]]:
    """The records that the events are about, the leads locked; and the changes, about activities where those are.

    The hopeful way looks for no activity that must be new: writing it tells if it is.
    """
    wanted = [change for change in changes if not hopeful or change.may_be_stored()]
    new = {change.lead for change in changes if change.match.lead is None}
    locked = await leads.lock(connection, {change.lead for change in changes} - new)
    stored = await activities.load(connection, {change.activity for change in wanted if change.activity})
    sought = {
        change.event.id: found
        for change in wanted
        if change.activity is not None and change.activity not in stored and (found := change.sought()) is not None
    }
    if sought:
        elsewhere = await activities.elsewhere(connection, set(sought.values()))
        stored |= await activities.load(connection, set(elsewhere.values()))
        places = {event: elsewhere[found] for event, found in sought.items() if found in elsewhere}
        changes = [change if (id := places.get(change.event.id)) is None else change.at_place(id) for change in changes]
    loaded = await calls.load(connection, {change.call for change in changes if change.call})
    return Workspace(locked, loaded, stored), changes


async def _check_found(connection: Connection, changes: Sequence[Change], records: Workspace, matched: Matched) -> None:
    """Raise Collision if a lead has lost the key that it was found by before it was locked.

    A key that the lead says itself was not lost: only a change of the lead, under its lock, takes it away.
    """
    asked: dict[Key, str] = {}
    for change in changes:
        lead = records.leads.get(change.lead)
        if lead is None or change.match.by in (None, BY_ID):
            continue
        key = next(key for key in matched.search[change.event.id] if key.space == change.match.by)
        if key.value not in lead.state.values.values() and key not in matched.matcher.claims:
            asked[key] = change.lead
    if asked:
        owners = await identity.find(connection, asked)
        if any(owners.get(key) != lead for key, lead in asked.items()):
            raise Collision("a lead has lost the key that it was found by")


def _rows(changes: Sequence[Change], records: Workspace, known: Known, matched: Matched, names: Names) -> list[Applied]:
    """Change the records in hand, one event after the other. Raises Later."""
    done: list[Applied] = []
    later: set[str] = set()
    gone: dict[str, set[str]] = {}  # values that leads do not have any more
    for change in sorted(changes, key=_when):
        values = gone.get(change.lead)
        search = matched.search[change.event.id]
        if values is not None and matched.matcher.hangs_on(change.event.id, change.lead, search, values):
            later.add(change.event.id)
            continue
        done.append(_row(change, records, known, matched, names))
        lead = records.leads.get(change.lead)
        if lead is not None and lead.replaced:
            gone[change.lead] = {key_text(old, folds) for _, old, _, _ in lead.replaced for folds in (False, True)}
    if gone and matched.refusals:
        values = set().union(*gone.values())
        later |= {id for id in matched.refusals if any(key.value in values for key in matched.search[id])}
    if later:
        raise Later(later)
    return done


async def _release(
    connection: Connection, records: Collection[Record], matched: Matched, fields: Mapping[int, Fields]
) -> None:
    """Let the leads that had values before keep the keys that they say now, and no others."""
    contested = [record for record in records if record.contested and record.account in fields]
    if not contested:
        return
    ids = {record.id for record in contested}
    claims = {key: lead for key, lead in matched.matcher.claims.items() if lead in ids}
    if claims or any(record.replaced for record in contested):
        await releasing.settle(connection, contested, claims, fields)


def _row(change: Change, records: Workspace, known: Known, matched: Matched, names: Names) -> Applied:
    """Change the records in hand, and tell what changed."""
    effect = records.apply(change)
    if effect is None:
        return _dropped(change.event, change.match, known, names)
    if effect.notes:
        matched.notes[change.event.id] = matched.notes.get(change.event.id, ()) + effect.notes
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


def _dropped(event: Event, match: Match, known: Known, names: Names, why: str | None = None) -> Applied:
    """The decision that there is nothing to do, which is remembered as any other."""
    told = reason(event, match, connector=_name(event, names), lead=False, activity=False)
    if why is not None:
        told = f"{why}; {told}"
    return Applied(event, _day(event, known), "dropped", match.lead, by=match.by, reason=told)


def _reason(change: Change, attached: bool, names: Names) -> str | None:
    """What the behaviours left undone of an event that did something else."""
    if change.speaks and (attached or change.activity is None):
        return None
    name = _name(change.event, names)
    return reason(change.event, change.match, connector=name, lead=change.speaks, activity=attached)


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
