"""A connector: one configured inlet of an account, with its settings and mapping. In: a TOML file, or the database."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal
from zoneinfo import ZoneInfo

import phonenumbers
from pydantic import Field as Attribute
from pydantic import field_validator

from schemas.auth import Auth, AuthSettings, joined
from schemas.fields import NAME, STANDARD, Field, FieldType
from schemas.mapping import MapRow
from schemas.normal.values import Locale, coerce
from schemas.preset import Preset
from schemas.strict import Strict, time_zone

CONNECTOR_NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"


class ConnectorSettings(Strict):
    """What an administrator sets. What is left out is the preset's.

    `map` rows replace the preset's rows to the same field; `fields` adds fields to the account's leads, `types` says
    how to read further paths of the source, `required` names the paths without which an event is rejected.
    `default_country` (ISO 3166 alpha-2) completes numbers that have no country code; `time_zone` is the zone of the
    source's naive times.
    """

    name: str = Attribute(pattern=CONNECTOR_NAME)
    preset: str
    enabled: bool = True
    lead_source: str | None = None
    default_country: str | None = None
    time_zone: str | None = None
    primary_key: str | None = Attribute(default=None, pattern=NAME)
    secondary_key: str | None = Attribute(default=None, pattern=NAME)
    blank: Literal["keep", "clear"] | None = None
    id: list[str] | None = None
    required: list[str] | None = None
    fields: list[Field] = []
    types: dict[str, FieldType] = {}
    map: list[MapRow] = []
    auth: AuthSettings | None = None

    @field_validator("default_country")
    @classmethod
    def _country(cls, value: str | None) -> str | None:
        if value is not None and value not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError(f"{value!r} is not an ISO 3166 country code in capitals, such as IN or US")
        return value

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str | None) -> str | None:
        return None if value is None else time_zone(value)


@dataclass(frozen=True)
class Connector:
    """A connector as the workers use it: its settings joined with its preset. ValueError when they do not fit."""

    id: int
    account: int
    revision: int
    settings: ConnectorSettings
    preset: Preset

    def __post_init__(self) -> None:
        for row in self.rows:
            if row.field not in self.fields[row.record]:
                known = ", ".join(sorted(self.fields[row.record]))
                raise ValueError(f"map row to {row.to!r}: {row.record} has no field {row.field!r}; it has {known}")
        for key in self.keys:
            field = self.fields["lead"].get(key)
            if field is None or field.key is None:
                able = ", ".join(sorted(name for name, field in self.fields["lead"].items() if field.key))
                raise ValueError(f"{key!r} cannot be a search key: it must be one of {able}")
        self._check_constants()
        _ = self.auth  # ValueError where a scheme lacks what it needs

    def _check_constants(self) -> None:
        """What a row itself puts into its field must be something that the field can hold."""
        for row in self.rows:
            constants = [value for value in (row.value, row.default, *row.values.values()) if value is not None]
            for constant in constants:
                coerce(constant, self.fields[row.record][row.field].type, f"map row to {row.to!r}", self.locale)

    @property
    def name(self) -> str:
        return self.settings.name

    @cached_property
    def auth(self) -> Auth | None:
        """Who may post; None: whoever knows the URL."""
        return joined(self.settings.auth, self.preset.auth)

    @cached_property
    def guarded(self) -> bool:
        """Whether the door has anything to ask, or to answer, beyond the URL."""
        return self.auth is not None or self.preset.door.echo is not None

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The search keys: primary, then secondary."""
        primary = self.settings.primary_key or self.preset.primary_key
        secondary = self.settings.secondary_key or self.preset.secondary_key
        return (primary,) if secondary in (None, primary) else (primary, str(secondary))

    @cached_property
    def blank(self) -> Literal["keep", "clear"]:
        """What a blank value does to a stored one."""
        return self.settings.blank or self.preset.blank

    @cached_property
    def zone(self) -> ZoneInfo:
        """The zone of the source's naive times."""
        return ZoneInfo(self.settings.time_zone or self.preset.source.time_zone)

    @cached_property
    def locale(self) -> Locale:
        """How the source's numbers and times are to be read."""
        return Locale(self.settings.default_country, self.zone)

    @cached_property
    def required(self) -> list[str]:
        """The paths without which an event is rejected."""
        return self.preset.source.required if self.settings.required is None else self.settings.required

    @cached_property
    def id_paths(self) -> list[str]:
        """Where the producer's id of an event lies."""
        return self.preset.door.id if self.settings.id is None else self.settings.id

    @property
    def occurred_at_paths(self) -> list[str]:
        """The paths, in order, that say when an event happened."""
        return self.preset.source.occurred_at

    @cached_property
    def types(self) -> dict[str, FieldType]:
        """How to read the value at each path of the source."""
        return {**self.preset.source.types, **self.settings.types}

    @cached_property
    def rows(self) -> list[MapRow]:
        """The mapping in force: the preset's rows, those to a field that the settings map replaced by theirs."""
        replaced = {row.to for row in self.settings.map}
        kept = [row for row in self.preset.map if row.to not in replaced]
        stamp = []
        if self.settings.lead_source and "lead.lead_source" not in replaced:
            kept = [row for row in kept if row.to != "lead.lead_source"]
            # the source that a lead was captured through first stays (vendor-facts §3.2: a repeat does not change it)
            stamp = [MapRow(to="lead.lead_source", value=self.settings.lead_source, fill=True)]
        return [row for row in (*kept, *self.settings.map, *stamp) if row.on]

    @cached_property
    def fields(self) -> dict[str, dict[str, Field]]:
        """Per record kind, its fields by name."""
        return {**STANDARD, "lead": {**STANDARD["lead"], **{field.name: field for field in self.settings.fields}}}
