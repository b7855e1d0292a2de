"""A connector's settings joined with its preset and the account's fields. In: those three. Out: what is in force.

Nothing is checked here; see `schemas.checking`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Literal
from zoneinfo import ZoneInfo

from schemas.auth import Auth
from schemas.auth import joined as auth_of
from schemas.fields import Field, RecordFields
from schemas.mapping import MapRow
from schemas.normal.blank import Blanks
from schemas.normal.locale import Locale
from schemas.normal.people import ANYBODY, People
from schemas.preset import Preset
from schemas.settings import ActivityBehaviour, ConnectorSettings, LeadBehaviour, Told
from schemas.source_field import SourceField
from schemas.standard import completed
from schemas.transform import Constant

LEAD_SOURCE = "lead.lead_source"

# What becomes of activities where an event must leave an existing lead as it is.
WITHOUT_CHANGE: Mapping[LeadBehaviour, ActivityBehaviour] = {"nothing": "off", "create": "with_new_lead"}


class Joined:
    """What follows from settings, preset and fields; the base of `Connector`."""

    settings: ConnectorSettings
    preset: Preset
    fields: RecordFields
    people: People = ANYBODY

    @property
    def name(self) -> str:
        return self.settings.name

    @cached_property
    def auth(self) -> Auth | None:
        """Who may post; None: whoever knows the URL."""
        return auth_of(self.settings.auth, self.preset.auth)

    @cached_property
    def guarded(self) -> bool:
        """Whether the door has anything to ask, or to answer, beyond the URL."""
        return self.auth is not None or self.preset.door.echo is not None

    @cached_property
    def tells(self) -> Told:
        """What a sender that waits is told of its events; of somebody who has proved nothing, next to nothing."""
        proven = self.auth is not None and self.auth.mode == "enforce" and bool(self.auth.secrets)
        return self.settings.reply.outcome or ("full" if proven else "none")

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The search keys: primary, secondary, further ones, and the fields of marked rows."""
        named = (self.settings.primary_key or self.preset.primary_key, self.settings.secondary_key)
        secondary = (self.preset.secondary_key,) if named[1] is None else ()
        marked = (row.field for row in self.rows if row.key)
        return tuple(dict.fromkeys(key for key in (*named, *secondary, *self.settings.further_keys, *marked) if key))

    @cached_property
    def lead_behaviour(self) -> LeadBehaviour:
        """What events do to leads."""
        return self.settings.sync.lead or self.preset.sync.lead or "capture"

    @cached_property
    def activity_behaviour(self) -> ActivityBehaviour:
        """What events do to activities and calls; where that is not set apart, nothing to a lead that they must not
        change."""
        own, its = self.settings.sync, self.preset.sync
        if own.activity is not None:
            return own.activity
        usual = its.activity or ("off" if self.preset.kind == "lead" else "capture")
        if usual == "off" or (its.activity is not None and own.lead is None):
            return usual
        return WITHOUT_CHANGE.get(self.lead_behaviour, usual)

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
        """How the source's values are to be read."""
        own, its = self.settings.date_order, self.preset.source.date_order
        return Locale(
            self.settings.default_country,
            self.zone,
            self.people,
            order=own or its,
            known_order=own is None and its is not None,
            blanks=Blanks.of(self.settings.blank_words),
        )

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
        own = self.settings.occurred_at
        return self.preset.source.occurred_at if own is None else own

    @cached_property
    def form_field(self) -> str | None:
        """The form field that holds events as JSON."""
        return self.settings.form_field or self.preset.door.form

    @cached_property
    def source_fields(self) -> dict[str, SourceField]:
        """What the source sends, by path: the preset's, and the connector's own in their stead or beside them."""
        return {field.path: field for field in (*self.preset.source.fields, *self.settings.source_fields)}

    @cached_property
    def rows(self) -> list[MapRow]:
        """The mapping in force: the preset's rows, those to a field that the settings map replaced by theirs."""
        replaced = {row.to for row in self.settings.map}
        kept = [row for row in self.preset.map if row.to not in replaced]
        stamp = []
        if self.settings.lead_source and LEAD_SOURCE not in replaced:
            kept = [row for row in kept if row.to != LEAD_SOURCE]
            # the source that a lead was captured through first stays (vendor-facts §3.2: a repeat does not change it)
            stamp = [MapRow(to=LEAD_SOURCE, transforms=[Constant(constant=self.settings.lead_source)], fill=True)]
        return [row for row in (*kept, *self.settings.map, *stamp) if row.on]


def with_declared(fields: RecordFields, settings: ConnectorSettings) -> RecordFields:
    """The account's fields and those that the settings bring along; of two of one name the account's."""
    return with_fields(fields, settings.fields)


def with_fields(fields: RecordFields, declared: Iterable[Field]) -> RecordFields:
    """The account's fields and these; of several of one name the account's, else the first."""
    new: dict[str, Field] = {}
    for field in declared:
        if field.name not in fields["lead"]:
            new.setdefault(field.name, completed("lead", field))
    return {**fields, "lead": {**fields["lead"], **new}} if new else fields
