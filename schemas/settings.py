"""What an administrator sets of a connector. In: a TOML file, or a body of the API. Out: `ConnectorSettings`."""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated, Literal, Self

import phonenumbers
from pydantic import Field as Attribute
from pydantic import field_validator, model_validator

from schemas.auth import AuthSettings
from schemas.fields import NAME, Field
from schemas.mapping import MapRow
from schemas.normal.locale import DateOrder
from schemas.normal.path import LONGEST_PATH
from schemas.source_field import SourceField
from schemas.strict import Strict, time_zone
from schemas.transform import date_format

ORIGIN = re.compile(r"https?://(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")

MOST_FIELDS = 1_000  # that one connector brings along
CONNECTOR_NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"

SourcePath = Annotated[str, Attribute(min_length=1, max_length=LONGEST_PATH)]
BlankWord = Annotated[str, Attribute(min_length=1, max_length=50)]

LeadBehaviour = Literal["capture", "create", "update", "nothing"]
Told = Literal["none", "outcome", "full"]
ActivityBehaviour = Literal["off", "capture", "create", "update", "with_new_lead"]


class Sync(Strict):
    """What events do to the records. A lead is new or existing by the search keys."""

    lead: LeadBehaviour | None = Attribute(
        default=None,
        description="capture: create new leads and update existing ones; create: only new ones; update: only existing "
        "ones; nothing: leads stay as they are. Left out: the preset's, else capture.",
    )
    activity: ActivityBehaviour | None = Attribute(
        default=None,
        description="The same for activities and calls; off: none are attached; with_new_lead: only to leads that the "
        "event makes. Left out: off where `lead` is nothing, with_new_lead where it is create; else the preset's, else "
        "capture where the source sends calls or activities, and off where it sends leads.",
    )


class Replying(Strict):
    """What the answer says to a sender that waits until its events have ended (`?wait=`)."""

    outcome: Told | None = Attribute(
        default=None,
        description="none: the ids, and which events are finished; outcome: also created, updated, unchanged, dropped "
        "or failed, which tells whether a person was known; full: also the lead, the matched key and why an event "
        "failed. Left out: full if `auth` checks a secret and refuses senders without it; otherwise none.",
    )


class Notify(Strict):
    """Whom to tell of failures."""

    user: str = Attribute(min_length=3, max_length=254, description="The e-mail address of a user of the account.")
    enabled: bool = Attribute(default=True, description="Whether that user is told.")


