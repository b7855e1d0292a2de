"""Whose the events of a batch are. In: events with their keys. Out: the changes that follow, and keys given away.

Whom an event is about is looked for again under the locks of the transaction, whatever `dedupe` has found.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline.store import identity
from pipeline.store.behaviour import CAPTURE, NEEDS_LEAD, allows, is_idle, sync_of
from pipeline.store.chosen import chosen
from pipeline.store.database import Collision, Connection
from pipeline.store.ids import new_ids
from pipeline.store.matching import HOLD, NOBODY, Key, Match, Matcher, Refusal, Taken, keys_of
from pipeline.store.workspace import Change
from schemas.event import Event
from schemas.fields import AS_SENT

REQUIRED = "a new lead must have a value in each required field"


@dataclass(slots=True)
class Matched:
    """What follows from the keys of a batch: changes, events that nothing comes of, events that are refused."""

    matcher: Matcher
    search: dict[str, list[Key]]
    changes: list[Change] = field(default_factory=list)
    nobody: list[tuple[Event, Match, str | None]] = field(default_factory=list)  # and what their keys do not allow
    refusals: dict[str, Refusal] = field(default_factory=dict)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by event


async def match(connection: Connection, events: Sequence[Event], hopeful: bool) -> Matched:
    """Whose event each one is, with every key given away for good; raises Collision if somebody else was faster.

    Events that may make a lead come first, and of those the ones with more keys, so that those which share only one
    of them find the same lead; then the earlier ones. The hopeful way does not look again for whom dedupe did not find:
    giving the keys away tells if that still holds.
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
    matched = Matched(matcher, search)

    def place(event: Event) -> tuple[bool, int, int, datetime]:
        id, at = event.id, event.occurred_at or event.received_at
        return syncs[id] in NEEDS_LEAD, -len(search[id]), -len(also[id]), at

    for event in sorted(events, key=place):
        behaviour = syncs[event.id]
        found = matcher.match(search[event.id], decided.get(event.id))
        if is_idle(event):
            matched.nobody.append(_idle(event, found))
            continue
        if isinstance(found, Match) and "taken" in event.data:
            event, found, others = _without_taken(event, found, matched, decided=event.id in decided)
            also[event.id] = [key for key in also[event.id] if key not in others]
        if isinstance(found, Refusal):
            matched.refusals[event.id] = found
        elif found.lead is None and behaviour in NEEDS_LEAD:
            matched.nobody.append((event, found, None))
        elif found.lead is None and "required" in event.data:
            matched.refusals[event.id] = _incomplete(event)
        else:
            speaks = behaviour == CAPTURE or allows(behaviour, there=found.lead is not None)
            lead = found.lead or next(ids)
            change = Change.of(event, found, lead, event.occurred_at or event.received_at, speaks)
            if speaks:
                matcher.give(lead, event.id, search[event.id], also[event.id])
            if found.lead is not None and (notes := matcher.notes(lead, search[event.id])):
                matched.notes[event.id] = matched.notes.get(event.id, ()) + notes
            matched.changes.append(change)
    lost = await identity.claim(connection, matcher.claims, hopeful=hopeful)
    if lost & matcher.decisive:
        raise Collision("another transaction met the same person")
    await identity.share(connection, matcher.shares)
    return matched


def _is_stranger(event: Event) -> bool:
    """Whether dedupe found nobody for this event, which will in any case claim the keys it was searched by."""
    match, certain = event.data.get("match"), sync_of(event)["lead"] == CAPTURE and "required" not in event.data
    return certain and match is not None and match["lead"] is None


def _incomplete(event: Event) -> Refusal:
    """A new lead would lack a field that the account requires."""
    name = event.data["required"][0]
    return Refusal(f"a new lead needs a value in {name}, and this event has none", REQUIRED, f"lead.{name}")


def _idle(event: Event, found: Match | Refusal) -> tuple[Event, Match, str | None]:
    """An event that nothing may come of: whom it is about is looked for all the same, so that the journal says it."""
    return (event, NOBODY, found.reason) if isinstance(found, Refusal) else (event, found, None)


def _without_taken(
    event: Event, found: Match, matched: Matched, *, decided: bool
) -> tuple[Event, Match | Refusal, Collection[Key]]:
    """The event without the values of unique fields that another lead has; or, where a field says so, none of it.

    Where a person has decided whose event it is, the value stays with the lead that has it. Returns their keys too.
    """
    if not allows(sync_of(event)["lead"], there=found.lead is not None):
        return event, found, ()
    taken = matched.matcher.taken(event, found.lead)
    held = next((each for each in taken if each.how == HOLD), None)
    if held is not None and not decided:
        return event, held.refusal(), ()
    if not taken:
        return event, found, ()
    theirs = {each.key for each in taken}
    matched.search[event.id] = [key for key in matched.search[event.id] if key not in theirs]
    matched.notes[event.id] = tuple(each.note() for each in taken)
    return event.evolve(data=_parted(event.data, taken)), found, theirs


def _parted(data: Mapping[str, Any], taken: Sequence[Taken]) -> dict[str, Any]:
    """What an event says, without these values, and without these keys."""
    names = {name for each in taken for name in (each.field, each.field + AS_SENT)}
    kept = {part: {n: v for n, v in data.get(part, {}).items() if n not in names} for part in ("lead", "defaults")}
    return {**data, **kept}
