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


def reason(event: Event, *, found: bool, connector: str, lead: bool, activity: bool) -> str | None:
    """What the behaviours kept from being done and why, for the journal; None: nothing.

    `found`: whether its lead was there. `lead`, `activity`: whether the event counted for them.
    """
    sync, parts = sync_of(event), []
    if not lead:
        parts.append(_of_lead(sync["lead"], found, connector))
    if not activity and _has_activity(event):
        there_is_lead = found or lead
        parts.append(_of_activity(sync["activity"], there_is_lead, "it" if parts else f"connector {connector}"))
    return "; ".join(parts) or None


def _has_activity(event: Event) -> bool:
    return "call" in event.data or "activity" in event.data


def _of_lead(behaviour: str, found: bool, connector: str) -> str:
    only = "leaves leads alone" if behaviour == NOTHING else f"only {behaviour}s leads"
    return f"{'the lead is there already' if found else 'no lead found'}, and connector {connector} {only}"


def _of_activity(behaviour: str, has_lead: bool, who: str) -> str:
    if behaviour == OFF:
        return f"{who} leaves activities out"
    if not has_lead:
        return "there is no lead to attach the activity to"
    there = "is there already" if behaviour == CREATE else "is not there yet"
    return f"{who} only {behaviour}s activities, and this one {there}"
