"""`/connectors/…/try|compare`, `/journal/…/capture`: see what settings do before they are saved. Nothing is written."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import BeforeValidator, Field, computed_field

from pipeline.api.call import Call
from pipeline.api.connector import EXAMPLE as CONNECTOR
from pipeline.api.connector import Given
from pipeline.api.draft import Draft, Said, settings_of
from pipeline.api.listing import FORMER, Page, Shown
from pipeline.api.route import DOCUMENT, LONG, ONE, SOON, Table, Uuid
from pipeline.operations import connectors, journal, masked
from pipeline.operations.capture import capture
from pipeline.operations.compare import compare
from pipeline.operations.errors import Invalid, Problem
from pipeline.operations.trying import sent, try_body
from pipeline.operations.visible import named
from schemas.access import Scope
from schemas.connector import Connector
from schemas.strict import Strict

api = Table()
TAG = "Try before you save"
EXAMPLE = {"document": {"name": "Asha Rao", "phone": "98220 12345", "form": {"budget": "45000"}}}


class Payload(Strict):
    """What the source would send, and the settings to try on it."""

    document: Any = Field(default=None, description="the body, where it is JSON")
    body: str | None = Field(default=None, description="the body as text, where it is not: NDJSON, or a form")
    content_type: str = Field(default="application/json", max_length=200, pattern=r"^[\x20-\x7e]+$")
    draft: Draft | None = Field(default=None, description="settings to try in the place of those in force")
    anew: bool = Field(
        default=False, description="try the events as new, even if events with these ids took effect before"
    )


def _as_counted(outcome: Any) -> Any:
    """`dead letter` as the metrics name it."""
    return outcome.replace(" ", "_") if isinstance(outcome, str) else outcome


class MatchShown(Shown):
    """The lead that an event is about."""

    lead: str | None = Field(description="null: a new one")
    matched_by: str | None = Field(validation_alias="by", description="the search key that found it")
    value: str | None = Field(description="the value of that key")

    @computed_field(json_schema_extra=FORMER)  # type: ignore[prop-decorator]
    @property
    def by(self) -> str | None:
        """As `matched_by`, for clients of the version before."""
        return self.matched_by


class StepShown(Shown):
    """What one stage made of the event."""

    stage: str
    outcome: Annotated[Literal["forward", "retry", "dead_letter", "drop", "not_run"], BeforeValidator(_as_counted)] = (
        Field(
            description="as the metric `leadpipe_stage_events_total` names it; not_run: the stage does not declare its "
            "effects"
        )
    )
    data: dict[str, Any] | None = Field(description="what it handed on")
    why: str | None


class FieldChangeShown(Shown):
    """A field that the event has a value for, or that would change."""

    record: str
    field: str
    old: Any
    new: Any
    said: Any
    how: str | None = Field(description="how the event sets it: sent, cleared or default; null: it does not")
    effect: str = Field(
        description="what would happen to it: set, changed, cleared, same, or kept (the stored value stays)"
    )
    row: dict[str, Any] | None = Field(description="the mapping row that it came by")


class TrialShown(Shown):
    """What would become of one event."""

    event_id: str = Field(validation_alias="id")
    outcome: str
    reason: str | None
    failure: dict[str, Any] | None
    match: MatchShown | None = Field(description="the lead that would match, and by which key; null: none was sought")
    changes: list[FieldChangeShown]
    steps: list[StepShown]
    notes: list[str]
    before: bool = Field(description="an event of this id took effect before, so this one would do nothing")

    @computed_field(json_schema_extra=FORMER)  # type: ignore[prop-decorator]
    @property
    def id(self) -> str:
        """As `event_id`, for clients of the version before."""
        return self.event_id


class Trials(Page[TrialShown]):
    """What would become of the events, each seeing what those before it would have done."""


class Comparing(Strict):
    """What to compare with what is in force."""

    draft: Draft
    last: int = Field(default=1_000, ge=1, le=10_000, description="how many of the latest events")
    first: int = Field(default=10, ge=0, le=100, description="how many differing events to show field by field")


class Departure(Shown):
    """One thing that the draft does differently."""

    kind: str
    place: str
    live: Any
    draft: Any


class Differing(Shown):
    """One event that ends differently with the draft."""

    event_id: str = Field(validation_alias="id")
    received_at: datetime
    departures: list[Departure]

    @computed_field(json_schema_extra=FORMER)  # type: ignore[prop-decorator]
    @property
    def id(self) -> str:
        """As `event_id`, for clients of the version before."""
        return self.event_id


class ComparisonShown(Shown):
    """What the draft does differently."""

    compared: int
    same: int
    different: int
    outcomes: dict[str, dict[str, int]]
    groups: list[dict[str, Any]]
    ids: list[str]
    first: list[Differing]


class Case(Strict):
    """The test case to make."""

    name: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$",
        description="the name of its file; left out: made from the event's id",
    )


class CaseShown(Shown):
    """A test case, without personal data."""

    connector: str
    path: str = Field(description="where the file belongs, from the folder of the connector's file")
    toml: str
    faithful: bool = Field(description="whether it ends as the real event did, apart from the replaced values")


@api.route(
    "POST",
    "/connectors/{connector}/try",
    scope=Scope.CONNECTORS_READ,
    tag=TAG,
    free=True,
    example=EXAMPLE,
    largest=DOCUMENT,
    aside=LONG,
)
async def try_connector(call: Call, connector: Given, body: Payload) -> Trials:
    """Show what would become of a payload: stage by stage, the lead that would match, and field by field.

    The payload goes through the real stages, and what they write is rolled back. Without the scope `leads:read` it
    is tried as if the person were new to the account, and the lead that would be found is hidden.
    """
    name = await named(call.database, call.actor, connector)
    if (body.body is None) == ("document" not in body.model_fields_set):
        raise Invalid("nothing is tried", [Problem("document", "give either `document` or `body`")])
    text = orjson.dumps(body.document) if body.body is None else sent(body.body, body.content_type)
    tried = await _connector(call, name, body.draft)
    headers = {"Content-Type": body.content_type}
    people = masked.sees_people(call.actor)
    trials = await try_body(call.database, call.core.topology, tried, headers, text, anew=body.anew, people=people)
    return Trials(items=[TrialShown.model_validate(trial) for trial in trials])


@api.route(
    "POST",
    "/connectors/{connector}/compare",
    scope=Scope.CONNECTORS_READ,
    tag=TAG,
    example={"draft": CONNECTOR, "last": 100},
    largest=ONE,
    aside=LONG,
)
async def compare_connector(call: Call, connector: Given, body: Comparing) -> ComparisonShown:
    """Run a connector's latest events through its settings and through a draft, and show what differs.

    Without the scope `leads:read` made-up values replace people's data, and no single event is
    shown.
    """
    name = await named(call.database, call.actor, connector)
    live = await connectors.find(call.database, call.account, name)
    draft = await _connector(call, name, body.draft)
    people = masked.sees_people(call.actor)
    found = await compare(
        call.database, call.core.topology, live, draft, last=body.last, show=body.first, people=people
    )
    return ComparisonShown.model_validate(found.shown())


@api.route("POST", "/journal/{event}/capture", scope=Scope.JOURNAL_READ, tag=TAG, errors=[409], aside=SOON)
async def capture_event(call: Call, event: Uuid, body: Case) -> CaseShown:
    """Make a test case of a real event, with personal data replaced by made-up data.

    It needs the scope `leads:read` as well.
    """
    masked.need_people(call.actor, "a test case of a real event")
    await journal.show(call.database, call.actor, str(event))
    return CaseShown.model_validate(await capture(call.database, call.account, str(event), body.name))


async def _connector(call: Call, name: str, draft: Said | None) -> Connector:
    if draft is None:
        return await connectors.find(call.database, call.account, name)
    settings = await settings_of(call, draft)
    return await connectors.drafted(call.database, call.account, settings.model_copy(update={"name": name}))
