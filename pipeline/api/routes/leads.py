"""`/leads`: people, where each value of theirs came from, and making one of two."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, computed_field

from pipeline.api.call import Call
from pipeline.api.listing import FORMER, After, Limit, Page, Shown, next_page
from pipeline.api.route import Table, Uuid
from pipeline.operations import lead_keys, leads
from pipeline.store.matching import LONGEST
from schemas.access import Scope
from schemas.fields import NAME
from schemas.strict import Strict

api = Table()
TAG = "Leads"


class OfEvent(Shown):
    """What an event set."""

    event_id: str

    @computed_field(json_schema_extra=FORMER)  # type: ignore[prop-decorator]
    @property
    def event(self) -> str:
        """As `event_id`, for clients of the version before."""
        return self.event_id


class LeadShown(Shown):
    """A lead."""

    id: str
    fields: dict[str, Any]
    created_at: datetime
    updated_at: datetime


class Provenance(OfEvent):
    """One field of a lead, and what set it."""

    field: str
    value: Any
    event_id: str = Field(validation_alias="event", description="the event that set it")
    occurred_at: str
    received_at: str | None = Field(
        description="when the event arrived: of equal times the later one counts; null: an older Leadpipe wrote it"
    )
    default: bool = Field(description="whether it is a default value, which gives way to any value that is sent")
    sound: bool = Field(
        description="whether the value is valid for its field; an invalid one gives way to any valid one"
    )


class Activity(Shown):
    """Something that a lead did, or that was done to it."""

    id: UUID
    type: str
    external_id: str | None
    occurred_at: datetime
    connector_id: int
    event_id: UUID
    fields: dict[str, Any]
    call: dict[str, Any] | None


class MergeShown(Shown):
    """A merge of this lead and another one."""

    id: int
    winner: str
    loser: str
    merged_at: datetime
    merged_by: str
    undone_at: datetime | None
    undone_by: str | None


class WholeLeadShown(LeadShown):
    """A lead with its keys, where each value came from, its activities and its merges."""

    redirected_from: str | None = Field(description="the id that was asked for, if that lead was merged into this one")
    version: int
    keys: list[list[str]] = Field(description="key spaces and values that it is found by")
    provenance: list[Provenance]
    activities: list[Activity] = Field(description="the latest that came by connectors which are open to the caller")
    merges: list[MergeShown]


class LeadPage(Page[LeadShown]):
    """Leads, the newest first."""


class LeadQuery(Strict):
    """Which leads."""

    query: Annotated[
        str, Field(max_length=200, description="a phone number, an e-mail address, an id, or a text; left out: all")
    ] = ""
    limit: Limit = 50
    after: Annotated[str | None, After("leads")] = None


class OneField(Strict):
    """One field, or all."""

    field: str | None = Field(default=None, pattern=NAME, description="only this field; left out: all")


class Replaced(OfEvent):
    """The value that was replaced."""

    value: Any
    event_id: str = Field(validation_alias="event", description="the event that had set it")
    connector: str | None
    occurred_at: str


class FieldExplained(Provenance):
    """Which event set a field, by which row.

    A member is null if its value is no longer known, or comes from a connector that is closed to the caller.
    """

    as_sent: Any = Field(description="the value as the source wrote it, where it says more than the normal form")
    number: dict[str, Any] | None = Field(
        description="what is known of a phone number: valid, region (ISO 3166), type (mobile, fixed_line, …), national "
        "form, and whether it is shared by many, so that it identifies nobody"
    )
    connector: str | None
    revision: int | None
    applied_at: datetime | None
    row: dict[str, Any] | None = Field(description="the mapping row that it came by")
    replaced: Replaced | None


class Explained(Shown):
    """Which event set each field of a lead."""

    lead: str
    redirected_from: str | None
    fields: list[FieldExplained]


class Was(OfEvent):
    """A value that a field had before."""

    field: str
    value: Any
    since: str
    event_id: str = Field(validation_alias="event", description="the event that had set it")
    until: str
    replaced_by: str = Field(description="the event that replaced it")


class HistoryQuery(OneField):
    """Which part of the history."""

    limit: Limit = 100


class History(Page[Was]):
    """The values that the fields had before, the latest first."""


class Loser(Strict):
    """The lead to merge into this one."""

    loser: Uuid = Field(
        description="the lead whose keys, calls and activities move; its id shows the winner from then on"
    )


class Merged(Shown):
    """What moved."""

    id: int
    winner: str
    loser: str
    keys: list[list[str]]
    calls: int
    activities: int
    fields: list[str] = Field(description="the winner's fields that took another value")


class LeadKeyShown(Shown):
    """A value that a lead is found by."""

    key: str = Field(description="its key space: phone, email, or a unique field")
    value: str
    fields: list[str] = Field(description="the lead's fields that hold it; empty: it came with a merge")
    others: list[str] = Field(description="other leads that hold the same value")


class LeadKeys(Page[LeadKeyShown]):
    """The keys of a lead."""


class KeyNamed(Strict):
    """A key of the lead."""

    key: Annotated[str, Field(min_length=1, max_length=100, description="its key space, as the lead's keys show it")]
    value: Annotated[str, Field(min_length=1, max_length=LONGEST, description="its value")]


class KeyReleased(Shown):
    """A key that was taken from a lead."""

    lead: str
    key: str
    value: str
    owner: str | None = Field(description="the lead that is found by it now; null: nobody")


@api.route("GET", "/leads", scope=Scope.LEADS_READ, tag=TAG)
async def find_leads(call: Call, query: LeadQuery) -> LeadPage:
    """Find leads by phone number, e-mail address, id or text."""
    rows = await leads.find(call.database, call.actor, query.query, after=query.after, limit=query.limit)
    return LeadPage(items=[LeadShown(**row) for row in rows], next=next_page("leads", rows, query.limit))


@api.route("GET", "/leads/{lead}", scope=Scope.LEADS_READ, tag=TAG)
async def show_lead(call: Call, lead: Uuid) -> WholeLeadShown:
    """Show a lead: its fields and which event set each, its keys, its activities, its merges."""
    return WholeLeadShown(**await leads.show(call.database, call.actor, str(lead)))


@api.route("GET", "/leads/{lead}/explain", scope=Scope.LEADS_READ, tag=TAG)
async def explain_lead(call: Call, lead: Uuid, query: OneField) -> Explained:
    """Tell for each field of a lead the event, connector, mapping row and time that set it, and what it replaced."""
    return Explained(**await leads.explain(call.database, call.actor, str(lead), query.field))


@api.route("GET", "/leads/{lead}/history", scope=Scope.LEADS_READ, tag=TAG)
async def show_history(call: Call, lead: Uuid, query: HistoryQuery) -> History:
    """List the values that a lead's fields had before, the latest first."""
    rows = await leads.history(call.database, call.actor, str(lead), query.field, query.limit)
    return History(items=[Was(**row) for row in rows])


