"""`/connectors`: set up, look at, switch, remove; as code; what they were before."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from pipeline.api.answer import ProblemShown, problem
from pipeline.api.call import Call
from pipeline.api.draft import Draft, Judged, problems_of, settings_of
from pipeline.api.listing import Limit, Page, Shown
from pipeline.api.route import Table
from pipeline.operations import connectors, plan, revisions
from pipeline.operations.as_code import canonical, to_toml
from pipeline.operations.errors import Forbidden, Invalid, Problem
from pipeline.operations.plan import Planned, Wish
from pipeline.operations.visible import is_new, may_save, named, visible
from pipeline.store import connectors as store
from pipeline.store.connectors import Author
from schemas.access import Scope
from schemas.settings import CONNECTOR_NAME
from schemas.strict import Strict

api = Table()
TAG, CODE, HISTORY = "Connectors", "Connectors as code", "Revisions"
MOST = 200  # connectors of one call

EXAMPLE = {
    "name": "website-leads",
    "preset": "generic-json",
    "lead_source": "Website",
    "default_country": "IN",
    "time_zone": "Asia/Kolkata",
    "primary_key": "phone",
    "secondary_key": "email",
    "sync": {"lead": "capture", "activity": "off"},
    "access": {"roles": ["editor", "operator"]},
    "fields": [{"name": "budget", "label": "Budget", "type": "number"}],
    "map": [{"from": "form.budget", "to": "lead.budget", "default": 0}],
}
SEVERAL = {"connectors": [EXAMPLE]}
Given = Annotated[
    str, Field(min_length=1, max_length=63, description="its name, or its id (a text of digits alone is an id)")
]
Note = Annotated[str | None, Field(max_length=500, description="why, in your words; the revision keeps it")]
Revision = Annotated[int, Field(ge=1, le=2**31 - 1)]


class ConnectorShown(Shown):
    """A connector."""

    id: int
    name: str
    preset: str
    enabled: bool
    revision: int
    created_at: datetime
    updated_at: datetime


class ConnectorPage(Page[ConnectorShown]):
    """Connectors, by name."""


class WholeConnectorShown(ConnectorShown):
    """The same with its settings, and with what they and the preset make together."""

    settings: dict[str, Any] = Field(description="as ConnectorSettings; what the preset says anyway is left out")
    trouble: str | None = Field(description="why it does not work any more, where it does not")
    map: list[dict[str, Any]] = Field(description="the mapping in force: the preset's rows and the connector's own")
    keys: list[str] = Field(description="the search keys in force, in order")
    lead_behaviour: str | None
    activity_behaviour: str | None


class ConnectorQuery(Strict):
    """A page of connectors."""

    limit: Limit = 50
    after: Annotated[str | None, Field(pattern=CONNECTOR_NAME, description="the `next` of the page before")] = None


class Difference(Shown):
    """One difference between two settings."""

    place: str = Field(description="such as `default_country`, `sync.lead`, `map lead.budget.default`")
    kind: Literal["added", "removed", "changed", "moved"]
    old: Any = None
    new: Any = None


class Saved(Shown):
    """What saving did."""

    id: int
    name: str
    state: Literal["created", "changed", "unchanged"]
    revision: int
    url: str = Field(description="what the source posts to; whoever knows it can post")
    differences: list[Difference]
    new_fields: list[str] = Field(description="lead fields that the account lacked and that were made")


class Switch(Strict):
    """Whether it accepts events."""

    enabled: bool
    note: Note = None


class Verdict(Shown):
    """Whether settings can be saved."""

    valid: bool
    problems: list[ProblemShown]


class Wanted(Strict):
    """Connectors as they are to be, all of them or none."""

    connectors: list[Draft] = Field(min_length=1, max_length=MOST)
    prune: bool = Field(default=False, description="remove the connectors that nothing is said of")
    note: Note = None


class Planning(Strict):
    """Connectors as they are to be."""

    connectors: list[Judged] = Field(min_length=1, max_length=MOST)
    prune: bool = Field(default=False, description="remove the connectors that nothing is said of")


class PlannedShown(Shown):
    """What would become of one connector."""

    state: Literal["create", "change", "unchanged", "refused", "remove"]
    name: str | None
    differences: list[Difference]
    problems: list[ProblemShown]
    new_fields: list[str]


class PlanShown(Shown):
    """What would become of all."""

    changes: bool = Field(description="whether anything would be written")
    entries: list[PlannedShown]


class AppliedShown(Shown):
    """What became of all."""

    entries: list[Saved]
    removed: list[str]


class RevisionShown(Shown):
    """One save."""

    revision: int
    saved_at: datetime
    saved_by: str | None
    note: str | None
    changed: list[str] = Field(description="the places that differ from the revision before")


class WholeRevisionShown(RevisionShown):
    """The same with the settings as they were."""

    settings: dict[str, Any]


class Revisions(Shown):
    """What it was, the newest first."""

    items: list[RevisionShown]


class Between(Strict):
    """Two revisions."""

    old: Revision
    new: Revision | None = Field(default=None, description="none: the newest")


class Differences(Shown):
    """What differs."""

    items: list[Difference]


class Restored(Strict):
    """What to go back to."""

    revision: Revision
    note: Note = None


@api.route("GET", "/connectors", scope=Scope.CONNECTORS_READ, tag=TAG)
async def list_connectors(call: Call, query: ConnectorQuery) -> ConnectorPage:
    """List the connectors that are open to the caller."""
    seen = await visible(call.database, call.actor)
    rows = [row for row in await store.list_all(call.database, call.account) if row["id"] in seen.names]
    rows = [row for row in rows if query.after is None or row["name"] > query.after]
    shown = [ConnectorShown(**row) for row in rows[: query.limit]]
    return ConnectorPage(items=shown, next=shown[-1].name if len(rows) > query.limit else None)


@api.route("POST", "/connectors", scope=Scope.CONNECTORS_WRITE, tag=TAG, status=201, errors=[409], example=EXAMPLE)
async def create_connector(call: Call, body: Draft) -> Saved:
    """Set a connector up.

    Its settings are checked whole: everything that is wrong is told at once, with its row. Who is no administrator
    must leave it open to himself by `access`.
    """
    settings = await settings_of(call, body)
    await is_new(call.database, call.account, settings.name)
    return await _save(call, body)


@api.route("POST", "/connector-settings/validate", scope=Scope.CONNECTORS_READ, tag=TAG, example=EXAMPLE)
async def validate_connector(call: Call, body: Judged) -> Verdict:
    """Check settings without saving them."""
    problems = await problems_of(call, body)
    if body.settings is not None:
        made = await plan.plan(call.database, call.account, [Wish("the settings", body.settings)])
        problems = list(made.entries[0].problems)
    return Verdict(valid=not problems, problems=[problem(each) for each in problems])


@api.route("POST", "/connector-settings/plan", scope=Scope.CONNECTORS_READ, tag=CODE, errors=[409], example=SEVERAL)
async def plan_connectors(call: Call, body: Planning) -> PlanShown:
    """Show what applying these settings would do, connector by connector; nothing is written."""
    made = await _plan(call, body)
    return PlanShown(changes=made.changes, entries=[_planned(entry) for entry in made.entries])


@api.route("POST", "/connector-settings/apply", scope=Scope.CONNECTORS_WRITE, tag=CODE, errors=[409], example=SEVERAL)
async def apply_connectors(call: Call, body: Wanted) -> AppliedShown:
    """Put connectors in force, all of these or none; what does not differ stays as it is."""
    made = await _plan(call, body)
    applied = await plan.carry_out(call.database, call.account, made, _author(call, body.note))
    saved = [_saved(call, entry, done) for entry, done in zip(made.entries, applied, strict=True) if done is not None]
    gone = [str(entry.name) for entry in made.entries if entry.state == "remove"]
    return AppliedShown(entries=saved, removed=gone)


@api.route("GET", "/connectors/{connector}", scope=Scope.CONNECTORS_READ, tag=TAG)
async def show_connector(call: Call, connector: Given) -> WholeConnectorShown:
    """Show a connector: its settings, the mapping, the search keys and the behaviours in force."""
    name = await named(call.database, call.actor, connector)
    [row] = [row for row in await store.list_all(call.database, call.account) if row["name"] == name]
    try:
        found = await connectors.find(call.database, call.account, name)
    except Invalid as error:
        said = (await store.stored(call.database, call.account))[name]
        nothing: dict[str, Any] = {"map": [], "keys": [], "lead_behaviour": None, "activity_behaviour": None}
        return WholeConnectorShown(**row, settings=plan.canonical_of(said), trouble=error.detail, **nothing)
    return WholeConnectorShown(
        **row,
        settings=canonical(found.settings),
        trouble=None,
        map=[each.model_dump(mode="json", by_alias=True, exclude_defaults=True) for each in found.rows],
        keys=list(found.keys),
        lead_behaviour=found.lead_behaviour,
        activity_behaviour=found.activity_behaviour,
    )


@api.route("PUT", "/connectors/{connector}", scope=Scope.CONNECTORS_WRITE, tag=TAG, errors=[409], example=EXAMPLE)
async def replace_connector(call: Call, connector: Given, body: Draft) -> Saved:
    """Save a connector's settings, in the place of all those it had. Workers take them without a restart."""
    name = await named(call.database, call.actor, connector)
    settings = await settings_of(call, body)
    if settings.name != name:
        raise Invalid("nothing is saved", [Problem("name", f"must stay {name!r}", settings.name)])
    return await _save(call, body)


