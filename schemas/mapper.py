"""What one connector's mapping makes of a document. In: the document in normal form. Out: fields, defaults and keys.

Compiled once per connector and revision; see `schemas.compiled`.

Absent, blank and value stay three things: a field whose path is absent is left out; a blank is null where the
connector says that blanks clear, and is left out where it says that they keep; a value is coerced to the field. All
that the rules have against an event is told at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from schemas.abroad import Abroad, Place
from schemas.candidates import Plain, Way, choose, default_of, source_of
from schemas.connector import Connector
from schemas.fields import AS_SENT, FieldType
from schemas.key_source import MADE_UP
from schemas.key_text import key_text
from schemas.keying import entries_of, junk_of, key_of, keys_of, single_of
from schemas.normal.blank import IsBlank
from schemas.normal.path import ABSENT, finder, is_absent
from schemas.normal.time import utc_text
from schemas.normal.values import ValueRejected, word_of
from schemas.normal.zone import zone_of
from schemas.pairing import pairs_of, settle
from schemas.rejected import Problem, Rejected
from schemas.repeats import blank_out, repeats_of
from schemas.said import Said
from schemas.shapes import Shapes
from schemas.standard import SPARE
from schemas.target import Conditions, Row, Target, targets_of

MISSING = "the source must send this member, and it is missing"
BLANK = "the source must send a value here, and it is blank"
NO_LEAD_ID = "not the id of a lead; the search keys count instead"

NO_CONDITIONS: list[bool] = []
NOTHING: Mapping[str, str] = {}


class Plan(NamedTuple):
    """What documents of one shape can say something of."""

    ways: tuple[Plain, ...]
    constants: tuple[tuple[str, str, str], ...]  # record, field, value: what every document of this connector says
    countries: tuple[Place, ...]


class Mapped(NamedTuple):
    """What an event says about records. `data` is what the stage `map` promises; see `mapper`."""

    data: dict[str, Any]
    notes: tuple[str, ...]


class Map(Protocol):
    """A compiled mapping. `sent` holds values as they were written, by their normal form, where that differs."""

    def __call__(
        self, document: dict[str, Any], received_at: datetime, sent: Mapping[str, str] | None = None, /
    ) -> Mapped: ...


def mapper(connector: Connector) -> Map:
    """A function from a document and its event's arrival to the records it speaks of; it raises Rejected.

    Its `data`: `sync`, the behaviours in force; `lead` (field: value or null), `defaults` (field: value), `call` and
    `activity` (as `lead`; only if one of their values came from the source), `keys` with `search` and `also`, lists
    of [key space, value]. Only where there is something to say: `call_defaults` and `activity_defaults`; `required`,
    the names of the lead fields that a new lead would need and that are missing; `unsound`, the fields whose value is
    not valid (`lead.phone`); `lead_id`, the lead that the source names by its id.
    """
    return _Mapper(connector)


class _Mapper:
    """One connector's mapping, compiled."""

    def __init__(self, connector: Connector) -> None:
        conditions = Conditions()
        self._targets = targets_of(connector, conditions)
        blanks = connector.locale.blanks.test()
        self._judged = [(look, wanted, blanks if "" in wanted else None) for look, wanted in conditions.finds()]
        self._sync = {"lead": connector.lead_behaviour, "activity": connector.activity_behaviour}
        self._fields = connector.fields["lead"]
        self._needed = [name for name, field in self._fields.items() if field.required]
        self._required = [(path, finder(path), _blank_at(path, connector)) for path in connector.required]
        self._lead_ids = [(path, finder(path)) for path in connector.preset.source.lead_id]
        self._says_nothing = blanks
        self._junk = _junk(connector)
        self._pairs = pairs_of(connector, self._targets)
        self._repeats = repeats_of(connector, self._targets)
        self._search = entries_of(connector, connector.keys)
        told = dict.fromkeys([target.name for target in self._targets if target.record == "lead"])
        told |= dict.fromkeys(name for names in SPARE.values() for name in names if name in self._fields)
        self._also = entries_of(connector, [name for name in told if name not in connector.keys])
        self._single = single_of(connector, [*connector.keys, *(name for name in told if name not in connector.keys)])
        self._dated = any(target.past for target in self._targets)
        self._abroad = Abroad(connector)
        self._home = connector.locale.country
        self._plan_of = Shapes(self._plan)

    def __call__(
        self, document: dict[str, Any], received_at: datetime, sent: Mapping[str, str] | None = None, /
    ) -> Mapped:
        ways, constants, countries = self._plan_of(document)
        country = self._abroad.country(document, countries) if countries else None
        said = Said(sent or NOTHING, utc_text(received_at) if self._dated else "", country, self._home)
        spoken_of = {"lead"}  # the records that the source itself said something about
        problems = self._missing(document) if self._required else []
        held = self._held(document) if self._judged else NO_CONDITIONS
        records = said.records
        for record, name, value in constants:
            records[record][name] = value
        for member, is_blank, record, name, way in ways:
            if member is not None:
                value = document[member]
                if type(value) is str and not is_blank(value):
                    records[record][name] = value
                    spoken_of.add(record)
                    continue
            try:
                self._take(way, document, held, said, spoken_of)
            except ValueRejected as rejection:
                problems.append(Problem(rejection, source_of(way.target, document)))
        try:
            for record, field in self._pairs:
                settle(record, field, said)
        except ValueRejected as rejection:
            problems.append(Problem(rejection))
        if problems:
            raise Rejected(problems)
        return self._mapped(document, said, spoken_of)

    def _held(self, document: dict[str, Any]) -> list[bool]:
        """Which of the conditions hold."""
        return [
            word_of(value := look(document)) in wanted or (blank is not None and blank(value))
            for look, wanted, blank in self._judged
        ]

    def _plan(self, names: Collection[str]) -> Plan:
        """The ways to the targets that a document with members of these names can say something of."""
        ways = []
        for target in self._targets:
            if target.always is None and target.can_speak(names):
                members = tuple(name for name in target.members if name in names)
                ways.append(Plain.of(Way(target, target.rows[0] if target.members else None, members)))
        constants = [(each.record, each.name, each.always) for each in self._targets if each.always is not None]
        return Plan(tuple(ways), tuple(constants), self._abroad.places(names))

    def _take(self, way: Way, document: dict[str, Any], held: list[bool], said: Said, spoken_of: set[str]) -> None:
        """What the document says of one field. Raises ValueRejected."""
        target, only, members = way
        row: Row | None = None
        value: Any = ABSENT
        if only is None:
            row, value = choose(target, document, held, said.notes)
        else:
            for name in members:
                if not only.is_blank(found := document[name]):
                    row, value = only, found
                    break
                value = None
        if row is not None and not (target.text and type(value) is str):
            row, value = said.read(way, row, value, document, held)
        if value is None and not target.clears:
            value = ABSENT
        if target.defaulted and (value is None or value is ABSENT):
            value = self._defaulted(target, value, held, said)
        if value is ABSENT:
            return
        if target.made_up and row is not None and row.writes(value):
            said.keep_apart(target, value)
            said.notes.append(f"{target.label}: {MADE_UP}")
        elif row is not None and row.fill:
            said.defaults[target.name] = value
            if row.finds:
                said.fills[target.name] = value
        else:
            said.records[target.record][target.name] = value
            if row is None and target.as_sent is not None:
                said.lead[target.as_sent] = None
            if row is not None and row.finds:
                spoken_of.add(target.record)

    def _defaulted(self, target: Target, value: Any, held: list[bool], said: Said) -> Any:
        """What a field without data is given: a default fills a field, or takes the place of what a blank clears."""
        default = default_of(target, held)
        if default is ABSENT:
            return value
        if target.identifies:
            said.notes.append(f"{target.label}: {MADE_UP}")
        elif value is None:
            said.stand_ins.add(target.label)
            return default
        said.defaults_of[target.record][target.name] = default
        return value

    def _mapped(self, document: dict[str, Any], said: Said, spoken_of: set[str]) -> Mapped:
        lead, defaults, notes = said.lead, said.defaults, said.notes
        if said.spare:
            said.place_spare(self._fields, AS_SENT)
        for repeat in self._repeats:
            blank_out(repeat, lead, defaults)
        known = lead
        if said.fills:
            known = {**said.fills, **{name: value for name, value in lead.items() if value is not None}}
        weak = sorted(said.unsound) if said.unsound else None
        if self._junk:
            said.unsound |= {
                label for label, name, folds, values in self._junk if key_text(known.get(name), folds) in values
            }
        if "time_zone" not in lead and "time_zone" not in defaults:
            number, country = known.get("phone"), lead.get("country")
            if number is not None or country is not None:
                zone = zone_of(None if "lead.phone" in said.unsound else number, country)
                if zone is not None:
                    defaults["time_zone"] = zone
        data: dict[str, Any] = {"sync": self._sync, "lead": lead, "defaults": defaults}
        for kind in ("call", "activity"):
            if kind in spoken_of:
                data[kind] = said.records[kind]
            if said.defaults_of[kind] and (kind in spoken_of or "call" in spoken_of):  # a call is an activity too
                data[f"{kind}_defaults"] = said.defaults_of[kind]
        data["keys"] = keys_of(known, self._search, self._also, said.unsound, notes)
        if self._single and (taken := self._that_may_be_taken(known, data["keys"])):
            data["taken"] = taken
        if weak:
            data["unsound"] = weak
        if self._needed and (missing := [n for n in self._needed if lead.get(n) is None and n not in defaults]):
            data["required"] = missing
        if self._lead_ids and (id := self._lead_id(document, notes)) is not None:
            data["lead_id"] = id
        return Mapped(data, tuple(notes))

    def _that_may_be_taken(self, known: Mapping[str, Any], keys: Mapping[str, list[list[str]]]) -> list[list[str]]:
        """The keys of this event that at most one lead may have: space, value, what happens where another has it, and
        the field."""
        found = []
        for entry, how in self._single:
            if (value := known.get(entry.name)) is not None:
                key = [entry.space, key_of(self._fields[entry.name], value)]
                if key in keys["search"] or key in keys["also"]:
                    found.append([*key, how, entry.name])
        return found

    def _missing(self, document: dict[str, Any]) -> list[Problem]:
        """The members that the source must send, and has not."""
        problems = []
        for path, look, is_blank in self._required:
            value = look(document)
            if is_absent(value):
                problems.append(Problem(ValueRejected(path, "", MISSING)))
            elif is_blank(value):
                problems.append(Problem(ValueRejected(path, value, BLANK)))
        return problems

    def _lead_id(self, document: dict[str, Any], notes: list[str]) -> str | None:
        """The lead that the source names by its id here."""
        for path, look in self._lead_ids:
            value = look(document)
            if is_absent(value) or self._says_nothing(value):
                continue
            try:
                return str(UUID(value.strip()))
            except (AttributeError, ValueError):
                notes.append(f"{path}: {NO_LEAD_ID}")
        return None


def _blank_at(path: str, connector: Connector) -> IsBlank:
    """What says nothing at this path: where a boolean is sent, or is to become of it, false is a value."""
    source = connector.source_fields.get(path)
    types = {connector.fields[row.record][row.field].type for row in connector.rows if path in row.paths}
    is_boolean = FieldType.BOOLEAN in types or (source is not None and source.type is FieldType.BOOLEAN)
    return connector.locale.blanks.test(boolean=is_boolean)


def _junk(connector: Connector) -> list[tuple[str, str, bool, frozenset[str]]]:
    """The lead fields with values that identify nobody: label, name, whether case is disregarded, and those values."""
    return [
        (f"lead.{name}", name, field.folds, junk_of(field, connector.locale))
        for name, field in connector.fields["lead"].items()
        if field.junk
    ]
