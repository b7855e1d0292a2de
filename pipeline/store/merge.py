"""Newest value per field. In: what is stored of a record, and what events say. Out: the record that follows.

A record is its values and, per field, the stamp of the event that set it. `merge` is a join: it may be done in any
order, grouped in any way and repeated, and the result is the same. So events need not arrive in order, and one that
comes late or twice changes nothing that a newer one set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from schemas.fields import AS_SENT
from schemas.normal.time import utc_text

Stamp = str


class Stamps(NamedTuple):
    """The stamps of one event: of what it sets, and of what it fills."""

    sets: Stamp
    fills: Stamp

    @classmethod
    def of(cls, at: datetime, event: str) -> Stamps:
        """`at`: when it happened. A stamp sorts as time does; one that fills sorts before all that set."""
        sets = f"{_when(at)} {event}"
        return cls(sets, f"-{sets}")


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
        cls, at: datetime, event: str, changes: Mapping[str, Any], defaults: Mapping[str, Any] | None = None
    ) -> Fields:
        """What one event says: `changes` set or (None) clear a field, `defaults` fill one that never had a value."""
        return cls.stamped(Stamps.of(at, event), changes, defaults)

    @classmethod
    def stamped(cls, stamps: Stamps, changes: Mapping[str, Any], defaults: Mapping[str, Any] | None = None) -> Fields:
        """The same, of an event whose stamps are known."""
        sets, fills = stamps
        groups = {sets: in_order(tuple(changes))} if changes else {}
        by_name = dict.fromkeys(changes, sets)
        if not defaults:
            return cls(changes, by_name, groups)
        filled = {name: value for name, value in defaults.items() if value is not None and name not in by_name}
        if not filled:
            return cls(changes, by_name, groups)
        groups[fills] = in_order(tuple(filled))
        by_name.update(dict.fromkeys(filled, fills))
        return cls({**filled, **changes}, by_name, groups)

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
    """Per field the value with the winning stamp; `one` itself if nothing of `other` wins."""
    if not one.stamps:
        return other if other.stamps else one
    wins = [name for name in other.stamps if name not in one.stamps or _beats(other, one, name)]
    if not wins:
        return one
    return Fields(
        {**one.values, **{name: other.values[name] for name in wins}},
        {**one.stamps, **{name: other.stamps[name] for name in wins}},
    )


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
    """Per field of a stored record: its value, which event set it, when that happened, and whether as a default."""
    state = Fields.stored(values, stamps)
    rows = []
    for name in sorted(state.stamps):
        when, _, event = state.stamps[name].partition(" ")
        rows.append(
            {
                "field": name,
                "value": state.values[name],
                "event": event,
                "occurred_at": when.removeprefix("-"),
                "default": when.startswith("-"),
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


def _beats(new: Fields, old: Fields, name: str) -> bool:
    """Whether the new value wins: the later stamp; between two defaults the earlier; in a tie the greater JSON text."""
    mine, theirs = new.stamps[name], old.stamps[name]
    if mine == theirs:
        return _text(new.values[name]) > _text(old.values[name])
    if mine[0] == theirs[0] == "-":
        return mine < theirs
    return mine > theirs  # "-" sorts before every digit


def _text(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
