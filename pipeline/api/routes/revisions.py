"""`/connectors/…/revisions`: what a connector was, what differs, and back to it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from pipeline.api.call import Call
from pipeline.api.connector import ConnectorShown, Difference, Given, Note, author, row_of
from pipeline.api.listing import Page, Shown
from pipeline.api.route import SOON, Table
from pipeline.operations import connectors, revisions
from pipeline.operations.visible import may_save, named
from schemas.access import Scope
from schemas.strict import Strict

api = Table()
TAG = "Revisions"
Revision = Annotated[int, Field(ge=1, le=2**31 - 1)]


class RevisionShown(Shown):
    """One save."""

    revision: int
    saved_at: datetime
    saved_by: str | None
    note: str | None
    changed: list[str] = Field(description="the places that differ from the revision before")


class WholeRevisionShown(RevisionShown):
    """A revision with the settings as they were."""

    settings: dict[str, Any]


class Revisions(Page[RevisionShown]):
    """The connector's revisions, the newest first."""


class Between(Strict):
    """Two revisions."""

    old: Revision = Field(description="the number of one revision")
    new: Revision | None = Field(default=None, description="the number of the other one; left out: the newest")


class Differences(Page[Difference]):
    """What differs."""


class Restored(Strict):
    """The revision to go back to."""

    revision: Revision
    note: Note = None


@api.route("GET", "/connectors/{connector}/revisions", scope=Scope.CONNECTORS_READ, tag=TAG)
async def list_revisions(call: Call, connector: Given) -> Revisions:
    """List the revisions of a connector: who saved each, when, why, and what it changed."""
    name = await named(call.database, call.actor, connector)
    found = await revisions.revisions(call.database, call.account, name)
    return Revisions(items=[RevisionShown.model_validate(each) for each in found])


@api.route("GET", "/connectors/{connector}/revisions/{revision}", scope=Scope.CONNECTORS_READ, tag=TAG)
async def show_revision(call: Call, connector: Given, revision: Revision) -> WholeRevisionShown:
    """Show the settings of one revision."""
    name = await named(call.database, call.actor, connector)
    return WholeRevisionShown.model_validate(await revisions.revision(call.database, call.account, name, revision))


@api.route("GET", "/connectors/{connector}/differences", scope=Scope.CONNECTORS_READ, tag=TAG, aside=SOON)
async def list_differences(call: Call, connector: Given, query: Between) -> Differences:
    """Show what differs between two revisions."""
    name = await named(call.database, call.actor, connector)
    found = await revisions.difference(call.database, call.account, name, query.old, query.new)
    return Differences(items=[Difference.model_validate(each) for each in found])


@api.route(
    "POST",
    "/connectors/{connector}/restore",
    scope=Scope.CONNECTORS_WRITE,
    tag=TAG,
    errors=[409],
    example={"revision": 1, "note": "as it was"},
    aside=SOON,
)
async def restore_revision(call: Call, connector: Given, body: Restored) -> ConnectorShown:
    """Save an old revision's settings as a new revision."""
    name = await named(call.database, call.actor, connector)
    old = await revisions.revision(call.database, call.account, name, body.revision)
    await may_save(call.database, call.actor, [connectors.parsed({**old.settings, "name": name})])
    await revisions.restore(call.database, call.account, name, body.revision, author(call, body.note))
    return ConnectorShown(**await row_of(call.database, call.account, name))
