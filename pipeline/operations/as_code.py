"""A connector's settings as a file. In: settings, or a file's text. Out: the one text that says them, or settings.

The canonical form leaves out what is so without being said: the defaults, and what the preset says anyway. Settings
that mean the same have one canonical form, whatever was written, so that an export that is applied changes nothing and
is exported to the same bytes. Secrets are not in settings at all, only where they lie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.operations.toml import written
from schemas.joined import LEAD_SOURCE, Joined
from schemas.mapping import MapRow
from schemas.preset import Preset
from schemas.presets import UnknownPreset, preset
from schemas.settings import ConnectorSettings, Sync
from schemas.standard import STANDARD

ROW_ORDER = ("from", "to")  # of a mapping row, before its other members: it reads from left to right


def canonical(settings: ConnectorSettings) -> dict[str, Any]:
    """The settings as a document of plain values, in the order of the model; see above for what is left out."""
    try:
        said = _said_anew(settings, preset(settings.preset))
    except UnknownPreset:
        said = settings  # of another version: nothing is known to be so without being said
    document = said.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude_none=True)
    if rows := document.get("map"):
        document["map"] = [_ordered(row) for row in rows]
    return {name: value for name, value in document.items() if value != {}}


def to_toml(settings: ConnectorSettings, schema: str | None = None) -> str:
    """The file's text. `schema`: where its JSON Schema lies, for editors."""
    text = written(canonical(settings))
    return f"#:schema {schema}\n\n{text}" if schema else text


def _said_anew(settings: ConnectorSettings, base: Preset) -> ConnectorSettings:
    """The settings without what their preset says anyway."""
    usual = {
        "primary_key": base.primary_key,
        "secondary_key": base.secondary_key,
        "blank": base.blank,
        "time_zone": base.source.time_zone,
        "id": base.door.id,
        "required": base.source.required,
    }
    changes: dict[str, Any] = {name: None for name, value in usual.items() if getattr(settings, name) == value}
    known = {field.path: field for field in base.source.fields}
    changes["source_fields"] = [field for field in settings.source_fields if known.get(field.path) != field]
    changes["map"] = _own_rows(settings, base)
    changes["sync"] = _own_sync(settings, base)
    return settings.model_copy(update=changes)


class _Unsaid(Joined):
    """What is in force where the settings say nothing of it."""

    def __init__(self, settings: ConnectorSettings, base: Preset) -> None:
        self.settings, self.preset, self.fields = settings, base, STANDARD


def _own_sync(settings: ConnectorSettings, base: Preset) -> Sync:
    lead, activity = settings.sync.lead, settings.sync.activity
    if lead == _without(settings, base, Sync()).lead_behaviour:
        lead = None
    if activity == _without(settings, base, Sync(lead=lead)).activity_behaviour:
        activity = None
    return Sync(lead=lead, activity=activity)


def _without(settings: ConnectorSettings, base: Preset, sync: Sync) -> _Unsaid:
    return _Unsaid(settings.model_copy(update={"sync": sync}), base)


def _own_rows(settings: ConnectorSettings, base: Preset) -> list[MapRow]:
    """The rows, without those to a field for which the preset has the very same rows.

    A marked row stays, since its place decides the order of the search keys; so does one to the lead source beside a
    lead source of the settings, which would come to the fore without it.
    """
    own, shipped = _by_target(settings.map), _by_target(base.map)
    same = {
        to
        for to, rows in own.items()
        if rows == shipped.get(to)
        and not any(row.key for row in rows)
        and not (to == LEAD_SOURCE and settings.lead_source)
    }
    return [row for row in settings.map if row.to not in same]


def _by_target(rows: Sequence[MapRow]) -> dict[str, list[MapRow]]:
    found: dict[str, list[MapRow]] = {}
    for row in rows:
        found.setdefault(row.to, []).append(row)
    return found


def _ordered(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in sorted(row, key=lambda n: ROW_ORDER.index(n) if n in ROW_ORDER else 9)}
