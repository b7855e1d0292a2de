"""What the routes about connectors share. In: connectors, and what saving one did. Out: the models of answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from pipeline.api.answer import ProblemShown, problem
from pipeline.api.call import Call
from pipeline.api.listing import Shown, Tagged
from pipeline.operations.connectors import webhook_url
from pipeline.operations.errors import NotFound
from pipeline.operations.plan import Planned
from pipeline.settings import Settings
from pipeline.store import connectors
from pipeline.store.connectors import Applied, Author
from pipeline.store.database import Database

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
Given = Annotated[
    str, Field(min_length=1, max_length=63, description="its name, or its id (a text of digits alone is an id)")
]
MOST_NOTED = 500  # characters
Note = Annotated[str | None, Field(max_length=MOST_NOTED, description="why, in your words; the revision keeps it")]


class ConnectorShown(Tagged):
    """A connector."""

    id: int
    name: str
    preset: str
    enabled: bool
    revision: int
    created_at: datetime
    updated_at: datetime


class Difference(Shown):
    """One difference between two settings."""

    place: str = Field(description="such as `default_country`, `sync.lead`, `map lead.budget.default`")
    kind: Literal["added", "removed", "changed", "moved"]
    old: Any = None
    new: Any = None


class Saved(Tagged):
    """What saving did."""

    id: int
    name: str
    state: Literal["created", "changed", "unchanged"]
    revision: int
    url: str = Field(description="what the source posts to; whoever knows it can post")
    differences: list[Difference]
    new_fields: list[str] = Field(description="lead fields that the account lacked and that were made")
    warnings: list[ProblemShown] = Field(description="saved settings that do less than they say, or nothing")


async def row_of(database: Database, account: int, name: str) -> dict[str, Any]:
    """The connector of this name, as lists have it. Raises NotFound: somebody removed it meanwhile."""
    row = await connectors.listed(database, account, name)
    if row is None:
        raise NotFound(f"connector {name!r} is removed")
    return row


def author(call: Call, note: str | None) -> Author:
    """Who saves something, and why."""
    return Author(call.actor.email, note)


def saved(settings: Settings, entry: Planned, applied: Applied) -> Saved:
    """What saving one did."""
    return Saved(
        id=applied.id,
        name=str(entry.name),
        state=applied.state,
        revision=applied.revision,
        url=webhook_url(settings, applied.token),
        differences=[Difference.model_validate(each) for each in entry.differences],
        new_fields=list(entry.new_fields),
        warnings=[problem(each) for each in entry.warnings],
    )
