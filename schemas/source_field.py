"""A source field: something that a source sends, so that a person sees what can be mapped. In: its path and type."""

from __future__ import annotations

from pydantic import Field as Attribute
from pydantic import field_validator

from schemas.fields import CHOICES, LONGEST_LABEL, FieldType
from schemas.normal.path import LONGEST_PATH
from schemas.strict import Strict


class SourceField(Strict):
    """One field of a source's document.

    A text is left as it was sent. A value of another type is brought into normal form before it is mapped, if it can
    be read; if not, it stays as it was sent, and the field that it is mapped to
    decides.
    """

    path: str = Attribute(
        min_length=1,
        max_length=LONGEST_PATH,
        description="Where it lies in the source's document: member names joined by dots, numbers for places in lists.",
    )
    label: str = Attribute(default="", max_length=LONGEST_LABEL, description="What people see; left out: the path.")
    type: FieldType = Attribute(
        default=FieldType.TEXT,
        description="What the source sends there. `text` leaves it as it is.",
        json_schema_extra={"not": {"enum": ["dropdown", "dependent_dropdown", "user"]}},
    )

    @field_validator("type")
    @classmethod
    def _plain(cls, value: FieldType) -> FieldType:
        if value in CHOICES or value is FieldType.USER:
            raise ValueError(f"type {value} is for fields of records; a source sends text, so use type text here")
        return value

    @property
    def title(self) -> str:
        """The label, or the path."""
        return self.label or self.path
