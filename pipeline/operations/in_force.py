"""Everything that is in force in a connector. In: a connector. Out: each setting, and who says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from schemas.connector import Connector
from schemas.joined import Joined
from schemas.preset import Preset
from schemas.settings import ConnectorSettings, Sync
from schemas.standard import STANDARD

Origin = Literal["connector", "preset", "default"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its value in force, who says it, and what the preset says, where the connector says otherwise."""

    setting: str
    value: Any
    origin: Origin
    preset: Any = None

    @property
    def differs(self) -> bool:
        """Whether the connector says something else than its preset."""
        return self.origin == "connector" and self.value != self.preset


class _Alone(Joined):
    """What would be in force if the connector said nothing."""

    def __init__(self, name: str, base: Preset) -> None:
        self.settings = ConnectorSettings(name=name, preset=base.name)
        self.preset, self.fields = base, STANDARD


def settings_in_force(connector: Connector) -> list[Setting]:
    """Every setting but the tables, in the order of the settings; `auth` by references, never a secret."""
    said = connector.settings.model_dump(mode="json", by_alias=True, exclude_unset=True)
    alone = _values(_Alone(connector.name, connector.preset))
    unset = _values_of_nothing()
    found = []
    for name, value in _values(connector).items():
        top, _, member = name.partition(".")
        own = said.get(top)
        is_own = own is not None and (not member or (isinstance(own, dict) and own.get(member) is not None))
        its = alone[name]
        origin: Origin = "connector" if is_own else "default" if its == unset.get(name) else "preset"
        found.append(Setting(name, value, origin, its if is_own else None))
    return found


def row_origins(connector: Connector) -> list[Literal["connector", "preset"]]:
    """Who says each row of the mapping in force, in its order."""
    its = set(map(id, connector.preset.map))
    return ["preset" if id(row) in its else "connector" for row in connector.rows]


def _values(joined: Joined) -> dict[str, Any]:
    settings, its = joined.settings, joined.preset
    sync = Sync(lead=joined.lead_behaviour, activity=joined.activity_behaviour)
    values: dict[str, Any] = {
        "preset": settings.preset,
        "enabled": settings.enabled,
        "lead_source": settings.lead_source,
        "default_country": settings.default_country,
        "time_zone": str(joined.zone),
        "primary_key": settings.primary_key or its.primary_key,
        "secondary_key": settings.secondary_key or its.secondary_key,
        "further_keys": settings.further_keys,
        "blank": joined.blank,
        "blank_words": settings.blank_words,
        "date_order": settings.date_order or its.source.date_order,
        "occurred_at": list(joined.occurred_at_paths),
        "occurred_format": settings.occurred_format,
        "id": list(joined.id_paths),
        "form_field": joined.form_field,
        "origins": settings.origins,
        "required": list(joined.required),
        "sync.lead": sync.lead,
        "sync.activity": sync.activity,
        "access": None if settings.access is None else settings.access.model_dump(mode="json", exclude_none=True),
        "auth": _auth(joined),
    }
    known = {name.partition(".")[0] for name in values}
    for name in ConnectorSettings.model_fields:  # the others as they are said, also those that are added later
        if name not in known | {"name", "map", "fields", "source_fields"}:
            value = getattr(settings, name)
            values[name] = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return values


def _auth(joined: Joined) -> dict[str, Any] | None:
    """Who may post, as the connector says it, else as its preset does."""
    own, its = joined.settings.auth, joined.preset.auth
    found = own if own is not None else its
    return None if found is None else found.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _values_of_nothing() -> dict[str, Any]:
    """The values of settings that neither a connector nor a preset says."""
    return {"enabled": True, "further_keys": [], "blank_words": [], "origins": [], "required": [], "id": []}
