"""What one connector's mapping makes of a document. In: the document in normal form. Out: fields, defaults and keys.

Compiled once per connector and revision into closures; see `schemas.compiled`.

Absent, blank and value stay three things: a field whose path is absent is left out; a blank is null where the
connector says that blanks clear, and is left out where it says that they keep; a value is coerced to the field.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from schemas.connector import Connector
from schemas.keying import entries_of, junk_of, key_text, keys_of
from schemas.normal.path import ABSENT, is_blank
from schemas.normal.time import LEEWAY, utc_text
from schemas.normal.values import shown, text_of, word_of
from schemas.normal.zone import zone_of
from schemas.pairing import pairs_of, settle
from schemas.repeats import blank_out, repeats_of
from schemas.shapes import Shapes
from schemas.target import Conditions, Row, Target, targets_of
from schemas.transforming import Step, run

AHEAD = "more than 24 hours ahead of its arrival; treated as missing"


class Way(NamedTuple):
    """How a target gets its value in documents of one shape: by its rows, or simply from members that are there."""

    target: Target
    row: Row | None  # its only one, where it simply takes the first of the members that says something
    members: tuple[str, ...]


class Mapped(NamedTuple):
    """What an event says about records. `data` is what the stage `map` promises; see `mapper`."""

    data: dict[str, Any]
    notes: tuple[str, ...]


class Map(Protocol):
    """A compiled mapping. `sent` holds numbers as they were written, by their E.164 form, where that differs."""

    def __call__(
        self, document: dict[str, Any], received_at: datetime, sent: Mapping[str, str] | None = None, /
    ) -> Mapped: ...


def mapper(connector: Connector) -> Map:
    """A function from a document and its event's arrival to the records it speaks of; it raises ValueRejected.

    Its `data`: `sync`, the behaviours in force; `lead` (field: value or null), `defaults` (field: value), `call` and
    `activity` (as `lead`; only if one of their values came from the source), `keys` with `search` and `also`, lists
    of [key space, value]; `required`, the names of the lead fields that a new lead would need and that are missing,
    if there are any.
    """
    conditions = Conditions()
    targets = targets_of(connector, conditions)
    judged = conditions.finds()
    sync = {"lead": connector.lead_behaviour, "activity": connector.activity_behaviour}
    needed = [name for name, field in connector.fields["lead"].items() if field.required]
    junk = _junk(connector)
    pairs = pairs_of(connector, targets)
    repeats = repeats_of(connector, targets)
    search = entries_of(connector, connector.keys)
    others = [target.name for target in targets if target.record == "lead" and target.name not in connector.keys]
    also = entries_of(connector, others)
    dated = any(target.past for target in targets)
    ways_of = Shapes(lambda names: _ways(targets, names))

    def map(document: dict[str, Any], received_at: datetime, sent: Mapping[str, str] | None = None, /) -> Mapped:
        lead: dict[str, Any] = {}
        records: dict[str, dict[str, Any]] = {"lead": lead, "call": {}, "activity": {}}
        spoken_of = {"lead"}  # the records that the source itself said something about
        defaults: dict[str, Any] = {}
        unsound: set[str] = set()  # lead fields whose value must not identify anybody
        notes: list[str] = []
        latest = utc_text(received_at + LEEWAY) if dated else ""
        held = [word_of(look(document)) in wanted for look, wanted in judged]
        for target, only, members in ways_of(document):
            if only is None:
                row, value = _choose(target, document, held, notes)
            else:
                row, value = None, ABSENT
                for name in members:
                    if not is_blank(found := document[name]):
                        row, value = only, found
                        break
                    value = None
            if row is not None and not (target.text and type(value) is str):
                written = value
                value, note = target.coerce(value)
                if target.as_sent is not None:
                    written = written if type(written) is str else shown(written)
                    store = defaults if row.fill else lead
                    store[target.as_sent] = sent.get(written, written) if sent else written
                if note is not None:
                    notes.append(f"{target.label}: {note}")
                    unsound.add(target.label)
                if target.past and value is not ABSENT and value > latest:
                    notes.append(f"{target.label}: {AHEAD}")
                    value = ABSENT
            if value is None and not target.clears:
                value = ABSENT
            if value is ABSENT:
                if target.defaulted and (default := _default(target, held)) is not ABSENT:
                    defaults[target.name] = default
            elif row is not None and row.fill:
                defaults[target.name] = value
            else:
                records[target.record][target.name] = value
                if value is None and target.as_sent is not None:
                    lead[target.as_sent] = None
                if row is not None and row.finds:
                    spoken_of.add(target.record)
        for record, field in pairs:
            settle(record, field, records[record], defaults, notes)
        for repeat in repeats:
            blank_out(repeat, lead, defaults)
        if junk:
            unsound |= {label for label, name, values in junk if key_text(lead.get(name)) in values}
        if "time_zone" not in lead and "time_zone" not in defaults:
            number, country = lead.get("phone"), lead.get("country")
            if number is not None or country is not None:
                zone = zone_of(None if "lead.phone" in unsound else number, country)
                if zone is not None:
                    defaults["time_zone"] = zone
        data: dict[str, Any] = {"sync": sync, "lead": lead, "defaults": defaults}
        for kind in ("call", "activity"):
            if kind in spoken_of:
                data[kind] = records[kind]
        data["keys"] = keys_of(lead, search, also, unsound, notes)
        if needed and (missing := [n for n in needed if lead.get(n) is None and n not in defaults]):
            data["required"] = missing
        return Mapped(data, tuple(notes))

    return map


def _junk(connector: Connector) -> list[tuple[str, str, frozenset[str]]]:
    """The lead fields with values that identify nobody: label, name, and those values in normal form."""
    return [
        (f"lead.{name}", name, junk_of(field, connector.locale))
        for name, field in connector.fields["lead"].items()
        if field.junk
    ]


def _ways(targets: list[Target], names: Collection[str]) -> tuple[Way, ...]:
    """The ways to the targets that a document of this shape can say something of."""
    ways = []
    for target in targets:
        if target.can_speak(names):
            members = tuple(name for name in target.members if name in names)
            ways.append(Way(target, target.rows[0] if target.members else None, members))
    return tuple(ways)


def _choose(target: Target, document: dict[str, Any], held: list[bool], notes: list[str]) -> tuple[Row | None, Any]:
    """The first row that has a value, and the value transformed; else no row, and None for a blank, or ABSENT."""
    nothing: Any = ABSENT
    for row in target.rows:
        if row.conditions and not _applies(row, held):
            continue
        if row.constant is not ABSENT:
            return row, row.constant
        each, join, joined = row.steps
        parts: list[Any] = []
        for look in row.finds:
            value = look(document)
            if value is ABSENT:
                continue
            if not is_blank(value):
                if each:
                    apart = join is not None and isinstance(value, list)
                    value = _members(each, value, notes) if apart else run(each, value, notes)
                if value is ABSENT:
                    continue
                if not each or not is_blank(value):
                    if join is None:
                        return row, value
                    parts.append(value)
                    continue
            nothing = None
        if parts and join is not None:
            value = run(joined, _one_text(parts, join, target), notes)
            if value is not ABSENT and not is_blank(value):
                return row, value
    return None, nothing


def _members(steps: tuple[Step, ...], values: list[Any], notes: list[str]) -> Any:
    """What is made of a list that is joined afterwards, member by member; ABSENT if that is nothing."""
    made = [run(steps, value, notes) for value in values if not is_blank(value)]
    return [value for value in made if value is not ABSENT] or ABSENT


def _one_text(parts: list[Any], separator: str, target: Target) -> str:
    """All the values as one text; a list's members are parts too."""
    members = [member for part in parts for member in (part if isinstance(part, list) else [part])]
    return separator.join(
        text_of(member, target.label, "the transform 'join'") for member in members if not is_blank(member)
    )


def _default(target: Target, held: list[bool]) -> Any:
    """The default of the first row that has one and applies."""
    for row in target.rows:
        if row.default is not ABSENT and _applies(row, held):
            return row.default
    return ABSENT


def _applies(row: Row, held: list[bool]) -> bool:
    return all(map(held.__getitem__, row.conditions))
