"""What lists have in common. In: `limit` and `after`. Out: pages with their items and where the next one begins."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from pipeline.api.route import WHOLE
from schemas.strict import Strict

T = TypeVar("T")
MOST = 500

Limit = Annotated[int, WHOLE, Field(ge=1, le=MOST, description="how many at most")]
AfterId = Annotated[int, WHOLE, Field(ge=0, le=2**63 - 1, description="the `next` of the page before")]


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