@api.route("PATCH", "/connectors/{connector}", scope=Scope.CONNECTORS_WRITE, tag=TAG)
async def switch_connector(call: Call, connector: Given, body: Switch) -> ConnectorShown:
    """Let a connector accept events, or have it refuse them; those under way are finished."""
    name = await named(call.database, call.actor, connector)
    await connectors.switch(call.database, call.account, name, body.enabled, _author(call, body.note))
    [row] = [row for row in await store.list_all(call.database, call.account) if row["name"] == name]
    return ConnectorShown(**row)


@api.route("DELETE", "/connectors/{connector}", scope=Scope.CONNECTORS_WRITE, tag=TAG)
async def remove_connector(call: Call, connector: Given) -> None:
    """Remove a connector: its URLs stop working at once, its journal stays."""
    name = await named(call.database, call.actor, connector)
    await connectors.remove(call.database, call.account, name)


@api.route("GET", "/connectors/{connector}/export", scope=Scope.CONNECTORS_READ, tag=CODE, media="application/toml")
async def export_connector(call: Call, connector: Given) -> str:
    """Show a connector's settings as its file: TOML that, applied, changes nothing. Secrets are not in it."""
    name = await named(call.database, call.actor, connector)
    return to_toml(await connectors.settings_of(call.database, call.account, name))


