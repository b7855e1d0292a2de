"""The source systems that ship. In: a name. Out: what a connector starts from, as every face shows it."""

from __future__ import annotations

from typing import Any

from pipeline.operations.errors import NotFound
from schemas.preset import Preset
from schemas.presets import UnknownPreset, preset, presets


def page() -> list[dict[str, Any]]:
    """Every preset: name, title, about, kind."""
    return [_told(each) for each in presets().values()]


def whole(name: str) -> dict[str, Any]:
    """One preset, with all that a connector's settings may leave out. Raises NotFound, with the nearest name."""
    try:
        found = preset(name)
    except UnknownPreset as error:
        raise NotFound(str(error.args[0])) from error
    return {
        **_told(found),
        "primary_key": found.primary_key,
        "secondary_key": found.secondary_key,
        "blank": found.blank,
        "sync": found.sync.model_dump(),
        "auth": None if found.auth is None else found.auth.model_dump(exclude_none=True),
        "steps": list(found.steps),
        "time_zone": found.source.time_zone,
        "required": list(found.source.required),
        "id": list(found.door.id),
        "source_fields": [
            {"path": each.path, "label": each.title, "type": str(each.type)} for each in found.source.fields
        ],
        "map": [row.model_dump(mode="json", by_alias=True, exclude_defaults=True) for row in found.map],
    }


def _told(found: Preset) -> dict[str, Any]:
    return {"name": found.name, "title": found.title, "about": found.about, "kind": found.kind}
