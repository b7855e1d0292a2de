"""Newest valid value per field. In: what is stored of a record, and what events say. Out: the record that follows.

A record is its values and, per field, the stamp of the event that set it. `merge` is a join: it may be done in any
order, grouped in any way and repeated, and the result is the same. So events need not arrive in order, and one that
comes late or twice changes nothing that a newer one set.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from schemas.fields import AS_SENT
from schemas.normal.time import utc_text

Stamp = str
FILLS, UNSOUND = "-", "!"  # what the stamps of weaker values begin with: both sort before every digit


class Stamps(NamedTuple):
    """The stamps of one event: of what it sets, of what it fills, and of what is no valid value of its field.

    A stamp sorts as its value counts: a value that is not valid loses to every valid one, one that fills to every one
    that sets; then the later time of occurrence wins, and of equal ones the later arrival.
    """

    sets: Stamp
    fills: Stamp
    unsound: Stamp

    @classmethod
    def of(cls, at: datetime, event: str, received_at: datetime | None = None) -> Stamps:
        """`at`: when it happened; `received_at`: when it arrived, else the same. Time, arrival and event id.

        An arrival at the time itself is left out, as of every event that tells no time: nothing sorts before nothing.
        """
        arrived = "" if received_at is None or received_at == at else _when(received_at)
        sets = f"{_when(at)}/{arrived} {event}"
        return cls(sets, f"{FILLS}{sets}", f"{UNSOUND}{sets}")


class Told(NamedTuple):
    """What a stamp tells: the event, when that happened and arrived, whether its value fills, and whether it is valid.

    `received_at` is None in stamps that an earlier version wrote.
    """

    event: str
    occurred_at: str
    received_at: str | None
    default: bool
    sound: bool


def event_of(stamp: Stamp) -> str:
    """The event alone."""
    return stamp.rpartition(" ")[2]


def told(stamp: Stamp) -> Told:
    """What a stamp tells."""
    times, _, event = stamp.partition(" ")
    occurred_at, tells, received_at = times.lstrip(FILLS + UNSOUND).partition("/")
    return Told(
        event,
        occurred_at,
        received_at or occurred_at if tells else None,
        stamp.startswith(FILLS),
        not stamp.startswith(UNSOUND),
    )


@dataclass(frozen=True, slots=True)
class Fields:
    """The state of a record: `values` (a cleared field is None) and `stamps`, with the same names.

    `groups` are the stamps as they are stored, where that is known already: of what one event says.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    stamps: Mapping[str, Stamp] = field(default_factory=dict)
    groups: Mapping[Stamp, Sequence[str]] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def stored(cls, values: Mapping[str, Any], stamps: Mapping[Stamp, Iterable[str]]) -> Fields:
        """From the columns `fields` and `stamps`. Stored stamps are grouped: {stamp: [names]}, one entry per event."""
        by_name = {name: stamp for stamp, names in stamps.items() for name in names}
        return cls({name: values.get(name) for name in by_name}, by_name)

    @classmethod
    def said(
        cls,
        at: datetime,
        event: str,
        changes: Mapping[str, Any],
        defaults: Mapping[str, Any] | None = None,
        *,
        received_at: datetime | None = None,
        unsound: Collection[str] = (),
    ) -> Fields:
        """What one event says: `changes` set or (None) clear a field, `defaults` fill one that never had a value.

        `unsound`: the names of those of them whose value is not valid for its field.
        """
        return cls.stamped(Stamps.of(at, event, received_at), changes, defaults, unsound)

    @classmethod
    def stamped(
        cls,
        stamps: Stamps,
        changes: Mapping[str, Any],
        defaults: Mapping[str, Any] | None = None,
        unsound: Collection[str] = (),
    ) -> Fields:
        """The same, of an event whose stamps are known."""
        sets, fills, _ = stamps
        groups = {sets: in_order(tuple(changes))} if changes else {}
        by_name = dict.fromkeys(changes, sets)
        if defaults:
            filled = {
                name: value
                for name, value in defaults.items()
                if value is not None and name not in by_name and name.removesuffix(AS_SENT) not in by_name
            }
            if filled:
                groups[fills] = in_order(tuple(filled))
                by_name.update(dict.fromkeys(filled, fills))
                changes = {**filled, **changes}
        return cls(changes, by_name, groups) if not unsound else cls(changes, _weakened(by_name, stamps, unsound))

    def grouped(self) -> Mapping[Stamp, Sequence[str]]:
        """The stamps as they are stored."""
        if self.groups is not None:
            return self.groups
        groups: dict[Stamp, list[str]] = {}
        for name in sorted(self.stamps):
            groups.setdefault(self.stamps[name], []).append(name)
        return groups

    def present(self) -> dict[str, Any]:
        """The values as they are stored and shown: without the cleared ones."""
        if None not in self.values.values():
            return dict(self.values)
        return {name: value for name, value in self.values.items() if value is not None}


