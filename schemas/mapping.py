"""One row of a mapping, from a path in the source's document to a field of a record."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.normal.path import LONGEST_PATH
from schemas.strict import Strict
from schemas.transform import Constant, LookUp, Scalar, Transform

TARGET = r"^(lead|call|activity)\.[a-z][a-z0-9_]{0,62}$"


class MapRow(Strict):
    """One row of the mapping: from which path, to which field, through which transforms, under which conditions.

    Of several rows to one field the first that has a value counts, so a later row, or a constant, is a fallback.
    """

    to: str = Field(
        pattern=TARGET,
        description="Record and field, such as lead.phone.",
    )
    source: str | list[str] | None = Field(
        default=None,
        alias="from",
        description="A path in the source's document, or several, of which the first that has a value counts. "
        "Left out where the first transform is a constant.",
    )
    on: bool = Field(default=True, description="Whether the row is in force.")
    default: Scalar | None = Field(
        default=None,
        description="What the record gets where the source sent nothing, or a blank, unless it already has a value. If "
        "a blank clears the stored value, the default takes its place. Not allowed for fields that identify: what "
        "identifies must come from the source.",
    )
    key: bool = Field(
        default=False,
        description="Makes the field a search key, after the keys that are named above. It must be a unique field.",
    )
    transforms: list[Transform] = Field(default=[], max_length=20, description="Applied one after another.")
    when: dict[str, str | list[str]] = Field(
        default={},
        description="Conditions, all of which must hold: a path, and the value, or the values, that it may have, "
        'compared without regard to case; what is absent or blank compares as "".',
    )
    fill: bool = Field(
        default=False,
        description="Counts only where the lead has no value yet. A value of a unique field still finds the lead.",
    )
    unreadable: Literal["reject", "skip"] | None = Field(
        default=None,
        description="What becomes of a value that the field cannot hold. reject: the event fails. skip: the field is "
        "left out, with a note. Left out: a phone number or e-mail address is kept as text, all else rejects.",
    )

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.source is None and self.constant is None:
            raise ValueError("needs `from`, or a constant as its first transform: transforms = [{ constant = … }]")
        if self.constant is not None and len(self.transforms) > 1:
            raise ValueError(
                "a constant without `from` must be the row's only transform; write the value that the field is to have"
            )
        if self.record != "lead" and self.fill:
            raise ValueError("`fill` is for leads; add a second row to the same field instead, or use `default`")
        if self.record != "lead" and self.key:
            raise ValueError("`key` is for leads: only they are searched for")
        if self.source == [] or any(not path or len(path) > LONGEST_PATH for path in self.paths):
            raise ValueError(f"`from` needs a path of 1 to {LONGEST_PATH} characters, or several")
        if any(values == [] for values in self.when.values()):
            raise ValueError("a condition needs at least one value; without any it could never hold")
        return self

    @property
    def paths(self) -> list[str]:
        """The source paths, in order of preference."""
        if self.source is None:
            return []
        return [self.source] if isinstance(self.source, str) else self.source

    @property
    def constant(self) -> Scalar | None:
        """What a row without a path begins with."""
        if self.source is not None or not self.transforms or not isinstance(self.transforms[0], Constant):
            return None
        return self.transforms[0].constant

    @property
    def conditions(self) -> list[tuple[str, frozenset[str]]]:
        """Each condition: a path, and the words of which its value must be one."""
        return [(path, _words(values)) for path, values in self.when.items()]

    @property
    def own_values(self) -> list[tuple[str, Scalar]]:
        """What the row itself puts into its field, and as what: its default, a constant, the results of a look-up."""
        found: list[tuple[str, Scalar]] = [] if self.default is None else [("default", self.default)]
        last = self.transforms[-1] if self.transforms else None
        if isinstance(last, Constant):
            found.append(("constant", last.constant))
        if isinstance(last, LookUp):
            found += [(f"look-up of {said!r}", meant) for said, meant in last.look_up.items()]
        return found

    @property
    def record(self) -> str:
        return self.to.partition(".")[0]

    @property
    def field(self) -> str:
        return self.to.partition(".")[2]


def _words(values: str | list[str]) -> frozenset[str]:
    return frozenset(value.casefold() for value in ([values] if isinstance(values, str) else values))
