"""Whether settings can be saved. In: settings, or the document they are in, and the account's fields. Out: problems.

All of them at once, one sentence each, which names the row.

The models hold what can be said of one value; here is what depends on the preset, the fields and other rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from schemas.fields import CHOICES, Field, FieldType, RecordFields, field_problems
from schemas.fitting import bad_constants, misfit
from schemas.joined import Joined, with_declared
from schemas.key_source import made_up, place_of
from schemas.mapping import MapRow
from schemas.preset import Preset
from schemas.presets import UnknownPreset, preset
from schemas.problem import MOST, BadSettings, Problem, map_row, of_model
from schemas.reachable import bad_path, hidden_by, never_holds
from schemas.settings import ConnectorSettings
from schemas.standard import STANDARD
from schemas.working import able, is_key, unknown_field

TABLES = ("map", "fields", "source_fields")  # of which one row can be wrong and the rest right


@dataclass(frozen=True)
class Draft(Joined):
    """Settings on their way to become a connector."""

    settings: ConnectorSettings
    preset: Preset
    fields: RecordFields


def parse(document: Mapping[str, Any], fields: RecordFields = STANDARD) -> ConnectorSettings:
    """The settings in a document, checked whole; raises BadSettings with every problem in it."""
    try:
        settings = ConnectorSettings(**document)
    except ValidationError as error:
        raise BadSettings([*of_model(error, document), *_of_the_rest(error, document, fields)]) from error
    try:
        check(settings, preset(settings.preset), fields)
    except UnknownPreset as unknown:
        raise BadSettings([Problem("preset", str(unknown.args[0]))]) from unknown
    return settings


def check(settings: ConnectorSettings, preset: Preset, fields: RecordFields = STANDARD) -> None:
    """Raises BadSettings if there is any problem."""
    if found := problems(settings, preset, fields):
        raise BadSettings(found)


def problems(
    settings: ConnectorSettings,
    preset: Preset,
    fields: RecordFields = STANDARD,
    numbers: Sequence[int] | None = None,
) -> list[Problem]:
    """Everything that keeps settings from being saved. `numbers`: of their map rows, where some are left out."""
    draft = Draft(settings, preset, with_declared(fields, settings))
    found = [*_declared(draft, fields), *_sources(draft), *_auth(draft)]
    numbered = dict(
        zip(map(id, settings.map), range(1, len(settings.map) + 1) if numbers is None else numbers, strict=True)
    )
    mapped = {(row.record, row.field) for row in draft.rows}
    invented = list(made_up(draft))
    earlier: list[MapRow] = []
    for row in draft.rows:
        if len(found) > MOST:
            break
        number = numbered.get(id(row))
        place = place_of(draft, row) if number is None else map_row(number, row.to)
        wrong = [Problem(place, message, number) for message in _row(draft, row, mapped)]
        if not wrong:  # what the field cannot hold at all is told first
            wrong = [Problem(place, each.message, number, each.value) for each in invented if each.row is row]
        found += wrong
        hiding = None if number is None else hidden_by(row, earlier)
        if hiding is not None and (before := numbered.get(id(hiding))) is not None:
            first = f"{map_row(before, hiding.to)} comes first, and has a value whenever this row has"
            message = f"it never takes effect: {first}; take one of the two out"
            found.append(Problem(place, message, number))
        earlier.append(row)
    return [*found, *_keys(draft)]


def _row(draft: Draft, row: MapRow, mapped: set[tuple[str, str]]) -> Iterator[str]:
    field = draft.fields[row.record].get(row.field)
    if field is None:
        yield unknown_field(draft, row)
        return
    sources = draft.source_fields
    yield from (problem for path in row.paths if (problem := bad_path(path, sources)))
    yield from never_holds(row, sources)
    yield from misfit(row, field, sources)
    yield from bad_constants(row, field, draft.locale)
    if row.key and not is_key(field):
        yield f"{row.field} is not unique, so it cannot be a search key; the unique fields are {able(draft)}"
    if field.type is FieldType.DEPENDENT_DROPDOWN and (row.record, str(field.parent)) not in mapped:
        yield f"its options depend on {field.parent}, which no row maps: map {row.record}.{field.parent} too"


def _keys(draft: Draft) -> Iterator[Problem]:
    settings = draft.settings
    named: list[tuple[str, str | None]] = [
        ("primary_key", settings.primary_key),
        ("secondary_key", settings.secondary_key),
        *((f"further_keys {number}", key) for number, key in enumerate(settings.further_keys, 1)),
    ]
    for place, key in named:
        if key is not None and not is_key(draft.fields["lead"].get(key)):
            what = "is not unique" if key in draft.fields["lead"] else "is not a field of leads"
            yield Problem(place, f"{key!r} {what}, so it cannot be a search key; it must be one of {able(draft)}")
    if not {row.field for row in draft.rows if row.record == "lead"} & set(draft.keys):
        keys = ", ".join(draft.keys)
        yield Problem(
            "map", f"no row maps a search key ({keys}), so no event could find or make a lead; map one of them"
        )


def _declared(draft: Draft, fields: RecordFields) -> Iterator[Problem]:
    for number, field in enumerate(draft.settings.fields, 1):
        place = f"fields row {number} ({field.name})"
        there = fields["lead"].get(field.name)
        if there is not None and (difference := _difference(there, field)):
            yield Problem(place, f"the account has this field already, {difference}; change one of them")
        for message in field_problems("lead", draft.fields["lead"][field.name], draft.fields["lead"]):
            yield Problem(place, message)


def _difference(there: Field, here: Field) -> str | None:
    if there.type is not here.type:
        return f"as {there.type}, and here it is {here.type}"
    if there.unique is not here.unique:
        return "unique, and here it is not" if there.unique else "not unique, and here it is"
    if there.case_sensitive is not here.case_sensitive:
        return f"{'with' if there.case_sensitive else 'without'} `case_sensitive`, and here it is the other way"
    if here.type in CHOICES and (missing := [option for option in here.choices if option not in there.choices]):
        return f"without the option {missing[0]!r}"
    return None


def _sources(draft: Draft) -> Iterator[Problem]:
    for number, source in enumerate(draft.settings.source_fields, 1):
        if problem := bad_path(source.path, {}):
            yield Problem(f"source_fields row {number} ({source.path})", problem)
    for place, paths in (("id", draft.settings.id), ("required", draft.settings.required)):
        for path in paths or ():
            if problem := bad_path(path, draft.source_fields):
                yield Problem(place, problem)


def _auth(draft: Draft) -> Iterator[Problem]:
    try:
        _ = draft.auth
    except ValueError as error:
        yield Problem("auth", str(error))


def _of_the_rest(error: ValidationError, document: Mapping[str, Any], fields: RecordFields) -> list[Problem]:
    """The problems of what a model can be made of, once what it refused is left out, and what leads there."""
    wrong = {found["loc"][: 2 if found["loc"] and found["loc"][0] in TABLES else 1] for found in error.errors()}
    rest = {"name": "unnamed", **{name: value for name, value in document.items() if (name,) not in wrong}}
    left: dict[str, list[int]] = {}
    for table in TABLES:
        if isinstance(rows := rest.get(table), list):
            left[table] = [place for place in range(len(rows)) if (table, place) not in wrong]
            rest[table] = [rows[place] for place in left[table]]
    unknown = _names(document.get("fields"), left.get("fields", []))
    if "map" in left:
        left["map"] = [place for place in left["map"] if document["map"][place]["to"] not in unknown]
        rest["map"] = [document["map"][place] for place in left["map"]]
    try:
        settings = ConnectorSettings(**rest)
        found = problems(settings, preset(settings.preset), fields, [place + 1 for place in left.get("map", [])])
    except ValidationError:
        return []
    except UnknownPreset as error_:
        return [Problem("preset", str(error_.args[0]))]
    whole = document.get("map", []) == rest.get("map", [])
    return [problem for problem in found if whole or problem.place != "map"]


def _names(rows: Any, left: Sequence[int]) -> set[str]:
    """Where rows to the refused fields lead."""
    kept = set(left)
    refused = [row for place, row in enumerate(rows) if place not in kept] if isinstance(rows, list) else []
    return {f"lead.{row['name']}" for row in refused if isinstance(row, Mapping) and "name" in row}
