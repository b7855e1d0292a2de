"""Writes the records. In: events that map and dedupe prepared. Out: `Event.result`, what became of each.

One transaction per batch writes that the events are applied, the keys, the leads, the calls and the activities. An
event that was applied before changes nothing and goes on with the result it had. Per field the newest value stays,
see pipeline/store/merge.py; two events of one new person, in one batch or in two processes, make one lead.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from pipeline.engine.outcome import Forward, Outcome
from pipeline.engine.stage import stage
from pipeline.store import activities, applied, calls, identity, leads
from pipeline.store.applied import Applied
from pipeline.store.database import Collision, Connection
from pipeline.store.matching import Key, Matcher, Refusal, keys_of
from pipeline.store.text import storable
from pipeline.store.workspace import Change, Workspace
from pipeline.tools import Tools
from schemas.event import Event
from stages.dedupe import refused


@stage(after="dedupe", effects="database")
async def upsert(batch: Sequence[Event], tools: Tools) -> list[Outcome]:
    """A fixed number of statements, whatever the size of the batch; run again as a whole when it collides."""
    return await tools.database.transaction(partial(_apply, [_storable(event) for event in batch]))


async def _apply(batch: Sequence[Event], connection: Connection) -> list[Outcome]:
    known = await applied.read(connection, sorted({event.id for event in batch}))
    fresh = {event.id: event for event in reversed(batch) if event.id not in known.results}
    changes, refusals = await _match(connection, list(fresh.values()))
    records = await _load(connection, changes)
    done = [_row(change, records, known) for change in sorted(changes, key=lambda change: (change.at, change.event.id))]
    now = datetime.now(UTC)
    await leads.save(connection, list(records.leads.values()), now)
    await calls.save(connection, records.touched_calls())
    await activities.save(connection, records.touched_activities())
    await applied.write(connection, done)
    return _outcomes(batch, known.results, {row.event: row for row in done}, refusals)


async def _match(connection: Connection, events: Sequence[Event]) -> tuple[list[Change], dict[str, Refusal]]:
    """Whose event each one is, with every key given away for good; raises Collision if somebody else was faster.

    Events with more keys come first, so that those which share only one of them find the same lead.
    """
    search = {event.id: keys_of(event.account, event.data["keys"]["search"]) for event in events}
    also = {event.id: keys_of(event.account, event.data["keys"]["also"]) for event in events}
    keys: set[Key] = set().union(*search.values(), *also.values())
    matcher = Matcher(await identity.find(connection, keys))
    changes: list[Change] = []
    refusals: dict[str, Refusal] = {}
    for event in sorted(events, key=lambda event: (-len(search[event.id]), -len(also[event.id]))):
        found = matcher.match(search[event.id])
        if isinstance(found, Refusal):
            refusals[event.id] = found
            continue
        change = Change.of(event, found, event.occurred_at or event.received_at)
        matcher.give(change.lead, search[event.id], also[event.id])
        changes.append(change)
    lost = await identity.claim(connection, matcher.claims)
    if lost & matcher.decisive:
        raise Collision("another transaction met the same person")
    return changes, refusals


async def _load(connection: Connection, changes: Sequence[Change]) -> Workspace:
    """The records that the events are about, the leads locked."""
    new = {change.lead for change in changes if change.match.lead is None}
    return Workspace(
        await leads.lock(connection, {change.lead for change in changes} - new),
        await calls.load(connection, {change.call for change in changes if change.call}),
        await activities.load(connection, {change.activity for change in changes if change.activity}),
    )


def _row(change: Change, records: Workspace, known: applied.Known) -> Applied:
    """Change the records in hand, and tell what changed."""
    event = change.event
    changed = records.apply(change)
    created = change.match.lead is None
    return Applied(
        event=event.id,
        account=event.account,
        connector=event.connector,
        day=known.days.get(event.id, event.received_at.astimezone(UTC).date()),
        outcome="created" if created else "updated" if changed else "unchanged",
        lead=change.lead,
        call=change.call,
        activity=change.activity,
        by=change.match.by,
        changed=tuple(changed),
    )


def _storable(event: Event) -> Event:
    data = storable(event.data)
    return event if data is event.data else event.evolve(data=data)


def _outcomes(
    batch: Sequence[Event],
    before: dict[str, dict[str, object]],
    done: dict[str, Applied],
    refusals: dict[str, Refusal],
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    met: set[str] = set()
    for event in batch:
        if event.id in refusals:
            outcomes.append(refused(refusals[event.id]))
        elif event.id in before:
            outcomes.append(Forward(event.evolve(result=before[event.id])))
        else:
            outcomes.append(Forward(event.evolve(result=done[event.id].result(duplicate=event.id in met))))
            met.add(event.id)
    return outcomes
