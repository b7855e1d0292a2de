"""What lists have in common. In: `limit` and `after`. Out: pages with their items and where the next one begins."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from pipeline.api.route import WHOLE
from schemas.strict import Strict

T = TypeVar("T")
MOST = 500

Limit = Annotated[int, WHOLE, Field(ge=1, le=MOST, description="how many at most")]
AfterId = Annotated[int, WHOLE, Field(ge=0, le=2**63 - 1, description="the `next` of the page before")]


def _read(value: Any) -> Any:
    """Digits alone are no time here; pydantic would take them for seconds."""
    if not isinstance(value, str):
        return value
    try:
        if re.match(r"\d{4}-\d\d-\d\d[Tt ]", value, re.ASCII):
            return datetime.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError("must be a time with its zone, such as 2026-08-31T09:30:00Z")


def _in_reach(value: datetime) -> datetime:
    """A time that every part can reckon with."""
    if not 1970 < value.year < 2200:
        raise ValueError("must lie between 1971 and 2199")
    return value.astimezone(UTC)


Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_read),
    AfterValidator(_in_reach),
    Field(description="a time with its zone: 2026-08-31T09:30:00Z"),
]


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