EMPTY = Fields()


def merge(one: Fields, other: Fields) -> Fields:
    """Per field the value with the winning stamp; `one` itself if nothing of `other` wins.

    How a value was sent goes with it: it comes with the value that wins, and leaves with the one that gives way.
    """
    if not one.stamps:
        return other if other.stamps else one
    wins = [
        name
        for name in other.stamps
        if (name not in one.stamps or _beats(other, one, name)) and not name.endswith(AS_SENT)
    ]
    if not wins:
        return one
    values, stamps = dict(one.values), dict(one.stamps)
    for name in wins:
        values[name], stamps[name] = other.values[name], other.stamps[name]
        companion = name + AS_SENT
        if companion in other.stamps:
            values[companion], stamps[companion] = other.values[companion], other.stamps[companion]
        elif companion in stamps:
            del values[companion], stamps[companion]
    return Fields(values, stamps)


def changed(before: Fields, after: Fields) -> list[str]:
    """The names of the fields that show another value than before, in order.

    How a number was written is not told: the same number, written in another way, is no change.
    """
    if not before.values:
        return list(_told(tuple(after.values if None not in after.values.values() else after.present())))
    return sorted(
        name for name in after.values if after.values[name] != before.values.get(name) and not name.endswith(AS_SENT)
    )


def explain(values: Mapping[str, Any], stamps: Mapping[Stamp, Iterable[str]]) -> list[dict[str, Any]]:
    """Per field of a stored record: its value, which event set it, when that happened and arrived, and how it counts.

    `default`: it fills a gap; `sound`: it is a valid value of its field.
    """
    state = Fields.stored(values, stamps)
    rows = []
    for name in sorted(state.stamps):
        stamp = told(state.stamps[name])
        rows.append(
            {
                "field": name,
                "value": state.values[name],
                "event": stamp.event,
                "occurred_at": stamp.occurred_at,
                "received_at": stamp.received_at,
                "default": stamp.default,
                "sound": stamp.sound,
            }
        )
    return rows


@lru_cache(maxsize=1_000)
def in_order(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of fields, sorted. The events of a connector bring few different sets of fields."""
    return tuple(sorted(names))


@lru_cache(maxsize=1_000)
def _told(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in in_order(names) if not name.endswith(AS_SENT))


def _when(at: datetime) -> str:
    """Text that sorts as time does: in UTC, with microseconds."""
    text = utc_text(at if at.tzinfo is UTC else at.astimezone(UTC))
    return text if at.microsecond else f"{text[:-1]}.000000Z"


def _weakened(by_name: dict[str, Stamp], stamps: Stamps, unsound: Collection[str]) -> dict[str, Stamp]:
    """The stamps, where values that are not valid, and how those were sent, have the weakest one."""
    names = {name for field in unsound for name in (field, field + AS_SENT)}
    return {name: stamps.unsound if name in names else stamp for name, stamp in by_name.items()}


def _beats(new: Fields, old: Fields, name: str) -> bool:
    """Whether the new value wins: the greater stamp; of two defaults the lesser; in a tie the greater JSON text."""
    mine, theirs = new.stamps[name], old.stamps[name]
    if mine == theirs:
        return _text(new, name) > _text(old, name)
    if mine[0] == theirs[0] == FILLS:
        return mine < theirs
    return mine > theirs


def _text(fields: Fields, name: str) -> bytes:
    """The value and how it was sent, to be compared where one event says two things of a field."""
    pair = fields.values[name], fields.values.get(name + AS_SENT)
    return orjson.dumps(pair, option=orjson.OPT_SORT_KEYS)
