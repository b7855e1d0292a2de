"""What one connector's mapping makes of a document. In: the document in normal form. Out: fields, defaults and keys.

Compiled once per connector and revision into closures; see `schemas.compiled`.

Absent, blank and value stay three things: a field whose path is absent is left out; a blank is null where the
connector says that blanks clear, and is left out where it says that they keep; a value is coerced to the field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.connector import Connector
from schemas.fields import Field, FieldType
from schemas.mapping import MapRow, Part
from schemas.normal.path import ABSENT, ROOT, Find, finder, is_absent, is_blank
from schemas.normal.time import LEEWAY, utc_text
from schemas.normal.values import Coerce, ValueRejected, coercer, shown

LONGEST_KEY = 200  # characters; an index entry has its limits, and so has what identifies a person

AHEAD = "more than 24 hours ahead of its arrival; treated as missing"
TOO_LONG = f"longer than {LONGEST_KEY} characters; kept, and never a key"
UNLISTED = "not in the mapping's `values`; kept as it was sent"

_PINCODE = re.compile(r"(?<!\d)([1-9]\d{2}) ?(\d{3})(?!\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Mapped:
    """What an event says about records. `data` is what the stage `map` promises; see `mapper`."""

    data: dict[str, Any]
    notes: tuple[str, ...]


Map = Callable[[dict[str, Any], datetime], Mapped]
Condition = tuple[str, frozenset[str]]  # a path, and the words of which its value must be one


class _Conditions:
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
class _Row:
    """A mapping row, compiled."""

    finds: tuple[Find, ...]
    conditions: tuple[int, ...]  # their places in `held`
    part: Part | None
    values: dict[str, Any]
    strict: bool
    fill: bool
    constant: Any
    default: Any

    @classmethod
    def of(cls, row: MapRow, coerce: Coerce, conditions: _Conditions) -> _Row:
        return cls(
            finds=tuple(finder(path) for path in row.paths),
            conditions=tuple(conditions.place((path, _wanted(values))) for path, values in row.when.items()),
            part=row.part,
            values={said.casefold(): meant for said, meant in row.values.items()},
            strict=row.strict,
            fill=row.fill,
            constant=ABSENT if row.value is None else row.value,
            default=ABSENT if row.default is None else coerce(row.default)[0],
        )


@dataclass(frozen=True, slots=True)
class _Target:
    """A field of a record and the rows that lead to it."""

    record: str
    name: str
    label: str
    rows: tuple[_Row, ...]
    coerce: Coerce
    text: bool
    past: bool  # its time says when something happened, so it cannot lie ahead
    member: str | None  # where one row without conditions reads one member, as most do: its name
    members: tuple[str, ...]  # where one row without conditions reads the first of several members: their names
    defaulted: bool

    @classmethod
    def of(
        cls, record: str, field: Field, rows: list[MapRow], connector: Connector, conditions: _Conditions
    ) -> _Target:
        label = f"{record}.{field.name}"
        coerce = coercer(field.type, label, connector.locale)
        return cls(
            record,
            field.name,
            label,
            rows=tuple(_Row.of(row, coerce, conditions) for row in rows),
            coerce=coerce,
            text=field.type is FieldType.TEXT,
            past=field.type is FieldType.DATETIME and record != "lead",
            member=_only_member(rows),
            members=_only_members(rows),
            defaulted=any(row.default is not None for row in rows),
        )


def mapper(connector: Connector) -> Map:
    """A function from a document and its event's arrival to the records it speaks of; it raises ValueRejected.

    Its `data`: `lead` (field: value or null), `defaults` (field: value), `call` and `activity` (as `lead`; only if
    one of their values came from the source), `keys` with `search` and `also`, lists of [key space, value].
    """
    conditions = _Conditions()
    targets = _targets(connector, conditions)
    judged = conditions.finds()
    clears = connector.blank == "clear"
    search = [(name, connector.fields["lead"][name].key_space(connector.id)) for name in connector.keys]
    also = [
        (target.name, space)
        for target in targets
        if target.record == "lead"
        and target.name not in connector.keys
        and (space := connector.fields["lead"][target.name].key_space(connector.id))
    ]

    def map(document: dict[str, Any], received_at: datetime) -> Mapped:
        records: dict[str, dict[str, Any]] = {"lead": {}, "call": {}, "activity": {}}
        spoken_of = {"lead"}  # the records that the source itself said something about
        defaults: dict[str, Any] = {}
        unsound: set[str] = set()  # lead fields whose value must not identify anybody
        notes: list[str] = []
        latest = utc_text(received_at + LEEWAY)
        held = [_word(look(document)) in wanted for look, wanted in judged]
        for target in targets:
            if target.members:
                row, value = _first(target, document)
            elif target.member is None:
                row, value = _choose(target, document, held)
            elif is_blank(value := document.get(target.member, ABSENT)):
                row, value = None, None
            else:
                row = None if value is ABSENT else target.rows[0]
            if row is not None and not (target.text and type(value) is str and not row.values):
                value, note = _fitted(target, row, value)
                if note is not None:
                    notes.append(f"{target.label}: {note}")
                    unsound.add(target.label)
                if target.past and value is not ABSENT and value > latest:
                    notes.append(f"{target.label}: {AHEAD}")
                    value = ABSENT
            if value is None and not clears:
                value = ABSENT
            if value is ABSENT:
                if target.defaulted and (default := _default(target, held)) is not ABSENT:
                    defaults[target.name] = default
            elif row is not None and row.fill:
                defaults[target.name] = value
            else:
                records[target.record][target.name] = value
                if row is not None and row.finds:
                    spoken_of.add(target.record)
        data: dict[str, Any] = {"lead": records["lead"], "defaults": defaults}
        data |= {kind: records[kind] for kind in ("call", "activity") if kind in spoken_of}
        data["keys"] = _keys(records["lead"], search, also, unsound, notes)
        return Mapped(data, tuple(notes))

    return map


def _only_member(rows: list[MapRow]) -> str | None:
    names = _plain_members(rows)
    return names[0] if len(names) == 1 else None


def _only_members(rows: list[MapRow]) -> tuple[str, ...]:
    names = _plain_members(rows)
    return names if len(names) > 1 else ()


def _plain_members(rows: list[MapRow]) -> tuple[str, ...]:
    """The members that a field comes from, if nothing more is to it."""
    if len(rows) != 1 or rows[0].value is not None or rows[0].when or rows[0].part is not None:
        return ()
    paths = rows[0].paths
    return () if any("." in path or path == ROOT or path.isdecimal() for path in paths) else tuple(paths)


def _targets(connector: Connector, conditions: _Conditions) -> list[_Target]:
    rows: dict[tuple[str, str], list[MapRow]] = {}
    for row in connector.rows:
        rows.setdefault((row.record, row.field), []).append(row)
    return [
        _Target.of(record, connector.fields[record][name], them, connector, conditions)
        for (record, name), them in rows.items()
    ]


def _first(target: _Target, document: dict[str, Any]) -> tuple[_Row | None, Any]:
    """What `_choose` does, where all there is to choose from are members."""
    nothing: Any = ABSENT
    for name in target.members:
        if name in document:
            if not is_blank(value := document[name]):
                return target.rows[0], value
            nothing = None
    return None, nothing


def _choose(target: _Target, document: dict[str, Any], held: list[bool]) -> tuple[_Row | None, Any]:
    """The first row that has a value, and the value; else no row, and None for a blank, or ABSENT."""
    nothing: Any = ABSENT
    for row in target.rows:
        if row.conditions and not _applies(row, held):
            continue
        if row.constant is not ABSENT:
            return row, row.constant
        for look in row.finds:
            value = look(document)
            if is_absent(value):
                continue
            if is_blank(value):
                nothing = None
                continue
            if row.part is not None:
                value = _PARTS[row.part](value)
                if is_absent(value):
                    continue
            return row, value
    return None, nothing


def _fitted(target: _Target, row: _Row, value: Any) -> tuple[Any, str | None]:
    """The value translated and in the normal form of its field, and a note."""
    unlisted = None
    if row.values:
        meant = row.values.get(_word(value), ABSENT)
        if meant is not ABSENT:
            value = meant
        elif row.strict:
            raise ValueRejected(target.label, value, f"the mapping takes one of: {', '.join(row.values)}")
        else:
            unlisted = UNLISTED
    normal, note = target.coerce(value)
    return normal, note or unlisted


def _default(target: _Target, held: list[bool]) -> Any:
    """The default of the first row that has one and applies."""
    for row in target.rows:
        if row.default is not ABSENT and _applies(row, held):
            return row.default
    return ABSENT


def _applies(row: _Row, held: list[bool]) -> bool:
    return all(map(held.__getitem__, row.conditions))


def _wanted(values: str | list[str]) -> frozenset[str]:
    return frozenset(value.casefold() for value in ([values] if isinstance(values, str) else values))


def _word(value: Any) -> str:
    """A value as conditions and translations compare it."""
    if isinstance(value, str):
        return value.casefold()
    if is_absent(value) or is_blank(value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return shown(value).casefold()


def _keys(
    lead: dict[str, Any],
    search: Sequence[tuple[str, str | None]],
    also: Sequence[tuple[str, str | None]],
    unsound: set[str],
    notes: list[str],
) -> dict[str, list[list[str]]]:
    """The values that identify the lead: by the search keys in their order, then the others, none of them twice."""
    seen: set[tuple[str, str]] = set()

    def sound(entries: Sequence[tuple[str, str | None]]) -> list[list[str]]:
        found = []
        for name, space in entries:
            value = lead.get(name)
            if value is None or space is None or f"lead.{name}" in unsound:
                continue
            key = (space, value if isinstance(value, str) else shown(value))
            if len(key[1]) > LONGEST_KEY:
                notes.append(f"lead.{name}: {TOO_LONG}")
            elif key not in seen and key[1]:
                seen.add(key)
                found.append([*key])
        return found

    return {"search": sound(search), "also": sound(also)}


def _indian_pincode(value: Any) -> Any:
    """The six digits of an Indian postal code; the last in the text, since addresses end with it. ABSENT if none."""
    found = _PINCODE.findall(value) if isinstance(value, str) else []
    return "".join(found[-1]) if found else ABSENT


_PARTS: dict[Part, Callable[[Any], Any]] = {"indian_pincode": _indian_pincode}
