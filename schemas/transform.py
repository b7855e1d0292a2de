"""Transforms: what a mapping row does to a value on its way. In: names, or tables of one name. Out: checked models.

| transform | value | becomes |
|---|---|---|
| `trim` | text | without white space around it, and single spaces inside |
| `lower` | text | in lower case |
| `title` | text | every word with a capital: `Asha D'Souza` |
| `strip_tags` | HTML | plain text |
| `first` | several paths | the first that has a value; so it is without it too |
| `{ join = ", " }` | several paths, or a list | one text, with this between the parts |
| `{ split_name = "first" }` | a whole name | its first word; `last`: the rest of it |
| `{ look_up = { W = "web" }, strict = true }` | a value | what the table says, without regard to case |
| `{ date_format = "%d/%m/%Y" }` | a time written like that | the time in ISO 8601 |
| `{ constant = "x" }` | anything, or nothing if the row has no `from` | always this |
| `indian_pincode` | a text that ends with an address | the six digits of its postal code |
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Discriminator, Tag, field_validator
from pydantic import Field as Attribute

from schemas.nearest import suggestion
from schemas.strict import Strict

Scalar = str | int | float | bool
Plain = Literal["trim", "lower", "title", "strip_tags", "first", "indian_pincode"]

_PROBE = datetime(2026, 11, 22, 13, 45, 59, tzinfo=UTC)  # no two of its parts are alike


def date_format(value: str) -> str:
    """A format of strptime that names a day, checked; ValueError says what it lacks."""
    try:
        read = datetime.strptime(_PROBE.strftime(value), value)  # noqa: DTZ007
    except ValueError as error:
        raise ValueError(f"{value!r} is not a date format: {error}") from None
    if read.date() != _PROBE.date():
        raise ValueError(f"{value!r} does not name a day: it needs year (%Y), month (%m or %b) and day (%d)")
    return value


class Join(Strict):
    """The values at all of the row's paths, or of a list, joined into one text."""

    join: str = Attribute(max_length=100, description="What stands between the parts.")


class SplitName(Strict):
    """A part of a whole name."""

    split_name: Literal["first", "last"] = Attribute(description="The first word, or the rest.")


class LookUp(Strict):
    """What the source says, and what the record says instead."""

    look_up: dict[str, Scalar] = Attribute(
        min_length=1, max_length=5_000, description="Values of the source, compared without regard to case."
    )
    strict: bool = Attribute(
        default=False,
        description="Reject a value that is not in the table; if false, the value stays as it was sent, with a note.",
    )

    @field_validator("look_up")
    @classmethod
    def _distinct(cls, value: dict[str, Scalar]) -> dict[str, Scalar]:
        if len({word.casefold() for word in value}) != len(value):
            raise ValueError("two entries of the table differ only by case")
        return value


class DateFormat(Strict):
    """A time in a format of the source's own."""

    date_format: str = Attribute(
        min_length=2, max_length=100, description="Directives of strptime, with year, month and day: %d/%m/%Y %H:%M."
    )

    @field_validator("date_format")
    @classmethod
    def _whole(cls, value: str) -> str:
        return date_format(value)


class Constant(Strict):
    """Always the same value."""

    constant: Scalar = Attribute(description="The value.")


NAMES: tuple[str, ...] = (*get_args(Plain), "join", "split_name", "look_up", "date_format", "constant")


def _named(value: Any) -> Any:
    """The value, if it names a transform; ValueError offers the nearest name."""
    if isinstance(value, Strict):
        return value
    names = [value] if isinstance(value, str) else []
    if isinstance(value, dict):
        names = [name for name in value if name != "strict"]
    if len(names) != 1 or not isinstance(names[0], str):
        raise ValueError('a transform is a name, such as "trim", or a table with one name, such as { join = ", " }')
    [name] = names
    if name not in NAMES:
        raise ValueError(f"no transform is called {name!r}{suggestion(name, NAMES)}")
    if isinstance(value, str) and name not in get_args(Plain):
        raise ValueError(f"the transform {name!r} needs a parameter: {{ {name} = … }}")
    if isinstance(value, dict) and name in get_args(Plain):
        raise ValueError(f'the transform {name!r} takes no parameter; write "{name}"')
    return value


def _tag(value: Any) -> str | None:
    if isinstance(value, str):
        return "plain"
    names: Any = value if isinstance(value, Mapping) else type(value).model_fields if isinstance(value, Strict) else ()
    return next((name for name in names if name != "strict"), None)


Transform = Annotated[
    Annotated[Plain, Tag("plain")]
    | Annotated[Join, Tag("join")]
    | Annotated[SplitName, Tag("split_name")]
    | Annotated[LookUp, Tag("look_up")]
    | Annotated[DateFormat, Tag("date_format")]
    | Annotated[Constant, Tag("constant")],
    Discriminator(_tag),
    BeforeValidator(_named),
]


def name_of(transform: Any) -> str:
    """The transform's name."""
    return transform if isinstance(transform, str) else str(_tag(transform))