@api.route("POST", "/leads/{lead}/merge", scope=Scope.LEADS_WRITE, tag=TAG, errors=[409])
async def merge_leads(call: Call, lead: Uuid, body: Loser) -> Merged:
    """Merge another lead into this one; of each field the newest value stays."""
    return Merged(**await leads.merge(call.database, call.actor, str(lead), str(body.loser)))


@api.route("POST", "/leads/{lead}/unmerge", scope=Scope.LEADS_WRITE, tag=TAG, errors=[409])
async def unmerge_lead(call: Call, lead: Uuid) -> Merged:
    """Undo a merge: what the merge moved goes back. What arrived since the merge stays with the other lead."""
    return Merged(**await leads.unmerge(call.database, call.actor, str(lead)))


@api.route("GET", "/leads/{lead}/keys", scope=Scope.LEADS_READ, tag=TAG)
async def list_lead_keys(call: Call, lead: Uuid) -> LeadKeys:
    """List the values that a lead is found by, the fields that hold each, and other leads that hold it too."""
    return LeadKeys(items=[LeadKeyShown(**row) for row in await lead_keys.page(call.database, call.actor, str(lead))])


@api.route("POST", "/leads/{lead}/keys/release", scope=Scope.LEADS_WRITE, tag=TAG)
async def release_lead_key(call: Call, lead: Uuid, body: KeyNamed) -> KeyReleased:
    """Take a key from a lead: this value no longer finds the lead. The fields of the lead stay."""
    done = await lead_keys.release(call.database, call.actor, str(lead), body.key, body.value)
    return KeyReleased(**done)