class Access(Strict):
    """Who may use the connector besides administrators: by role, or by a boolean user field. Left out: nobody."""

    roles: list[Literal["editor", "operator", "viewer"]] = Attribute(
        default=[], description="The roles whose users may use the connector, each for what the role allows."
    )
    user_field: str | None = Attribute(
        default=None, pattern=NAME, description="A boolean user field: users for whom it is true may use the connector."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.roles and self.user_field:
            raise ValueError("access is opened either by `roles` or by `user_field`, and not by both")
        return self


class ConnectorSettings(Strict):
    """What an administrator sets. What is left out is the preset's."""

    name: str = Attribute(
        pattern=CONNECTOR_NAME, description="Lower-case letters, digits and hyphens; unique in the account."
    )
    preset: str = Attribute(description="The description of the source system that the connector starts from.")
    enabled: bool = Attribute(default=True, description="Whether the connector accepts events.")
    lead_source: str | None = Attribute(
        default=None,
        min_length=1,
        max_length=200,
        description="The lead source of leads that are captured through this connector and have none yet.",
    )
    default_country: str | None = Attribute(
        default=None,
        description="ISO 3166 alpha-2 code of the country of numbers that come without a country code: IN.",
    )
    time_zone: str | None = Attribute(
        default=None, description="IANA zone of the source's times that come without an offset: Asia/Kolkata."
    )
    primary_key: str | None = Attribute(
        default=None, pattern=NAME, description="The unique lead field that a lead is searched by first."
    )
    secondary_key: str | None = Attribute(
        default=None,
        pattern=NAME,
        description="The unique lead field that a lead is searched by next, if the primary key finds nobody.",
    )
    further_keys: list[str] = Attribute(
        default=[], max_length=20, description="More search keys, in order: unique lead fields."
    )
    blank: Literal["keep", "clear"] | None = Attribute(
        default=None,
        description="What a blank does to a stored value: keep or clear it; left out: the preset's.",
    )
    blank_words: list[BlankWord] = Attribute(
        default=[],
        max_length=100,
        description="Further words that count as blank, besides n/a, na, null, none, nil, undefined, - and --, "
        "compared without regard to case.",
    )
    date_order: DateOrder | None = Attribute(
        default=None,
        description="How to read a date that fits more than one order, such as 05/07/2026: dmy, mdy or ymd. "
        "Left out: the preset's, else the custom of the default country.",
    )
    occurred_at: list[SourcePath] | None = Attribute(
        default=None,
        max_length=20,
        description="The paths, in order, that say when an event happened. Left out: the preset's; none: its arrival.",
    )
    occurred_format: str | None = Attribute(
        default=None,
        max_length=100,
        description="How the source writes those times, where it has a format of its own: directives of strptime, "
        "with year, month and day, such as %d.%m.%y %H.%M.",
    )
    id: list[str] | None = Attribute(
        default=None, max_length=100, description="The paths that together are the producer's own id of an event."
    )
    form_field: str | None = Attribute(
        default=None,
        min_length=1,
        max_length=200,
        description="The form field that holds the events as JSON, where the source posts a form such as payload={…}.",
    )
    origins: list[str] = Attribute(
        default=[],
        max_length=100,
        description="The web pages whose scripts may post, as a browser names them: https://www.example.com. "
        '"*": all of them. None: no browser is let in from another site.',
    )
    required: list[str] | None = Attribute(
        default=None, max_length=1_000, description="The paths that must hold something, else the event is rejected."
    )
    sync: Sync = Attribute(default=Sync(), description="What events do to leads and activities.")
    reply: Replying = Attribute(default=Replying(), description="What senders are told.")
    notify: Notify | None = Attribute(default=None, description="Whom to tell of failures.")
    access: Access | None = Attribute(default=None, description="Who may use the connector besides administrators.")
    auth: AuthSettings | None = Attribute(default=None, description="Who may post, beyond knowing the URL.")
    fields: list[Field] = Attribute(
        default=[],
        max_length=MOST_FIELDS,
        description="Lead fields that the connector brings along; made if the account lacks them.",
    )
    source_fields: list[SourceField] = Attribute(
        default=[],
        max_length=5_000,
        description="What the source sends beyond what the preset lists, or with another type.",
    )
    map: list[MapRow] = Attribute(
        default=[], max_length=1_000, description="The mapping. Rows to a field replace the preset's rows to it."
    )

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

    @field_validator("occurred_format")
    @classmethod
    def _format(cls, value: str | None) -> str | None:
        return None if value is None else date_format(value)

    @field_validator("origins")
    @classmethod
    def _origins(cls, value: list[str]) -> list[str]:
        return [origin(each) for each in value]

    @field_validator("fields")
    @classmethod
    def _one_field_each(cls, value: list[Field]) -> list[Field]:
        _once([field.name for field in value], "field")
        return value

    @field_validator("source_fields")
    @classmethod
    def _one_source_field_each(cls, value: list[SourceField]) -> list[SourceField]:
        _once([field.path for field in value], "source field")
        return value


def origin(value: str) -> str:
    """An origin as browsers write it (RFC 6454 §6.2): scheme, host and port, in lower case; `*` is every one."""
    text = value.strip().lower().rstrip("/")
    if text != "*" and ORIGIN.fullmatch(text) is None:
        raise ValueError(f"{value!r} is not an origin: scheme and host, such as https://www.example.com, and no path")
    return text


def _once(names: list[str], what: str) -> None:
    twice = next((name for name, times in Counter(names).items() if times > 1), None)
    if twice is not None:
        raise ValueError(f"the {what} {twice!r} is there twice")
