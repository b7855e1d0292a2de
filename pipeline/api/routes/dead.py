"""`/dead-letters`: what stages gave up, alone or by the thousand; and sending it through again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from pipeline.api.call import Call
from pipeline.api.ended import EndedShown, Waited, noted, told
from pipeline.api.listing import After, Limit, Moment, Page, Shown, next_page
from pipeline.api.route import DOCUMENT, Id, Table
from pipeline.operations import dead
from pipeline.operations.reentry import check_stage
from pipeline.store.dead_letters import Filter
from schemas.access import Scope
from schemas.strict import Strict

api = Table()
TAG = "Dead letters"
MOST_AT_ONCE = 500

Status = Literal["dead", "replayed", "discarded", "superseded"]
Text = Annotated[str, Field(max_length=200)]
FromStage = Annotated[
    str | None,
    Field(
        max_length=200,
        description="the stage to begin at: the first one, the one that it died in, or a later one",
    ),
]


class LetterShown(Shown):
    """A dead letter: an event, the stage that gave it up, and why."""

    id: int
    event_id: str
    connector_id: int | None
    connector: str | None
    stage: str
    kind: str = Field(description="rejected (by a rule), poison (by a fault), conflict (for a person to decide)")
    reason: str
    field: str | None
    value: str | None
    rule: str | None
    error: str | None
    attempts: int
    replay: int
    died_at: datetime
    status: Status
    changed_at: datetime


class WholeLetterShown(LetterShown):
    """A dead letter with the trace, and the event as it came to the stage."""

    trace: str | None
    event: dict[str, Any] | None


class LetterPage(Page[LetterShown]):
    """Dead letters, the newest first."""


class Group(Shown):
    """How many dead letters have one cause."""

    letters: int
    stage: str
    kind: str
    cause: str
    field: str | None
    connector_id: int | None
    connector: str | None
    oldest: datetime
    newest: datetime


class Groups(Page[Group]):
    """Dead letters by their cause, the largest group first."""


class Which(Strict):
    """Which dead letters."""

    stage: Text | None = Field(default=None, description="the stage that gave it up")
    connector: Text | None = Field(default=None, description="a connector's name, or its id")
    kind: Text | None = Field(default=None, description="why: rejected, conflict or poison")
    error: Text | None = Field(default=None, description="a text in the reason, the rule or the error")
    since: Moment | None = None
    until: Moment | None = None

    def filter(self, status: Status | None = "dead") -> Filter:
        """As the store takes it; the connector is looked up by the operation."""
        return Filter(
            stage=self.stage, kind=self.kind, error=self.error, since=self.since, until=self.until, status=status
        )


class LetterFilter(Which):
    """Which dead letters, and which page of them."""

    status: Status | Literal["any"] = Field(
        default="dead", description="what became of it; superseded: a later version of the thing reached the records"
    )
    after: Annotated[int | None, After("dead-letters")] = None
    limit: Limit = 50


class Resent(Which):
    """Which dead letters to send again, and from where."""

    from_stage: FromStage = None


class From(Waited):
    """The stage to begin at, and whether to wait for the outcome."""

    from_stage: FromStage = None


class Edited(Strict):
    """The document to send in place of the one that came."""

    document: dict[str, Any] | list[Any] = Field(description="the event as its source would send it")


class Letters(Strict):
    """Some dead letters."""

    letters: list[Id] = Field(min_length=1, max_length=MOST_AT_ONCE)


class Count(Shown):
    """How many dead letters were set aside."""

    letters: int


class Replayed(EndedShown):
    """How many dead letters were sent through again, and, where the call waited, how their events ended."""

    letters: int


@api.route("GET", "/dead-letters", scope=Scope.DEAD_READ, tag=TAG, errors=[404])
async def list_letters(call: Call, query: LetterFilter) -> LetterPage:
    """List dead letters, the newest first."""
    check_stage(call.core.topology, "stage", query.stage)
    rows = await dead.page(
        call.database,
        call.actor,
        query.filter(None if query.status == "any" else query.status),
        query.connector,
        query.after,
        query.limit,
    )
    return LetterPage(items=[LetterShown(**row) for row in rows], next=next_page("dead-letters", rows, query.limit))


@api.route("GET", "/dead-letters/groups", scope=Scope.DEAD_READ, tag=TAG, errors=[404])
async def group_letters(call: Call, query: Which) -> Groups:
    """Count dead letters by their cause, the largest group first."""
    check_stage(call.core.topology, "stage", query.stage)
    rows = await dead.groups(call.database, call.actor, query.filter(), query.connector)
    return Groups(items=[Group(**row) for row in rows])


@api.route("GET", "/dead-letters/{id}", scope=Scope.DEAD_READ, tag=TAG)
async def show_letter(call: Call, id: Id) -> WholeLetterShown:
    """Show one dead letter: why it died, the trace, and the event as it came to the stage."""
    return WholeLetterShown(**await dead.show(call.database, call.actor, id))


@api.route("POST", "/dead-letters/{id}/replay", scope=Scope.DEAD_WRITE, tag=TAG, status=202, also=200, errors=[409])
async def replay_letter(call: Call, id: Id, query: From) -> Replayed:
    """Send one dead letter through again.

    What the rules rejected begins at the first stage, with the mapping and the settings as they are now; what a bug or
    an outage stopped begins where it stopped.
    """
    with noted(query) as note:
        await dead.replay_letter(call.database, call.chain, call.actor, id, query.from_stage, note)
        return Replayed(letters=1, **await told(call, note, query))


@api.route(
    "POST",
    "/dead-letters/{id}/edit",
    scope=Scope.DEAD_WRITE,
    tag=TAG,
    status=202,
    also=200,
    errors=[409],
    largest=DOCUMENT,
)
async def edit_letter(call: Call, id: Id, body: Edited, query: Waited) -> Replayed:
    """Send one dead letter through again with another document, from the first stage, as the same event.

    The dead letter keeps what came; the event's journal row notes who edited it.
    """
    with noted(query) as note:
        await dead.replay_edited(call.database, call.chain, call.actor, id, body.document, note)
        return Replayed(letters=1, **await told(call, note, query))


@api.route("POST", "/dead-letters/replay", scope=Scope.DEAD_WRITE, tag=TAG, status=202, also=200, errors=[404, 409])
async def replay_letters(call: Call, body: Resent, query: Waited) -> Replayed:
    """Send all dead letters that match through again, at most ten thousand. Each begins where it would begin alone.

    If one of them cannot be sent, none is.
    """
    with noted(query) as note:
        sent = await dead.replay_matching(
            call.database, call.chain, call.actor, body.filter(), body.connector, body.from_stage, note
        )
        return Replayed(letters=sent, **await told(call, note, query))


@api.route("POST", "/dead-letters/discard", scope=Scope.DEAD_WRITE, tag=TAG, errors=[404])
async def discard_letters(call: Call, body: Letters) -> Count:
    """Set dead letters aside for good: all of these, or none if one does not exist. They stay in the store."""
    return Count(letters=await dead.discard(call.database, call.actor, body.letters))
