"""The records that a batch changes, in hand. In: what each event says. Out: records to write, and what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from pipeline.store import activities, attached, calls
from pipeline.store.behaviour import OFF, UPDATE, allows, sync_of
from pipeline.store.ids import derived_id, thing_of
from pipeline.store.matching import Match
from pipeline.store.merge import Fields, Stamps
from pipeline.store.record import Record
from pipeline.store.versions import Made
from schemas.event import Event

NONE: Mapping[str, Sequence[str]] = {"lead": (), "call": (), "activity": ()}


class Change(NamedTuple):
    """One event, and the ids of the records that it is about.

    A call has the id that follows from its own id at the source, so that all events about one call meet in it; it is
    an activity too, with the same id. An activity with an id at the source has one that follows from it. Any other
    belongs to the thing that its event is a version of, or to the event alone. `speaks`: whether the event has a say in
    the lead's fields; `again`: whether a version before it is known to have made its call or activity.
    """

    event: Event
    at: datetime
    match: Match
    lead: str
    call: str | None
    activity: str | None
    speaks: bool
    again: bool = False

    @classmethod
    def of(cls, event: Event, match: Match, lead: str, at: datetime, speaks: bool) -> Change:
        """The records of this event, its lead by the id given; those that its connector leaves out are none."""
        call, activity = event.data.get("call"), event.data.get("activity")
        call_id = activity_id = None
        if (call is not None or activity is not None) and sync_of(event)["activity"] != OFF:
            call_id = None if call is None else _call_id(event, call)
            activity_id = None if activity is None else _activity_id(event, activity)
        return cls(event, at, match, lead, call_id, call_id or activity_id, speaks)

    @property
    def thing(self) -> str | None:
        """The thing that its call or activity belongs to; None: it has none, or one that the source names."""
        if self.activity is None or self._is_named():
            return None
        return thing_of(self.event.id)

    def after(self, made: Made | None) -> Change:
        """The same with the call or activity that a version before it has made."""
        if made is None or (made.call is None) != (self.call is None):
            return self
        return self._replace(call=made.call, activity=made.activity, again=True)

    def may_be_stored(self) -> bool:
        """Whether its activity may be there although the event is settled for the first time.

        One that belongs to the event alone is written when the event is settled, and not before; so is one that belongs
        to a thing of which no version was settled. Where a behaviour only updates activities, a wrong guess would leave
        it out; elsewhere the store refuses it a second time.
        """
        return self.again or self._is_named() or sync_of(self.event)["activity"] == UPDATE

    def _is_named(self) -> bool:
        """Whether the source names its call or activity."""
        data = self.event.data
        if self.call is not None:
            return data["call"].get("call_id") is not None
        return self.activity is not None and data["activity"].get("external_id") is not None


class Effect(NamedTuple):
    """What an event did: the names of what `changed` (`field`, `call.field`, `activity.field`), and whether its call
    or activity counted."""

    changed: list[str]
    attached: bool


class Workspace:
    """Leads (locked), calls and activities by id."""

    def __init__(self, leads: dict[str, Record], calls: dict[str, Record], activities: dict[str, Record]) -> None:
        self.leads = leads
        self.calls = calls
        self.activities = activities

    def apply(self, change: Change) -> Effect | None:
        """Change the records in hand as the event says and its connector's behaviour lets it.

        Returns None if there was nothing that it may do. A stranger's call is nothing to attach: the lead is made
        first, empty if the event says nothing of it.
        """
        event, data = change.event, change.event.data
        changed: list[str] = []
        stamps = Stamps.of(change.at, event.id, event.received_at)
        unsound = _unsound(data["unsound"]) if "unsound" in data else NONE
        if change.speaks:
            lead = _record(self.leads, change.lead, event)
            changed = lead.apply(Fields.stamped(stamps, data.get("lead", {}), data.get("defaults"), unsound["lead"]))
        if change.activity is None or not allows(sync_of(event)["activity"], there=change.activity in self.activities):
            return Effect(changed, False) if change.speaks else None
        if change.call:
            call = _record(self.calls, change.call, event)
            defaults = data.get("call_defaults")
            names = call.apply(attached.said(stamps, change.lead, data["call"], defaults, unsound["call"]))
            changed += _named("call", tuple(names))
        activity = _record(self.activities, change.activity, event)
        names = activity.apply(_said_of_activity(change, stamps, unsound["activity"]))
        changed += _named("activity", tuple(names)) if "activity" in data else ()
        return Effect(changed, True)

    def touched_calls(self) -> list[Record]:
        return [record for record in self.calls.values() if record.touched]

    def touched_activities(self) -> list[Record]:
        return [record for record in self.activities.values() if record.touched]


def _record(records: dict[str, Record], id: str, event: Event) -> Record:
    record = records.get(id)
    if record is None:
        record = records[id] = Record(id, event.account, event.connector)
    return record


@lru_cache(maxsize=1_000)
def _named(kind: str, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(f"{kind}.{name.removeprefix('@')}" for name in names if name != attached.AT))


def _call_id(event: Event, call: dict[str, Any]) -> str:
    if (source := call.get("call_id")) is not None:
        return calls.id_of(event.account, event.connector, str(source))
    return derived_id("call of", thing_of(event.id) or event.id)


def _activity_id(event: Event, activity: dict[str, Any]) -> str:
    if (source := activity.get("external_id")) is not None:
        return activities.id_of(event.account, event.connector, str(source))
    return thing_of(event.id) or event.id


def _unsound(labels: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """The fields whose value is not valid, by record, from `Event.data["unsound"]`: `lead.phone`."""
    parted = [label.partition(".") for label in labels]
    return {record: [name for of, _, name in parted if of == record] for record in NONE}


def _said_of_activity(change: Change, stamps: Stamps, unsound: Sequence[str]) -> Fields:
    call = change.event.data.get("call")
    fields = change.event.data.get("activity") or {}
    began = None if call is None else attached.time_of(call.get("started_at"))
    defaults = {attached.AT: attached.text_of(began or change.at)}
    if call is not None:
        defaults["type"] = "call"
    if "activity_defaults" in change.event.data:
        defaults |= change.event.data["activity_defaults"]
    return attached.said(stamps, change.lead, fields, defaults, unsound)
