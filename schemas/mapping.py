"""One row of a mapping, from a path in the source's document to a field of a record."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.strict import Strict

Part = Literal["indian_pincode"]


class MapRow(Strict):
    """From where, to where, and on which conditions.

    `from` is one path, or several of which the first that has a value counts; `value` is a constant instead.
    Paths are those of `schemas.normal.path`. `to` is `record.field`. `when` maps paths to the value, or the list of
    values, that each must have, compared without regard to case; what is absent or blank compares as `""`. `part`
    takes a part out of a longer text. `values` translates what the source says into what the record says, without
    regard to case; a value that is not in it stays and is noted, or is rejected if the row is `strict`. `fill`: the
    value counts only where the record has none yet. `default`: what a lead gets when the source sent nothing, only
    where it has no value yet. `on = false` switches the row off.

    Of several rows to one field the first that has a value counts, so that a later row, or a constant, is a
    fallback for the earlier ones.
    """

    to: str = Field(pattern=r"^(lead|call|activity)\.[a-z][a-z0-9_]{0,62}$")
    source: str | list[str] | None = Field(default=None, alias="from")
    value: str | int | float | bool | None = None
    default: str | int | float | bool | None = None
    when: dict[str, str | list[str]] = {}
    part: Part | None = None
    values: dict[str, str | int | float | bool] = {}
    strict: bool = False
    fill: bool = False
    on: bool = True

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.source is None) == (self.value is None):
            raise ValueError(f"the row to {self.to!r} needs either `from` or `value`, and not both")
        if self.record != "lead" and (self.default is not None or self.fill):
            raise ValueError(f"the row to {self.to!r}: `default` and `fill` are for leads; add a second row instead")
        if self.strict and not self.values:
            raise ValueError(f"the row to {self.to!r} is strict and has no `values` to be strict about")
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
