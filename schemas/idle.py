"""Settings that do nothing. In: a connector's settings, joined. Out: warnings, one sentence each, which names the row.

Nothing here keeps settings from being saved: they work, and do less than they say.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.joined import Joined
from schemas.key_source import place_of
from schemas.mapping import MapRow
from schemas.nearest import nearest
from schemas.normal.path import ROOT
from schemas.problem import Problem, map_row

ACTIVITIES = ("activity", "call")


def idle(joined: Joined) -> list[Problem]:
    """What of these settings can never do anything, or does less than it says."""
    return [
        *_behaviours(joined),
        *_required(joined),
        *_keys(joined),
        *_rows(joined),
        *_sources(joined),
        *_times(joined),
    ]


def _behaviours(joined: Joined) -> Iterator[Problem]:
    wanted = joined.activity_behaviour
    rows = [row for row in joined.rows if row.record in ACTIVITIES]
    if wanted != "off" and not rows:
        what = "no row maps an activity or a call, so none is attached"
        message = f"it is {wanted}, and {what}; map one, or set sync.activity to off"
        yield Problem("sync.activity", message, value=wanted)
    if wanted == "off":
        for place, row, number in _own(joined):
            if row.on and row.record in ACTIVITIES:
                message = "sync.activity is off, so this row is never read; set sync.activity, or take the row out"
                yield Problem(place, message, number)
    if joined.lead_behaviour == "nothing" and wanted == "off":
        message = "leads and activities are both left alone, so events end in the journal and change nothing"
        yield Problem("sync", message)


def _required(joined: Joined) -> Iterator[Problem]:
    if joined.lead_behaviour not in ("capture", "create"):
        return
    mapped = {row.field for row in joined.rows if row.record == "lead"}
    for name, field in joined.fields["lead"].items():
        if field.required and name not in mapped:
            message = f"no row maps the required field {name}, so this connector makes no new lead; map lead.{name}"
            yield Problem("map", message)


def _keys(joined: Joined) -> Iterator[Problem]:
    settings, its = joined.settings, joined.preset
    primary = settings.primary_key or its.primary_key
    secondary = settings.secondary_key or its.secondary_key
    if primary == secondary:
        message = f"it is {secondary!r}, which is the primary key too, so it finds nobody else; choose another, or none"
        yield Problem("secondary_key", message)
    seen = {primary, secondary}
    for number, key in enumerate(settings.further_keys, 1):
        if key in seen:
            yield Problem(f"further_keys {number}", f"{key!r} is a search key already; take it out")
        seen.add(key)
    mapped = {row.field for row in joined.rows if row.record == "lead"}
    for key in joined.keys:
        if key in mapped:
            continue
        what = {primary: "the primary key", secondary: "the secondary key"}.get(key, "a search key")
        off = [(place, number) for place, row, number in _own(joined) if row.to == f"lead.{key}" and not row.on]
        for place, number in off:
            message = f"the row is off, and no other maps {what} {key}, so nobody is found by it; set on = true"
            yield Problem(place, message, number)
        if not off and key in _own_keys(joined):
            yield Problem(
                _setting_of(joined, key), f"no row maps {what} {key}, so nobody is found by it; map lead.{key}"
            )


def _own_keys(joined: Joined) -> set[str]:
    """The search keys that the connector itself names, or whose rows it has replaced."""
    settings = joined.settings
    its_rows = {row.field for row in joined.preset.map if row.record == "lead"}
    named = {settings.primary_key, settings.secondary_key, *settings.further_keys, *its_rows}
    return {key for key in named if key is not None}


def _setting_of(joined: Joined, key: str) -> str:
    settings = joined.settings
    if key in settings.further_keys:
        return f"further_keys {settings.further_keys.index(key) + 1}"
    return "secondary_key" if key == (settings.secondary_key or joined.preset.secondary_key) else "primary_key"


def _rows(joined: Joined) -> Iterator[Problem]:
    """Rows that never fire, beside those that are refused; see `schemas.reachable`."""
    listed = {path for path in joined.source_fields if path != ROOT}
    tops = {path.partition(".")[0] for path in listed}
    for place, row, number in _own(joined):
        for path in row.paths:
            if row.on and listed and path.partition(".")[0] not in tops and (near := nearest(path, listed)):
                yield Problem(place, f"the source is not known to send {path!r}; did you mean {near!r}?", number, path)
        if row.on and row.default is not None and row.constant is not None:
            yield Problem(place, "its default never counts: the row is a constant, which always has a value", number)
    before: list[MapRow] = []
    for row in joined.rows:
        if row.default is not None and (earlier := _with_same_default(row, before)) is not None:
            message = f"its default never counts: {place_of(joined, earlier)} comes first, and has one"
            yield Problem(place_of(joined, row), message, value=row.default)
        before.append(row)


def _with_same_default(row: MapRow, before: list[MapRow]) -> MapRow | None:
    return next((each for each in before if each.to == row.to and each.default is not None and not each.when), None)


def _sources(joined: Joined) -> Iterator[Problem]:
    used = {path for row in joined.rows for path in (*row.paths, *row.when)}
    used |= {*joined.required, *joined.id_paths, *joined.occurred_at_paths}
    for number, source in enumerate(joined.settings.source_fields, 1):
        if not any(path == source.path or path.startswith(f"{source.path}.") for path in used):
            message = "no row, condition, id or time reads this path; map it, or take it out"
            yield Problem(f"source_fields row {number} ({source.path})", message)


def _times(joined: Joined) -> Iterator[Problem]:
    if joined.settings.occurred_format is not None and not joined.occurred_at_paths:
        message = "no path says when an event happened, so this format is never used; set occurred_at"
        yield Problem("occurred_format", message, value=joined.settings.occurred_format)


def _own(joined: Joined) -> Iterator[tuple[str, MapRow, int]]:
    """The connector's own rows, also those that are off, each with its place and its number."""
    for number, row in enumerate(joined.settings.map, 1):
        yield map_row(number, row.to), row, number
