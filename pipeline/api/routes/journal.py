"""`/journal`: what came in, what became of it, why; and Retry."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, computed_field, model_serializer

from pipeline.api.call import Call
from pipeline.api.ended import EndedShown, Waited, noted, told
from pipeline.api.listing import FORMER, After, Limit, Moment, Page, Shown, SyncShown
from pipeline.api.route import Several, Table, Uuid
from pipeline.api.routes.dead import Status
from pipeline.operations import journal, masked
from pipeline.operations.access import Actor
from pipeline.operations.cursor import packed
from pipeline.operations.journal import Retried
from schemas.access import Scope
from schemas.strict import Strict

api = Table()
TAG = "Journal"
MOST_AT_ONCE = 500

Outcome = Literal["created", "updated", "unchanged", "dropped", "failed"]


class EventShown(Shown):
    """One accepted event, and what became of it."""

    event_id: str
    day: date
    connector_id: int
    connector: str | None
    kind: str
    received_at: datetime
    occurred_at: datetime | None
    finished_at: datetime
    outcome: Outcome
    reason: str | None
    failed_stage: str | None
    lead_id: str | None
    call_id: str | None
    activity_id: str | None
    matched_by: str | None = Field(description="the search key that found the lead")
    changed: list[str]
    attempts: int
    replay: int = Field(description="how often it was sent through again")
    notes: list[str]
    lead_sync: str | None = Field(json_schema_extra=FORMER, description="see `sync.lead`")
    activity_sync: str | None = Field(json_schema_extra=FORMER, description="see `sync.activity`")
    decision: dict[str, Any] | None = Field(
        description="what a person decided about it, where its keys named two leads"
    )

    @computed_field  # type: ignore[prop-decorator]
    @property
    def sync(self) -> SyncShown:
        """The settings `sync.lead` and `sync.activity` that were in force."""
        return SyncShown(lead=self.lead_sync, activity=self.activity_sync)


class FailureShown(Shown):
    """A failure of an event in one of its runs: a dead letter."""

    id: int
    stage: str
    kind: str
    reason: str
    field: str | None
    value: str | None
    rule: str | None
    error: str | None
    attempts: int
    replay: int = Field(description="the run: 0, the first one, or a replay")
    died_at: datetime
    status: Status


class VersionShown(Shown):
    """Another version of the thing that an event is about."""

    event_id: str
    received_at: datetime
    outcome: Outcome


class WholeEventShown(EventShown):
    """An event with its request, its failures, its way through the stages, and its other versions."""

    revision: int = Field(description="the connector's revision that it was processed with")
    failure: dict[str, Any] | None
    failures: list[FailureShown] = Field(description="its failures, the oldest first")
    versions: list[VersionShown] = Field(
        description="other versions of the thing that it is about, which came with the same id, the latest first"
    )
    stages: list[dict[str, Any]] = Field(
        description="its way through the stages: stage, attempt, waited_ms, spent_ms, and replay, the run "
        "(0: the first one)"
    )
    request: str = Field(description="the source's document, without its secrets")


class EventPage(Page[EventShown]):
    """Events, the newest first."""

    total: int | None = Field(default=None, description="how many match in all; only where `total` asks for it")

    @model_serializer(mode="wrap")
    def _without_nothing(self, handler: SerializerFunctionWrapHandler) -> Any:
        """Where nobody asked for the total nothing is said of it."""
        return {name: value for name, value in handler(self).items() if name != "total" or value is not None}


class EventFilter(Strict):
    """Which events."""

    connector: str | None = Field(default=None, max_length=100, description="a connector's name, or its id")
    outcome: Annotated[
        list[Outcome] | None,
        Several(),
        Field(
            max_length=20,
            description="what became of it; for several, repeat the parameter, or separate them by commas",
        ),
    ] = None
    lead_source: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="the lead source of the connector, or, where the connector has none, of the lead",
    )
    total: Literal["true", "false"] = Field(default="false", description="whether to count all that match")
    since: Moment | None = None
    until: Moment | None = None
    search: str | None = Field(
        default=None,
        max_length=200,
        description="an event's or lead's id, a person's number or address however it was sent, or a text",
    )
    after: Annotated[str | None, After("journal")] = None
    limit: Limit = 50


class Sent(EndedShown):
    """What was sent through again, and, where the call waited, how it ended."""

    letter: int | None = Field(description="the dead letter; an event that was dropped has none")


class Events(Strict):
    """The events to send through again."""

    events: list[Uuid] = Field(min_length=1, max_length=MOST_AT_ONCE)


class NotSent(Shown):
    """An event that was not sent, and why."""

    event_id: str
    detail: str


class RetriedShown(EndedShown):
    """How many events were sent through again, and, where the call waited, how they ended."""

    events: int = Field(description="how many were sent")
    refused: list[NotSent] = Field(description="those that were not sent, and why")


@api.route("GET", "/journal", scope=Scope.JOURNAL_READ, tag=TAG, errors=[404])
async def list_events(call: Call, query: EventFilter) -> EventPage:
    """List events, the newest first.

    Events of connectors that are closed to the caller are not shown.
    """
    found = await journal.page(
        call.database,
        call.actor,
        connector=query.connector,
        outcome=query.outcome,
        lead_source=query.lead_source,
        total=query.total == "true",
        since=query.since,
        until=query.until,
        search=query.search,
        after=query.after,
        limit=query.limit,
    )
    return EventPage(
        items=[EventShown(**row) for row in found.rows],
        next=None if found.next is None else packed("journal", found.next),
        total=found.total,
    )


@api.route("GET", "/journal/{event}", scope=Scope.JOURNAL_READ, tag=TAG)
async def show_event(call: Call, event: Uuid) -> WholeEventShown:
    """Show one event: the request, its outcome and reason, the records it touched, its way through the stages."""
    return WholeEventShown(**await journal.show(call.database, call.actor, str(event)))


@api.route("POST", "/journal/{event}/retry", scope=Scope.JOURNAL_WRITE, tag=TAG, status=202, also=200, errors=[409])
async def retry_event(call: Call, event: Uuid, query: Waited) -> Sent:
    """Send an event that failed or was dropped through again.

    First correct the cause of the failure. What a rule rejected begins at the first stage, with the mapping that is in
    force now. The event's journal row says what becomes of it; with `wait` the answer does.
    """
    with noted(query) as note:
        letter = await journal.retry(call.database, call.chain, call.actor, str(event), note)
        return Sent(letter=letter, **await told(call, note, query))


@api.route("POST", "/journal/retry", scope=Scope.JOURNAL_WRITE, tag=TAG, status=202, also=200)
async def retry_events(call: Call, body: Events, query: Waited) -> RetriedShown:
    """Send several events that failed or were dropped through again.

    One that cannot be sent keeps no other from being sent; the answer says why.
    """
    with noted(query) as note:
        done = await journal.retry_each(call.database, call.chain, call.actor, map(str, body.events), note)
        return retried_shown(call.actor, done, await told(call, note, query))


def retried_shown(actor: Actor, done: Retried, ends: dict[str, Any]) -> RetriedShown:
    """What became of events that were to be sent again. `ends`: how they ended, as members of EndedShown."""
    refused = [NotSent(event_id=event, detail=masked.still_refused(actor, error)) for event, error in done.refused]
    return RetriedShown(events=done.events, refused=refused, **ends)
