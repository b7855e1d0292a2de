"""The standard fields of a lead, a call and an activity: what every account has before it says anything."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from schemas.fields import Field, Fields, FieldType, RecordFields


def _fields(*rows: tuple[str, str, FieldType, str | None]) -> dict[str, Field]:
    return {
        name: Field(name=name, label=label, type=type, unique=key is not None, key=key)
        for name, label, type, key in rows
    }


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
    ("phone_extension", "Extension", _T, None),  # of the phone number, where it was sent with one
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
    ("time_zone", "Time zone", _T, None),  # IANA; derived from the number where no source names one
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

# What takes the further ones, where a field is sent several numbers or addresses: the first of these that is free.
SPARE: Mapping[FieldType, tuple[str, ...]] = {
    FieldType.PHONE: ("phone", "phone_alt", "landline", "landline_alt"),
    FieldType.EMAIL: ("email", "email_alt"),
}
EXTENSION = "phone_extension"

# When something of a call happened: never after its event has arrived.
CALL_TIMES = frozenset({"started_at", "answered_at", "ended_at"})

STANDARD: RecordFields = MappingProxyType({"lead": STANDARD_LEAD, "call": STANDARD_CALL, "activity": STANDARD_ACTIVITY})


def with_standard(own: Mapping[str, Fields]) -> RecordFields:
    """An account's fields: the standard ones, those that the account changed as it has them, and its others."""
    return {record: {**fields, **own.get(record, {})} for record, fields in STANDARD.items()} if own else STANDARD


def completed(record: str, field: Field) -> Field:
    """An account's version of a standard field keeps that one's key space; any other field is as it is."""
    standard = STANDARD[record].get(field.name)
    if standard is None or standard.key is None or not field.unique or field.key is not None:
        return field
    return field.model_copy(update={"key": standard.key, "own_space": standard.own_space})
