"""Sync behaviours: what a connector may do to records. In: an event, and what is there. Out: what is done, or why not.

for leads        capture (create and update) | create | update | nothing
for activities   capture | create | update | with_new_lead | off; calls are activities
"""

from __future__ import annotations

from typing import TypedDict

from pipeline.store.matching import Match
from schemas.event import Event

CAPTURE, CREATE, UPDATE, NOTHING, OFF, WITH_NEW_LEAD = "capture", "create", "update", "nothing", "off", "with_new_lead"
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
    """Whether a lead may be changed (it is there), or made (it is not)."""
    return behaviour == CAPTURE or behaviour == (UPDATE if there else CREATE)


def allows_activity(behaviour: str, *, there: bool, new_lead: bool) -> bool:
    """Whether an activity may be changed (it is there), or attached (it is not) to a lead that is new, or known."""
    return new_lead if behaviour == WITH_NEW_LEAD else allows(behaviour, there=there)


def is_idle(event: Event) -> bool:
    """Whether nothing can come of this event, whoever it is about: no lead, and no activity."""
    sync = sync_of(event)
    return sync["lead"] == NOTHING and (sync["activity"] == OFF or not _has_activity(event))


def reason(event: Event, match: Match, *, connector: str, lead: bool, activity: bool) -> str | None:
    """What the behaviours kept from being done and why, for the journal; None: nothing.

    `match`: the lead that was found, and by which key. `lead`, `activity`: whether the event counted for them.
    """
    sync, parts = sync_of(event), []
    if not lead:
        parts.append(f"{_found(match)}, and connector {connector} {_limit(sync['lead'])}")
    if not activity and _has_activity(event):
        there_is_lead = lead or match.lead is not None
        who = "it" if parts else f"connector {connector}"
        parts.append(_of_activity(sync["activity"], there_is_lead, who))
    return "; ".join(parts) or None


def _has_activity(event: Event) -> bool:
    return "call" in event.data or "activity" in event.data


def _found(match: Match) -> str:
    if match.lead is None:
        return "no lead was found"
    return f"lead {match.lead} was found" + (f" by {match.by}" if match.by else "")


def _limit(behaviour: str) -> str:
    return "leaves leads as they are" if behaviour == NOTHING else f"only {behaviour}s leads"


def _of_activity(behaviour: str, has_lead: bool, who: str) -> str:
    if behaviour == OFF:
        return f"{who} leaves activities out"
    if not has_lead:
        return "there is no lead to attach the activity to"
    if behaviour == WITH_NEW_LEAD:
        return f"{who} attaches activities to new leads alone"
    there = "is there already" if behaviour == CREATE else "is not there yet"
    return f"{who} only {behaviour}s activities, and this one {there}"
