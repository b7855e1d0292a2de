"""A mapping, compiled. In: a connector's rows and fields. Out: per field that they lead to, how its value is found."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from schemas.as_sent import TYPES
from schemas.connector import Connector
from schemas.fields import AS_SENT, CHOICES, Field, FieldType
from schemas.key_source import has_constant, identifies, made_up_results
from schemas.key_text import key_text
from schemas.mapping import MapRow
from schemas.normal.blank import IsBlank
from schemas.normal.choices import coercer_of
from schemas.normal.locale import Locale
from schemas.normal.path import ABSENT, ROOT, Find, can_be_in, finder
from schemas.normal.values import Coerce
from schemas.standard import CALL_TIMES
from schemas.transform import LookUp
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
    """A mapping row, compiled.

    `is_blank` says which values of its source say nothing; `constants` whether it writes one value for everybody;
    `results` are what its look-ups can give, as keys.
    """

    paths: tuple[str, ...]
    finds: tuple[Find, ...]
    conditions: tuple[int, ...]  # their places in `held`
    steps: Steps
    fill: bool
    constant: Any
    default: Any
    unreadable: str | None
    is_blank: IsBlank
    constants: bool
    results: frozenset[str]
    folds: bool

    def writes(self, value: Any) -> bool:
        """Whether this value is one that the mapping writes, and not the source."""
        return self.constants or key_text(value, self.folds) in self.results

    @classmethod
    def of(cls, row: MapRow, label: str, field: Field, coerce: Coerce, locale: Locale, conditions: Conditions) -> Row:
        return cls(
            paths=tuple(row.paths),
            finds=tuple(finder(path) for path in row.paths),
            conditions=tuple(conditions.place(condition) for condition in row.conditions),
            steps=steps_of(row.transforms, label),
            fill=row.fill,
            constant=ABSENT if row.constant is None else row.constant,
            default=ABSENT if row.default is None else coerce(row.default)[0],
            unreadable=row.unreadable,
            is_blank=_blank_test(row, field, locale),
            constants=has_constant(row),
            results=frozenset(made_up_results(row, field, locale)) if identifies(row.record, field) else frozenset(),
            folds=field.folds,
        )


@dataclass(frozen=True, slots=True)
class Target:
    """A field of a record and the rows that lead to it."""

    record: str
    name: str
    label: str
    type: FieldType
    rows: tuple[Row, ...]
    coerce: Coerce
    text: bool
    as_sent: str | None  # the name that its value has as it was sent; None: that is not kept
    past: bool  # its time says when something happened, so it cannot lie ahead
    clears: bool  # whether a blank clears it
    members: tuple[str, ...]  # where one row without conditions reads one member, or the first of several: their names
    defaulted: bool
    identifies: bool
    made_up: bool  # whether it identifies, and a row writes values of its own into it
    abroad: bool  # whether its number is read in the country that the event names
    definition: Field
    locale: Locale
    _coerce_in: dict[str, Coerce] = field(default_factory=dict, compare=False, repr=False)

    @property
    def always(self) -> str | None:
        """The text that the field is given by every event, where one row says so and nothing else is to it."""
        row = self.rows[0]
        is_one = len(self.rows) == 1 and not row.conditions and not row.fill and self.text and not self.made_up
        return row.constant if is_one and isinstance(row.constant, str) else None

    @classmethod
    def of(cls, record: str, field: Field, rows: list[MapRow], connector: Connector, conditions: Conditions) -> Target:
        label, locale = f"{record}.{field.name}", connector.locale
        own = coercer_of(field, label, replace(locale, people=connector.people.lenient()))
        is_phone = field.type is FieldType.PHONE
        compiled = tuple(Row.of(row, label, field, own, locale, conditions) for row in rows)
        is_key = record == "lead" and identifies(record, field) is not None
        return cls(
            record,
            field.name,
            label,
            field.type,
            rows=compiled,
            coerce=coercer_of(field, label, locale),
            text=field.type is FieldType.TEXT,
            as_sent=f"{field.name}{AS_SENT}" if record == "lead" and field.type in TYPES else None,
            past=field.type is FieldType.DATETIME and record == "call" and field.name in CALL_TIMES,
            clears=connector.blank == "clear" and not field.required and not all(row.fill for row in rows),
            members=_plain_members(rows),
            defaulted=any(row.default is not None for row in rows),
            identifies=is_key,
            made_up=is_key and any(row.constants or row.results for row in compiled),
            abroad=is_phone and (record == "lead" or field.name == "customer_number"),
            definition=field,
            locale=locale,
        )

    def coerce_in(self, country: str | None) -> Coerce:
        """As `coerce`, for a number that is read in this country."""
        found = self._coerce_in.get(country or "")
        if found is None:
            found = coercer_of(self.definition, self.label, replace(self.locale, country=country))
            self._coerce_in[country or ""] = found
        return found

    def can_speak(self, names: Collection[str]) -> bool:
        """Whether anything can come of it in a document whose members have these names."""
        return self.defaulted or any(
            row.constant is not ABSENT or any(can_be_in(path, names) for path in row.paths) for row in self.rows
        )


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


def _plain_members(rows: list[MapRow]) -> tuple[str, ...]:
    """The members that a field comes from, if nothing more is to it."""
    if len(rows) != 1 or rows[0].when or any(transform != "first" for transform in rows[0].transforms):
        return ()
    paths = rows[0].paths
    return () if any("." in path or path == ROOT or path.isdecimal() for path in paths) else tuple(paths)


def _blank_test(row: MapRow, field: Field, locale: Locale) -> IsBlank:
    """What says nothing here; the words that a look-up or a dropdown names mean something."""
    words = list(field.choices) if field.type in CHOICES else []
    for transform in row.transforms:
        if isinstance(transform, LookUp):
            words += transform.look_up
    return locale.blanks.test(boolean=field.type is FieldType.BOOLEAN, values=words)
