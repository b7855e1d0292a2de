"""`/fields`: the typed attributes of an account's records."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field as Attribute

from pipeline.api.call import Call
from pipeline.api.listing import Page, Shown
from pipeline.api.route import Table
from pipeline.operations import fields
from pipeline.store.fields import Listed
from schemas.access import Scope
from schemas.fields import LONGEST_LABEL, NAME, Field, FieldType, IfTaken, RecordKind
from schemas.strict import Strict

api = Table()
TAG = "Fields"
EXAMPLE = {"name": "pan", "label": "PAN", "unique": True}
FieldName = Annotated[str, Attribute(pattern=NAME)]


class FieldShown(Shown):
    """A field of a record."""

    record: RecordKind
    origin: Literal["standard", "changed", "own"] = Attribute(
        description="as it ships, a standard one that the account changed, or one of the account's own"
    )
    name: str
    label: str
    type: FieldType
    options: list[str]
    parent: str | None
    options_by_parent: dict[str, list[str]]
    required: bool
    unique: bool = Attribute(description="it can be a search key")
    key: str | None
    own_space: bool
    case_sensitive: bool = Attribute(
        description="whether values of a unique text field that differ by case are two keys"
    )
    if_taken: IfTaken | None = Attribute(
        description="what happens to an event that brings another lead's value of a unique field; null: share for "
        "phone numbers and e-mail addresses, hold for all others"
    )
    junk: list[str] = Attribute(description="values of a unique field that identify nobody")


class Fields(Page[FieldShown]):
    """The fields of an account's records."""


class FieldQuery(Strict):
    """Which fields."""

    record: RecordKind | None = Attribute(
        default=None, description="only fields of this kind of record; left out: of all"
    )


class Label(Strict):
    """Another label."""

    label: str = Attribute(min_length=1, max_length=LONGEST_LABEL)


class Removed(Shown):
    """What removing did."""

    done: Literal["removed", "reset"] = Attribute(description="reset: a standard field is as it ships again")


@api.route("GET", "/fields", scope=Scope.FIELDS_READ, tag=TAG)
async def list_fields(call: Call, query: FieldQuery) -> Fields:
    """List the fields of leads, calls and activities, the standard ones first."""
    found = await fields.page(call.database, call.account, query.record)
    return Fields(items=[shown(each) for each in found])


@api.route("POST", "/fields/{record}", scope=Scope.FIELDS_WRITE, tag=TAG, status=201, errors=[409], example=EXAMPLE)
async def create_field(call: Call, record: RecordKind, body: Field) -> FieldShown:
    """Add a field to a record.

    A unique field of leads can be a search key. A dependent dropdown names its parent, and its options for each option
    of the parent.
    """
    return shown(await fields.create(call.database, call.actor, record, body))


@api.route("GET", "/fields/{record}/{name}", scope=Scope.FIELDS_READ, tag=TAG)
async def show_field(call: Call, record: RecordKind, name: FieldName) -> FieldShown:
    """Show a field."""
    return shown(await fields.get(call.database, call.account, record, name))


@api.route("PUT", "/fields/{record}/{name}", scope=Scope.FIELDS_WRITE, tag=TAG, errors=[409])
async def replace_field(call: Call, record: RecordKind, name: FieldName, body: Field) -> FieldShown:
    """Change a field: its type, options, whether it is required or unique.

    What would break stored values or connectors is refused, with the values and connectors that it would break.
    """
    return shown(await fields.replace(call.database, call.actor, record, name, body))


@api.route("PATCH", "/fields/{record}/{name}", scope=Scope.FIELDS_WRITE, tag=TAG, errors=[409])
async def relabel_field(call: Call, record: RecordKind, name: FieldName, body: Label) -> FieldShown:
    """Give a field another label."""
    return shown(await fields.relabel(call.database, call.account, record, name, body.label))


@api.route("DELETE", "/fields/{record}/{name}", scope=Scope.FIELDS_WRITE, tag=TAG, errors=[409])
async def delete_field(call: Call, record: RecordKind, name: FieldName) -> Removed:
    """Remove a field of the account's own, or reset a standard field to how it ships.

    Values that are stored stay stored, and show again if the field comes back.
    """
    done = await fields.remove(call.database, call.actor, record, name)
    return Removed.model_validate({"done": done})


def shown(listed: Listed) -> FieldShown:
    """A field, as it is told."""
    return FieldShown(record=listed.record, origin=listed.origin, **listed.field.model_dump())
