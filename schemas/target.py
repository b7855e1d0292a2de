"""A mapping, compiled. In: a connector's rows and fields. Out: per field that they lead to, how its value is found."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from schemas.connector import Connector
from schemas.fields import AS_SENT, Field, FieldType
from schemas.mapping import MapRow
from schemas.normal.choices import coercer_of
from schemas.normal.path import ABSENT, ROOT, Find, can_be_in, finder
from schemas.normal.values import Coerce
from schemas.transforming import Steps, steps_of

Condition = tuple[str, frozenset[str]]  # a path, and the words of which its value must be one


class Conditions:
    """The distinct conditions of a mapping: many rows share one, and each is judged once per event."""

    def __init__(self) -> None:
        self._places: dict[Condition, int] = {}

    def place(self, condition: Condition) -> int:
        """Where `held` says whether this condition holds."""
        return self._places.setdefault(condition, len(self._places))

    def finds(self) -> list[tuple[Find, frozenset[str]]]:
        """What to look up and compare, in the order of their places."""
        return [(finder(path), wanted) for path, wanted in self._places]


@dataclass(frozen=True, slots=True)
class Row:
    """A mapping row, compiled."""

    paths: tuple[str, ...]
    finds: tuple[Find, ...]
    conditions: tuple[int, ...]  # their places in `held`
    steps: Steps
    fill: bool
    constant: Any
    default: Any

    @classmethod
    def of(cls, row: MapRow, label: str, coerce: Coerce, conditions: Conditions) -> Row:
        return cls(
            paths=tuple(row.paths),
            finds=tuple(finder(path) for path in row.paths),
            conditions=tuple(conditions.place((path, _wanted(values))) for path, values in row.when.items()),
            steps=steps_of(row.transforms, label),
            fill=row.fill,
            constant=ABSENT if row.constant is None else row.constant,
            default=ABSENT if row.default is None else coerce(row.default)[0],
        )


@dataclass(frozen=True, slots=True)
class Target:
    """A field of a record and the rows that lead to it."""

    record: str
    name: str
    label: str
    rows: tuple[Row, ...]
    coerce: Coerce
    text: bool
    as_sent: str | None  # of a lead's phone number: the name that it has as it was sent
    past: bool  # its time says when something happened, so it cannot lie ahead
    clears: bool  # whether a blank clears it
    members: tuple[str, ...]  # where one row without conditions reads one member, or the first of several: their names
    defaulted: bool

    @classmethod
    def of(cls, record: str, field: Field, rows: list[MapRow], connector: Connector, conditions: Conditions) -> Target:
        label = f"{record}.{field.name}"
        coerce = coercer_of(field, label, connector.locale)
        own = coercer_of(field, label, replace(connector.locale, people=connector.people.lenient()))
        return cls(
            record,
            field.name,
            label,
            rows=tuple(Row.of(row, label, own, conditions) for row in rows),
            coerce=coerce,
            text=field.type is FieldType.TEXT,
            as_sent=f"{field.name}{AS_SENT}" if record == "lead" and field.type is FieldType.PHONE else None,
            past=field.type is FieldType.DATETIME and record != "lead",
            clears=connector.blank == "clear" and not field.required,
            members=_plain_members(rows),
            defaulted=any(row.default is not None for row in rows),
        )

    def can_speak(self, names: Collection[str]) -> bool:
        """Whether anything can come of it in a document whose members have these names."""
        return self.defaulted or any(
            row.constant is not ABSENT or any(can_be_in(path, names) for path in row.paths) for row in self.rows
        )


def _plain_members(rows: list[MapRow]) -> tuple[str, ...]:
    """The members that a field comes from, if nothing more is to it."""
    if len(rows) != 1 or rows[0].when or any(transform != "first" for transform in rows[0].transforms):
        return ()
    paths = rows[0].paths
    return () if any("." in path or path == ROOT or path.isdecimal() for path in paths) else tuple(paths)


def targets_of(connector: Connector, conditions: Conditions) -> list[Target]:
    """The fields that the mapping leads to. Those of activities only where activities are wanted at all."""
    rows: dict[tuple[str, str], list[MapRow]] = {}
    for row in connector.rows:
        if row.record == "lead" or connector.activity_behaviour != "off":
            rows.setdefault((row.record, row.field), []).append(row)
    return [
        Target.of(record, connector.fields[record][name], them, connector, conditions)
        for (record, name), them in rows.items()
    ]


def _wanted(values: str | list[str]) -> frozenset[str]:
    return frozenset(value.casefold() for value in ([values] if isinstance(values, str) else values))
