"""One row of a mapping, from a path in the source's document to a field of a record."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, model_validator

from schemas.strict import Strict


class MapRow(Strict):
    """From where, to where, and on which conditions.

    `from` is one path, or several of which the first that has a value counts; `value` is a constant instead.
    A path is member names joined by dots (`agent.name`), with numbers for places in a list; a name that itself
    holds a dot is found too. `to` is `record.field`. `when` maps paths to the value, or the list of values,
    that each must have, compared without regard to case. `values` translates what the source says into what
    the record says. `default` is used when the source sent nothing, and only where the record has no value yet.
    """

    to: str = Field(pattern=r"^(lead|call|activity)\.[a-z][a-z0-9_]{0,62}$")
    source: str | list[str] | None = Field(default=None, alias="from")
    value: str | int | float | bool | None = None
    default: str | int | float | bool | None = None
    when: dict[str, str | list[str]] = {}
    values: dict[str, str | int | float | bool] = {}
    on: bool = True

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.source is None) == (self.value is None):
            raise ValueError(f"the row to {self.to!r} needs either `from` or `value`, and not both")
        return self

    @property
    def paths(self) -> list[str]:
        """The source paths, in order of preference."""
        if self.source is None:
            return []
        return [self.source] if isinstance(self.source, str) else self.source

    @property
    def record(self) -> str:
        return self.to.partition(".")[0]

    @property
    def field(self) -> str:
        return self.to.partition(".")[2]


Document = dict[str, Any]
