"""Fields: the typed attributes of a record, and the standard ones that ship."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field as Attribute

from schemas.strict import Strict

NAME = r"^[a-z][a-z0-9_]{0,62}$"


class FieldType(StrEnum):
    """What a field holds. Its normal form is a JSON value: E.164 text, ISO 8601 text in UTC, a number of seconds, …"""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    PHONE = "phone"
    EMAIL = "email"
    DATE = "date"
    DATETIME = "datetime"
    DURATION = "duration"


class Field(Strict):
    """One field of a record.

    `key` is the key space it identifies a lead in ("phone", "email"); fields of one space find each other's leads,
    so a call from somebody's second number reaches the lead that has it. None: it identifies nobody. `own_space`:
    its values mean something only within one connector, as a source's own ids do; two sources that both count from
    1 must not find each other's leads.
    """

    name: str = Attribute(pattern=NAME)
    label: str
    type: FieldType = FieldType.TEXT
    key: str | None = Attribute(default=None, pattern=NAME)
    own_space: bool = False

    def key_space(self, connector: int) -> str | None:
        """The key space of this field's values when they come by this connector."""
        return f"{self.key}:{connector}" if self.key and self.own_space else self.key


def _fields(*rows: tuple[str, str, FieldType, str | None]) -> dict[str, Field]:
    return {name: Field(name=name, label=label, type=type, key=key) for name, label, type, key in rows}


_T, _N, _B, _P, _E, _D, _S = (
    FieldType.TEXT,
    FieldType.NUMBER,
    FieldType.BOOLEAN,
    FieldType.PHONE,
    FieldType.EMAIL,
    FieldType.DATETIME,
    FieldType.DURATION,
)

STANDARD_LEAD = _fields(
    ("name", "Name", _T, None),
    ("first_name", "First name", _T, None),
    ("last_name", "Last name", _T, None),
    ("phone", "Phone", _P, "phone"),
    ("phone_alt", "Second phone", _P, "phone"),
    ("landline", "Landline", _P, None),
    ("landline_alt", "Second landline", _P, None),
    ("email", "E-mail", _E, "email"),
    ("email_alt", "Second e-mail", _E, None),
    ("external_id", "Id at the source", _T, "external_id"),
    ("company", "Company", _T, None),
    ("job_title", "Job title", _T, None),
    ("website", "Website", _T, None),
    ("address", "Address", _T, None),
    ("city", "City", _T, None),
    ("state", "State", _T, None),
    ("postal_code", "Postal code", _T, None),
    ("country", "Country", _T, None),
    ("lead_source", "Lead source", _T, None),
    ("source_medium", "Source medium", _T, None),
    ("source_campaign", "Source campaign", _T, None),
    ("lead_stage", "Stage", _T, None),
    ("score", "Score", _N, None),
    ("owner_name", "Owner", _T, None),
    ("owner_email", "Owner's e-mail", _E, None),
    ("do_not_call", "Do not call", _B, None),
    ("do_not_email", "Do not e-mail", _B, None),
    ("notes", "Notes", _T, None),
)

STANDARD_LEAD["external_id"] = STANDARD_LEAD["external_id"].model_copy(update={"own_space": True})

STANDARD_CALL = _fields(
    ("call_id", "Call id at the source", _T, None),
    ("direction", "Direction", _T, None),  # inbound, outbound
    ("status", "Status", _T, None),  # answered, missed, busy, failed, voicemail, cancelled
    ("customer_number", "Customer's number", _P, None),
    ("agent_number", "Agent's number", _P, None),
    ("did", "Number dialled or shown", _P, None),
    ("started_at", "Started", _D, None),
    ("answered_at", "Answered", _D, None),
    ("ended_at", "Ended", _D, None),
    ("duration_s", "Duration in seconds", _S, None),
    ("talk_s", "Talk time in seconds", _S, None),
    ("recording_url", "Recording", _T, None),
    ("disposition", "Disposition", _T, None),
    ("agent_name", "Agent", _T, None),
    ("notes", "Notes", _T, None),
)

STANDARD_ACTIVITY = _fields(
    ("external_id", "Id at the source", _T, None),
    ("type", "Type", _T, None),
    ("subject", "Subject", _T, None),
    ("message", "Message", _T, None),
    ("product", "Product", _T, None),
    ("category", "Category", _T, None),
)

STANDARD: dict[str, dict[str, Field]] = {
    "lead": STANDARD_LEAD,
    "call": STANDARD_CALL,
    "activity": STANDARD_ACTIVITY,
}
