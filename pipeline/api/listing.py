"""What lists have in common. In: `limit` and `after`. Out: pages with their items and where the next one begins."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from pipeline.api.route import WHOLE
from schemas.normal.moment import FORMS, LONGEST, moment
from schemas.strict import Strict

T = TypeVar("T")
MOST = 500

Limit = Annotated[int, WHOLE, Field(ge=1, le=MOST, description="how many at most")]
AfterId = Annotated[int, WHOLE, Field(ge=0, le=2**63 - 1, description="the `next` of the page before")]


def _read(value: Any) -> Any:
    """A text in each form that people write; digits alone are no time here, pydantic would take them for seconds."""
    return moment(value) if isinstance(value, str) else value


def _read_ahead(value: Any) -> Any:
    return moment(value, ahead=True) if isinstance(value, str) else value


TIME = {
    "type": "string",
    "minLength": 1,
    "maxLength": LONGEST,
    "description": f"{FORMS}; without a zone it is UTC, and a date is its first moment",
    "examples": ["2026-08-31T09:30:00Z", "today", "7d"],
}
AHEAD = {
    **TIME,
    "description": "2027-01-01T00:00:00Z, tomorrow, or how long from now, such as 12h or 30d; without a zone it is UTC",
    "examples": ["2027-01-01T00:00:00Z", "30d"],
}
Moment = Annotated[AwareDatetime, BeforeValidator(_read), WithJsonSchema(TIME)]
Ahead = Annotated[AwareDatetime, BeforeValidator(_read_ahead), WithJsonSchema(AHEAD)]


class Shown(BaseModel):
    """The base of what is answered: made of rows, whose further columns are left out."""

    model_config = ConfigDict(extra="ignore", from_attributes=True, populate_by_name=True)


class Page(BaseModel, Generic[T]):
    """Some of a list."""

    items: list[T]
    next: str | None = Field(description="for `after`, where there may be more")


class Paged(Strict):
    """A page of a list that is ordered by id."""

    limit: Limit = 50
    after: AfterId = 0


def next_id(rows: list[dict[str, object]], limit: int) -> str | None:
    """Where the page after these rows begins."""
    return str(rows[-1]["id"]) if len(rows) == limit else None
