"""What lists have in common. In: `limit` and `after`. Out: pages with their items and where the next one begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from pipeline.api.route import WHOLE
from pipeline.operations import cursor
from pipeline.store.saves import tag_of
from schemas.normal.moment import FORMS, LONGEST, moment

T = TypeVar("T")
MOST = 1000

Limit = Annotated[int, Field(ge=1, le=MOST, description="how many at most"), WHOLE]
DEFAULT = 50  # rows of a page, where nobody says


@dataclass(frozen=True)
class After:
    """Marks a parameter as the end of a page of this list; its value is what the page was ordered by."""

    of: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read before the type is checked, so that it is said what the text should have been."""
        return core_schema.no_info_before_validator_function(self._read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A text without meaning."""
        return {
            "type": "string",
            "minLength": 1,
            "maxLength": cursor.LONGEST,
            "pattern": cursor.PATTERN,
            "description": "the `next` of the page before, as it is",
        }

    def _read(self, value: Any) -> Any:
        return cursor.unpacked(self.of, value)[0] if isinstance(value, str) else value


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


class Tagged(Shown):
    """A thing as it is saved now, which is answered with an ETag. It has these members, each at a place of its own."""

    if TYPE_CHECKING:
        id: int
        revision: int

    @property
    def tag(self) -> str:
        """What tells this save of this thing from every other."""
        return tag_of(self.id, self.revision)


class SyncShown(Shown):
    """What is done with a lead, and with an activity, by the names of the settings."""

    lead: str | None = Field(
        description="`sync.lead`: capture, create, update or nothing; null: the event ended before this setting "
        "was used"
    )
    activity: str | None = Field(
        description="`sync.activity`: as for leads, or off; null: the event ended before this setting was used"
    )


FORMER: dict[str, Any] = {"deprecated": True}  # of a member that has another name now


class Page(BaseModel, Generic[T]):
    """Some of a list."""

    items: list[T]
    next: str | None = Field(
        default=None, description="given where there may be more: send it as `after`, with the same filter"
    )


def next_page(of: str, rows: Sequence[Mapping[str, Any]], limit: int, by: str = "id") -> str | None:
    """The `next` of a page of this list, whose rows are ordered by this column; None: there are no more."""
    return cursor.packed(of, rows[-1][by]) if len(rows) == limit else None
