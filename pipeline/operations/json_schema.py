"""The JSON Schema (draft 2020-12) of a connector's file, for editors. In: the models. Out: the schema, with names to
choose from: presets, time zones, countries, the fields that ship.

A TOML file names it in its first line: `#:schema ./connector.schema.json` (Even Better TOML, taplo).
"""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

import phonenumbers

from schemas.presets import presets
from schemas.settings import ConnectorSettings
from schemas.standard import STANDARD

FILE = "connector.schema.json"


def connector_schema() -> dict[str, Any]:
    """The schema. An account's own fields are not in it: the names of fields are offered, and others are taken."""
    schema: dict[str, Any] = _without_null(ConnectorSettings.model_json_schema(by_alias=True))
    properties = schema["properties"]
    shipped = presets().values()
    properties["preset"] = {
        "title": properties["preset"]["title"],
        "description": properties["preset"]["description"],
        "oneOf": [{"const": each.name, "title": each.title, "description": each.about} for each in shipped],
    }
    properties["time_zone"]["enum"] = sorted(available_timezones())
    properties["default_country"]["enum"] = sorted(phonenumbers.SUPPORTED_REGIONS)
    keys = sorted(name for name, field in STANDARD["lead"].items() if field.unique)
    for name in ("primary_key", "secondary_key"):
        _offer(properties[name], keys)
    _offer(properties["further_keys"]["items"], keys)
    targets = [f"{record}.{name}" for record, fields in STANDARD.items() for name in fields]
    _offer(schema["$defs"]["MapRow"]["properties"]["to"], targets)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "A connector of Leadpipe",
    }


def _offer(property: dict[str, Any], names: list[str]) -> None:
    """Let an editor complete these names, and take others that fit the rule."""
    rule = {name: property.pop(name) for name in ("type", "pattern") if name in property}
    property["anyOf"] = [{"enum": names}, rule]


def _without_null(value: Any) -> Any:
    """TOML has no null: what may be left out is left out."""
    if isinstance(value, list):
        return [_without_null(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {name: _without_null(each) for name, each in value.items()}
    choices = found.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        left = [choice for choice in choices if choice != {"type": "null"}]
        found.pop("anyOf")
        found |= left[0] if len(left) == 1 else {"anyOf": left}
        if found.get("default", 0) is None:
            found.pop("default")
    return found
