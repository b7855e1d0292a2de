"""`/refused`: requests that the door turned away, with what they said; and sending them in once the cause is mended."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from pipeline.api.call import Call
from pipeline.api.ended import EndedShown, Waited, noted, told
from pipeline.api.listing import After, Limit, Moment, Page, Shown, next_page
from pipeline.api.route import WHOLE, Id, Table
from pipeline.ingress.limits import Limits
from pipeline.operations import masked, refused
from pipeline.operations.access import Actor
from pipeline.operations.refused import Sent
from pipeline.store.refused import Filter
from schemas.access import Scope
from schemas.strict import Strict

api = Table()
TAG = "Refused requests"
MOST_AT_ONCE = 500

Text = Annotated[str, Field(max_length=200)]
Status = Annotated[
    int, Field(ge=400, le=499, description="the status of the refusal: 400, 401, 403, 413, 415, 422"), WHOLE
]


class RefusedShown(Shown):
    """A request that was refused after its connector was known, and why."""

    id: int
    connector_id: int
    connector: str | None
    refused_at: datetime
    status: int = Field(description="the status of the refusal")
    answered: int | None = Field(
        description="the status that the sender received; it differs from `status` if the preset has an answer of its "
        "own; null: unknown, because an earlier version of Leadpipe refused the request"
    )
    title: str
    detail: str
    where: dict[str, Any] = Field(description="line, element or field")
    proven: bool = Field(description="whether its sender proved who they are, where the connector asks for that")
    content_type: str | None
    content_encoding: str | None
    query: str | None
    idempotency_key: str | None = Field(validation_alias="key")
    size: int | None = Field(description="bytes of the body, as it came")
    truncated: bool = Field(description="only its beginning is kept, so it cannot be sent in")
    redacted: bool = Field(description="secrets were taken out of it")
    missing: Literal["unread", "compressed", "secret"] | None = Field(description="why no body is kept")
    sent_at: datetime | None
    sent_by: str | None
    events: list[str] = Field(description="the ids of its events, once it was sent in")


class WholeRefusedShown(RefusedShown):
    """A refused request with its body, without the secrets in it."""

    body: str | None
    encoding: Literal["text", "base64"] | None = Field(description="how `body` is written")


class RefusedPage(Page[RefusedShown]):
    """Refused requests, the newest first."""


class WhichRefused(Strict):
    """Which refused requests: all that match everything given."""

    connector: Text | None = Field(default=None, description="a connector's name, or its id")
    status: Status | None = None
    since: Moment | None = None
    until: Moment | None = None

    def filter(self, sent: bool | None = None) -> Filter:
        """As the store takes it; the connector is looked up by the operation."""
        return Filter(status=self.status, since=self.since, until=self.until, sent=sent)


class RefusedFilter(WhichRefused):
    """Which refused requests, and which page of them."""

    sent: Literal["yes", "no", "any"] = Field(default="any", description="whether they were sent in since")
    after: Annotated[int | None, After("refused")] = None
    limit: Limit = 50


class ToSend(WhichRefused):
    """Which ones to send in: these, or all that match and were not sent yet."""

    ids: list[Id] | None = Field(default=None, min_length=1, max_length=MOST_AT_ONCE, description="these alone")
    unproven: bool = Field(default=False, description="also those whose senders did not prove who they are")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.ids is not None and self.model_fields_set - {"ids"}:
            raise ValueError("give either `ids`, or filters such as `connector`")
        return self


class StillRefused(Shown):
    """A request that was not sent in, and why."""

    id: int
    detail: str


class SentShown(EndedShown):
    """What became of them, and, where the call waited, how their events ended."""

    requests: int = Field(description="how many were sent in")
    events: int = Field(description="how many events they brought")
    left: int = Field(description="how many were not sent in, and stay as they are")
    refused: list[StillRefused] = Field(description="the first hundred that were not sent in, and why")
    unproven: int = Field(
        description="how many matching requests were left out, as their senders did not prove who they are"
    )


class OneSent(EndedShown):
    """The events of a request, and, where the call waited, how they ended."""

    events: list[str]


@api.route("GET", "/refused", scope=Scope.REFUSED_READ, tag=TAG, errors=[404])
async def list_refused(call: Call, query: RefusedFilter) -> RefusedPage:
    """List refused requests, the newest first."""
    sent = None if query.sent == "any" else query.sent == "yes"
    rows = await refused.page(call.database, call.actor, query.filter(sent), query.connector, query.after, query.limit)
    return RefusedPage(items=[RefusedShown(**row) for row in rows], next=next_page("refused", rows, query.limit))


@api.route("GET", "/refused/{id}", scope=Scope.REFUSED_READ, tag=TAG)
async def show_refused(call: Call, id: Id) -> WholeRefusedShown:
    """Show one refused request with its body, without the secrets that were in it."""
    return WholeRefusedShown(**await refused.show(call.database, call.actor, id))


@api.route("POST", "/refused/{id}/send", scope=Scope.REFUSED_WRITE, tag=TAG, status=202, also=200, errors=[409])
async def send_one_refused(call: Call, id: Id, query: Waited) -> OneSent:
    """Send one refused request in, by the settings that are in force now.

    Its events keep the time at which the request first arrived. A request that is sent in twice takes effect once.
    422: it would be refused again.
    """
    with noted(query) as note:
        sent = await refused.send_one(call.database, call.chain, call.actor, id, _limits(call))
        note.add((event, 0) for event in sent.events)
        return OneSent(events=sent.events, **await told(call, note, query))


@api.route("POST", "/refused/send", scope=Scope.REFUSED_WRITE, tag=TAG, status=202, also=200, errors=[404, 409])
async def send_refused(call: Call, body: ToSend, query: Waited) -> SentShown:
    """Send refused requests in: these, or all that match and were not sent yet, a thousand at most.

    Those that would be refused again stay as they are, and the answer says why.
    """
    with noted(query) as note:
        sent = await _sent(call, body)
        note.add((event, 0) for event in sent.events)
        return sent_shown(call.actor, sent, await told(call, note, query))


async def _sent(call: Call, body: ToSend) -> Sent:
    if body.ids is not None:
        return await refused.send(call.database, call.chain, call.actor, body.ids, _limits(call))
    return await refused.send_matching(
        call.database,
        call.chain,
        call.actor,
        body.filter(),
        body.connector,
        _limits(call),
        most=refused.MOST,
        unproven=body.unproven,
    )


def _limits(call: Call) -> Limits:
    return Limits(event=call.settings.max_event)


def sent_shown(actor: Actor, sent: Sent, ends: dict[str, Any]) -> SentShown:
    """What became of refused requests. `ends`: how their events ended, as members of EndedShown."""
    return SentShown(
        requests=sent.requests,
        events=len(sent.events),
        left=sent.left,
        refused=[StillRefused(id=id, detail=masked.still_refused(actor, error)) for id, error in sent.refused],
        unproven=sent.unproven,
        **ends,
    )
