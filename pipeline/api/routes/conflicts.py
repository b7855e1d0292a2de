"""`/conflicts`: events whose keys name several leads, held until a person says whose they are."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from pipeline.api.call import Call
from pipeline.api.ended import EndedShown, Waited, noted, told
from pipeline.api.listing import After, Limit, Page, Shown, next_page
from pipeline.api.route import Id, Table, Uuid
from pipeline.api.routes.leads import LeadShown
from pipeline.operations import conflicts
from schemas.access import Scope
from schemas.strict import Strict

api = Table()
TAG = "Conflicts"


class Named(Shown):
    """One key of the event, and the lead that it names now."""

    key: str
    value: str
    lead: str | None


class DecisionShown(Shown):
    """What was decided."""

    conflict: int
    how: Literal["use", "merge"]
    lead: str
    by: str
    at: datetime


class DecisionSent(DecisionShown, EndedShown):
    """The same of a decision just made, and, where the call waited, how its event ended."""


class ConflictBase(Shown):
    """An event that is held."""

    id: int
    event_id: UUID
    connector_id: int
    connector: str | None
    stage: str
    reason: str
    died_at: datetime
    status: Literal["dead", "replayed", "discarded", "superseded"]
    decision: DecisionShown | None
    keys: list[Named]


class ConflictShown(ConflictBase):
    """A conflict with the ids of the leads that its keys name now."""

    leads: list[str]


class WholeConflictShown(ConflictBase):
    """A conflict with the leads that its keys name now."""

    leads: list[LeadShown]


class ConflictPage(Page[ConflictShown]):
    """Conflicts, the newest first."""


class ConflictQuery(Strict):
    """Which conflicts."""

    state: Literal["open", "decided", "discarded", "superseded", "any"] = Field(
        default="open",
        description="open: not decided yet; superseded: a later version of the event reached the records",
    )
    connector: str | None = Field(default=None, max_length=100, description="a connector's name, or its id")
    limit: Limit = 50
    after: Annotated[int | None, After("conflicts")] = None


class Decision(Strict):
    """Which lead the event is about."""

    use: Uuid | None = Field(default=None, description="the lead to use, or, with `merge`, the one that stays")
    merge: bool = Field(default=False, description="make one lead of all that its keys name")


@api.route("GET", "/conflicts", scope=Scope.CONFLICTS_READ, tag=TAG, errors=[404])
async def list_conflicts(call: Call, query: ConflictQuery) -> ConflictPage:
    """List events whose keys name several leads."""
    rows = await conflicts.page(
        call.database, call.actor, query.state, connector=query.connector, after=query.after, limit=query.limit
    )
    return ConflictPage(
        items=[ConflictShown(**_plain(row)) for row in rows], next=next_page("conflicts", rows, query.limit)
    )


@api.route("GET", "/conflicts/{id}", scope=Scope.CONFLICTS_READ, tag=TAG)
async def show_conflict(call: Call, id: Id) -> WholeConflictShown:
    """Show one conflict, its keys, and the leads that the keys name."""
    return WholeConflictShown(**_plain(await conflicts.show(call.database, call.actor, id)))


@api.route("POST", "/conflicts/{id}/resolve", scope=Scope.CONFLICTS_WRITE, tag=TAG, status=202, also=200, errors=[409])
async def resolve_conflict(call: Call, id: Id, body: Decision, query: Waited) -> DecisionSent:
    """Decide which lead the event is about: one that its keys name, or all of these merged; the event is sent on.

    A merge needs the scope `leads:write` as well.
    """
    if body.merge:
        call.actor.need(Scope.LEADS_WRITE)
    use = None if body.use is None else str(body.use)
    with noted(query) as note:
        made = await conflicts.resolve(call.database, call.chain, call.actor, id, use=use, merge=body.merge, note=note)
        return DecisionSent(**made, **await told(call, note, query))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "keys": [Named.model_validate(each) for each in row["keys"]]}
