"""The records that a batch changes, in hand. In: what each event says. Out: records to write, and what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from pipeline.store import activities, attached, calls
from pipeline.store.activities import Sought
from pipeline.store.behaviour import OFF, UPDATE, allows_activity, sync_of
from pipeline.store.ids import derived_id, thing_of
from pipeline.store.matching import Match
from pipeline.store.merge import Fields, Stamps
from pipeline.store.record import Record
from pipeline.store.versions import Made
from schemas.event import Event
from schemas.fields import AS_SENT

STAYS = "it belongs to another lead, and stays there:"
TOLD = {attached.LEAD: "lead", attached.AT: "occurred_at"}  # what is kept apart from the fields, as people know it
NONE: Mapping[str, Sequence[str]] = {"lead": (), "call": (), "activity": ()}


class Change(NamedTuple):
    """One event, and the ids of the records that it is about.

    A call has the id that follows from its own id at the source, so that all events about one call meet in it; it is
    an activity too, with the same id. An activity with an id at the source has one that follows from it. Any other
    belongs to the thing that its event is a version of. Where the source names neither, what the event says of the lead
    is its id, so that the same, sent again, is one. `speaks`: whether the event has a say in the lead's fields;
    `again`: whether a version before it is known to have made its call or activity.
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
            call_id = None if call is None else _call_id(event, lead, call)
            activity_id = None if activity is None else _activity_id(event, lead, activity)
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

        One that belongs to a thing of which no version was settled is written when the event is, and not before; so is
        one without any id, of a new lead. Where a behaviour only updates activities, a wrong guess would leave it out;
        elsewhere the store refuses it a second time.
        """
        if self.again or self._is_named() or sync_of(self.event)["activity"] == UPDATE:
            return True
        return self.match.lead is not None and thing_of(self.event.id) is None

    def sought(self) -> Sought | None:
        """Where else its activity may be, if that is only to be updated: with this lead, by another connector."""
        name = self._name()
        if name is None or self.match.lead is None or sync_of(self.event)["activity"] != UPDATE:
            return None
        return Sought(self.lead, str(name), self.call is not None)

    def at_place(self, id: str) -> Change:
        """The same about this activity, which was found elsewhere."""
        return self._replace(call=None if self.call is None else id, activity=id)

    def _is_named(self) -> bool:
        """Whether the source names its call or activity."""
        return self._name() is not None

    def _name(self) -> Any:
        """The id of its call or activity at the source."""
        data = self.event.data
        if self.call is not None:
            return data["call"].get("call_id")
        return None if self.activity is None else data["activity"].get("external_id")


class Effect(NamedTuple):
    """What an event did: the names of what `changed` (`field`, `call.field`, `activity.field`), whether its call or
    activity counted, and what is to be said of it."""

    changed: list[str]
    attached: bool
    notes: tuple[str, ...] = ()


def without_time(names: Sequence[str]) -> list[str]:
    """What a new activity shows, which has a time in any case."""
    return [name for name in names if name != attached.AT]


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
        known = self.activities.get(change.activity) if change.activity is not None else None
        if change.activity is None or not allows_activity(
            sync_of(event)["activity"], there=known is not None, new_lead=change.match.lead is None
        ):
            return Effect(changed, False) if change.speaks else None
        lead_of_it = change.lead if known is None else attached.lead_of(known)
        if change.call:
            call = _record(self.calls, change.call, event)
            defaults = data.get("call_defaults")
            names = call.apply(attached.said(stamps, lead_of_it, data["call"], defaults, unsound["call"]))
            changed += _named("call", tuple(names))
        activity = _record(self.activities, change.activity, event)
        names = activity.apply(_said_of_activity(change, lead_of_it, stamps, unsound["activity"]))
        if "activity" in data:
            changed += _named("activity", tuple(names if known is not None else without_time(names)))
        return Effect(changed, True, () if lead_of_it == change.lead else (_stays(change, lead_of_it),))

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
    return tuple(sorted(f"{kind}.{TOLD.get(name, name)}" for name in names))


def _call_id(event: Event, lead: str, call: dict[str, Any]) -> str:
    if (source := call.get("call_id")) is not None:
        return calls.id_of(event.account, event.connector, str(source))
    return derived_id("call of", thing_of(event.id) or _id_of_content(event, lead))


def _activity_id(event: Event, lead: str, activity: dict[str, Any]) -> str:
    if (source := activity.get("external_id")) is not None:
        return activities.id_of(event.account, event.connector, str(source))
    return thing_of(event.id) or _id_of_content(event, lead)


def _id_of_content(event: Event, lead: str) -> str:
    """The id of what an event says of a lead where the source gives no id; how a value was written does not count."""
    said = {
        kind: {
            name: value for name, value in event.data[kind].items() if value is not None and not name.endswith(AS_SENT)
        }
        for kind in ("call", "activity")
        if kind in event.data
    }
    content = orjson.dumps([_own_time(event), said], option=orjson.OPT_SORT_KEYS)
    return derived_id("activity that says", event.account, event.connector, lead, content)


def _own_time(event: Event) -> datetime | None:
    """When the event happened, as its source tells; None: the source tells no time, or one after the arrival."""
    return None if event.occurred_at == event.received_at else event.occurred_at


def _stays(change: Change, lead: str) -> str:
    """The note on an event about one lead that names an activity of another."""
    what = "call.call_id" if change.call else "activity.external_id"
    return f"{what}: {STAYS} lead {lead}; this event is about lead {change.lead}"


def _unsound(labels: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """The fields whose value is not valid, by record, from `Event.data["unsound"]`: `lead.phone`."""
    parted = [label.partition(".") for label in labels]
    return {record: [name for of, _, name in parted if of == record] for record in NONE}


def _said_of_activity(change: Change, lead: str, stamps: Stamps, unsound: Sequence[str]) -> Fields:
    """A time that the source tells sets the activity's, of a call the one at which it began; else the first stays."""
    call = change.event.data.get("call")
    fields = change.event.data.get("activity") or {}
    began = None if call is None else attached.time_of(call.get("started_at"))
    at = attached.text_of(began or change.at)
    defaults = {} if call is None else {"type": "call"}
    if began is None and (call is not None or _own_time(change.event) is None):
        defaults[attached.AT] = at
    else:
        fields = {**fields, attached.AT: at}
    if "activity_defaults" in change.event.data:
        defaults |= change.event.data["activity_defaults"]
    return attached.said(stamps, lead, fields, defaults, unsound)