@api.route("GET", "/connectors/{connector}/revisions", scope=Scope.CONNECTORS_READ, tag=HISTORY)
async def list_revisions(call: Call, connector: Given) -> Revisions:
    """List what a connector was: who saved it, when, why, and what that changed."""
    name = await named(call.database, call.actor, connector)
    found = await revisions.revisions(call.database, call.account, name)
    return Revisions(items=[RevisionShown.model_validate(each) for each in found])


@api.route("GET", "/connectors/{connector}/revisions/{revision}", scope=Scope.CONNECTORS_READ, tag=HISTORY)
async def show_revision(call: Call, connector: Given, revision: Revision) -> WholeRevisionShown:
    """Show the settings of one revision."""
    name = await named(call.database, call.actor, connector)
    return WholeRevisionShown.model_validate(await revisions.revision(call.database, call.account, name, revision))


@api.route("GET", "/connectors/{connector}/differences", scope=Scope.CONNECTORS_READ, tag=HISTORY)
async def list_differences(call: Call, connector: Given, query: Between) -> Differences:
    """Show what differs between two revisions."""
    name = await named(call.database, call.actor, connector)
    found = await revisions.difference(call.database, call.account, name, query.old, query.new)
    return Differences(items=[Difference.model_validate(each) for each in found])


@api.route("POST", "/connectors/{connector}/restore", scope=Scope.CONNECTORS_WRITE, tag=HISTORY, errors=[409])
async def restore_revision(call: Call, connector: Given, body: Restored) -> ConnectorShown:
    """Save an old revision's settings as a new revision."""
    name = await named(call.database, call.actor, connector)
    old = await revisions.revision(call.database, call.account, name, body.revision)
    await may_save(call.database, call.actor, [connectors.parsed(old.settings)])
    await revisions.restore(call.database, call.account, name, body.revision, _author(call, body.note))
    [row] = [row for row in await store.list_all(call.database, call.account) if row["name"] == name]
    return ConnectorShown(**row)


async def _save(call: Call, body: Draft) -> Saved:
    settings = await settings_of(call, body)
    await may_save(call.database, call.actor, [settings])
    entry, applied = await plan.save(call.database, call.account, settings, _author(call, None))
    return _saved(call, entry, applied)


async def _plan(call: Call, body: Wanted | Planning) -> plan.Plan:
    if body.prune and not call.actor.is_admin:
        raise Forbidden("only an administrator removes what nothing is said of: others do not see all connectors")
    said_well = [said.settings for said in body.connectors if said.settings is not None]
    await may_save(call.database, call.actor, said_well)  # a plan tells what is stored
    wishes = []
    for number, said in enumerate(body.connectors):
        problems = tuple(await problems_of(call, said))
        wishes.append(Wish(f"connectors[{number}]", said.settings, problems))
    return await plan.plan(call.database, call.account, wishes, prune=body.prune)


def _author(call: Call, note: str | None) -> Author:
    return Author(call.actor.email, note)


def _planned(entry: Planned) -> PlannedShown:
    return PlannedShown(
        state=entry.state,
        name=entry.name,
        differences=[Difference.model_validate(each) for each in entry.differences],
        problems=[problem(each) for each in entry.problems],
        new_fields=list(entry.new_fields),
    )


def _saved(call: Call, entry: Planned, applied: store.Applied) -> Saved:
    return Saved(
        id=applied.id,
        name=str(entry.name),
        state=applied.state,
        revision=applied.revision,
        url=connectors.webhook_url(call.settings, applied.token),
        differences=[Difference.model_validate(each) for each in entry.differences],
        new_fields=list(entry.new_fields),
    )
