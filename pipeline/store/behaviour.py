"""Sync behaviours: what a connector may do to records. In: an event, and what is there. Out: what is done, or why not.

for leads        capture (create and update) | create | update | nothing
for activities   capture | create | update | off; calls are activities
"""

from __future__ import annotations

from typing import TypedDict

from schemas.event import Event

CAPTURE, CREATE, UPDATE, NOTHING, OFF = "capture", "create", "update", "nothing", "off"
NEEDS_LEAD = frozenset({UPDATE, NOTHING})  # those that make no leads, so that there must be one already


class Sync(TypedDict):
    """The behaviours in force when an event was mapped: `Event.data["sync"]`."""

    lead: str
    activity: str


BEFORE: Sync = {"lead": CAPTURE, "activity": CAPTURE}  # of events that were mapped before there were behaviours


def sync_of(event: Event) -> Sync:
    """The behaviours in force for this event."""
    found: Sync | None = event.data.get("sync")
    return BEFORE if found is None else found


def allows(behaviour: str, *, there: bool) -> bool:
    """Whether a record may be changed (it is there), or made (it is not)."""
    return behaviour == CAPTURE or behaviour == (UPDATE if there else CREATE)


def is_idle(event: Event) -> bool:
    """Whether nothing can come of this event, whoever it is about: no lead, and no activity."""
    sync = sync_of(event)
    return sync["lead"] == NOTHING and (sync["activity"] == OFF or not _has_activity(event))


def reason(event: Event, *, found: bool, connector: str) -> str:
    """Why nothing was done, for the journal. `found`: whether its lead was there."""
    sync = sync_of(event)
    parts = [_of_lead(sync["lead"], found, connector), _of_activity(sync["activity"], found, _has_activity(event))]
    return "; ".join(part for part in parts if part)


def _has_activity(event: Event) -> bool:
    return "call" in event.data or "activity" in event.data


def _of_lead(behaviour: str, found: bool, connector: str) -> str:
    only = "leaves leads alone" if behaviour == NOTHING else f"only {behaviour}s leads"
    return f"{'the lead is there already' if found else 'no lead found'}, and connector {connector} {only}"


def _of_activity(behaviour: str, found: bool, said: bool) -> str:
    if not said:
        return ""
    if behaviour == OFF:
        return "it leaves activities out"
    if not found:
        return "there is no lead to attach the activity to"
    there = "is there already" if behaviour == CREATE else "is not there yet"
    return f"it only {behaviour}s activities, and this one {there}"
