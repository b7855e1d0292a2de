"""`/connector-settings`, `/connectors/…/export`: connectors as code, all of them or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from pipeline.api.answer import ProblemShown, problem
from pipeline.api.call import Call
from pipeline.api.connector import EXAMPLE, Difference, Given, Note, Saved, author, saved
from pipeline.api.draft import Draft, Judged, wish_of
from pipeline.api.listing import Shown
from pipeline.api.route import SEVERAL as TOGETHER
from pipeline.api.route import SOON, Table
from pipeline.operations import connectors, plan
from pipeline.operations.as_code import to_toml
from pipeline.operations.errors import Forbidden
from pipeline.operations.plan import Planned
from pipeline.operations.visible import may_save, named
from pipeline.settings import Settings
from pipeline.store.connectors import Applied
from schemas.access import Scope
from schemas.strict import Strict

api = Table()
TAG = "Connectors as code"
MOST = 200  # connectors of one call
SEVERAL = {"connectors": [EXAMPLE]}


class Wanted(Strict):
    """The connectors to apply, all of them or none."""

    connectors: list[Draft] = Field(min_length=1, max_length=MOST)
    prune: bool = Field(default=False, description="remove the connectors that are not named here")
    note: Note = None


class Planning(Strict):
    """The connectors to plan."""

    connectors: list[Judged] = Field(min_length=1, max_length=MOST)
    prune: bool = Field(default=False, description="remove the connectors that are not named here")


class PlannedShown(Shown):
    """What would become of one connector."""

    state: Literal["create", "change", "unchanged", "refused", "remove"]
    name: str | None
    origin: str | None = Field(
        description="what says it: `connectors[0]`, or a file; null: nothing does, and the connector would be removed"
    )
    differences: list[Difference]
    problems: list[ProblemShown]
    new_fields: list[str]
    warnings: list[ProblemShown] = Field(description="settings that would do less than they say, or nothing")


class PlanShown(Shown):
    """What applying would do."""

    changes: bool = Field(description="whether anything would be written")
    entries: list[PlannedShown]


class AppliedShown(Shown):
    """What applying did."""

    entries: list[Saved]
    removed: list[str]


@api.route(
    "POST",
    "/connector-settings/plan",
    scope=Scope.CONNECTORS_READ,
    tag=TAG,
    errors=[409],
    example=SEVERAL,
    largest=TOGETHER,
    aside=SOON,
)
async def plan_connectors(call: Call, body: Planning) -> PlanShown:
    """Show what applying these settings would do, connector by connector; nothing is written."""
    return plan_shown(await _plan(call, body))


@api.route(
    "POST",
    "/connector-settings/apply",
    scope=Scope.CONNECTORS_WRITE,
    tag=TAG,
    errors=[409],
    example=SEVERAL,
    largest=TOGETHER,
    aside=SOON,
)
async def apply_connectors(call: Call, body: Wanted) -> AppliedShown:
    """Put connectors in force, all of these or none; what does not differ stays as it is."""
    made = await _plan(call, body)
    applied = await plan.carry_out(call.database, call.account, made, author(call, body.note))
    return applied_shown(call.settings, made, applied)


@api.route(
    "GET", "/connectors/{connector}/export", scope=Scope.CONNECTORS_READ, tag=TAG, media="application/toml", aside=SOON
)
async def export_connector(call: Call, connector: Given) -> str:
    """Show a connector's settings as a TOML file, without secrets. To apply it as it is changes nothing."""
    name = await named(call.database, call.actor, connector)
    return to_toml(await connectors.settings_of(call.database, call.account, name))


async def _plan(call: Call, body: Wanted | Planning) -> plan.Plan:
    if body.prune and not call.actor.is_admin:
        raise Forbidden("`prune` is for administrators alone: others do not see all connectors")
    said_well = [said.settings for said in body.connectors if said.settings is not None]
    await may_save(call.database, call.actor, said_well)  # a plan tells what is stored
    wishes = [wish_of(said, f"connectors[{number}]") for number, said in enumerate(body.connectors)]
    return await plan.plan(call.database, call.account, wishes, prune=body.prune)


def plan_shown(made: plan.Plan) -> PlanShown:
    """A plan, as it is told."""
    return PlanShown(changes=made.changes, entries=[_planned(entry) for entry in made.entries])


def applied_shown(settings: Settings, made: plan.Plan, applied: Sequence[Applied | None]) -> AppliedShown:
    """What carrying a plan out did. `applied`: per entry of the plan, None of one that was removed."""
    done = [saved(settings, entry, each) for entry, each in zip(made.entries, applied, strict=True) if each is not None]
    gone = [str(entry.name) for entry in made.entries if entry.state == "remove"]
    return AppliedShown(entries=done, removed=gone)


def _planned(entry: Planned) -> PlannedShown:
    return PlannedShown(
        state=entry.state,
        name=entry.name,
        origin=entry.origin,
        differences=[Difference.model_validate(each) for each in entry.differences],
        problems=[problem(each) for each in entry.problems],
        new_fields=list(entry.new_fields),
        warnings=[problem(each) for each in entry.warnings],
    )
