"""Fields: the typed attributes of a record. In: what an account says of one. Out: a `Field`, checked by itself.

The fields of a record kind belong together, since a dependent dropdown has a parent: `field_problems` looks at them
all. The standard ones are in `schemas.standard`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field as Attribute
from pydantic import field_validator, model_validator

from schemas.strict import Strict

NAME = r"^[a-z][a-z0-9_]{0,62}$"
LONGEST_LABEL = 200  # characters; options too
MOST_OPTIONS = 2_000

AS_SENT = "_as_sent"  # what follows the name of a lead's phone field: the number as the source wrote it

IfTaken = Literal["hold", "leave_out", "share"]
RecordKind = Literal["lead", "call", "activity"]


class FieldType(StrEnum):
    """What a field holds. Its normal form is a JSON value: E.164 text, ISO 8601 text in UTC, a number of seconds, …"""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    PHONE = "phone"
    EMAIL = "email"
    DATE = "date"
    DATETIME = "datetime"
    DURATION = "duration"
    DROPDOWN = "dropdown"
    DEPENDENT_DROPDOWN = "dependent_dropdown"
    USER = "user"


CHOICES = frozenset({FieldType.DROPDOWN, FieldType.DEPENDENT_DROPDOWN})
SHARED = frozenset({FieldType.PHONE, FieldType.EMAIL})  # what people share, as members of a family do
UNIQUE_TYPES = (FieldType.TEXT, FieldType.NUMBER, FieldType.PHONE, FieldType.EMAIL)


class Field(Strict):
    """One field of a record.

    A unique field identifies a lead: it has a key space, in which its values are compared in normal form. Fields of
    one space find each other's leads, so a call from somebody's second number reaches the lead that has it.
    """

    name: str = Attribute(
        pattern=NAME, description="Schema name: lower-case letters, digits and underscores. Cannot be changed."
    )
    label: str = Attribute(min_length=1, max_length=LONGEST_LABEL, description="What people see.")
    type: FieldType = Attribute(default=FieldType.TEXT, description="What the field holds.")
    options: list[str] = Attribute(
        default=[], max_length=MOST_OPTIONS, description="Of a dropdown: its options, in the order in which they show."
    )
    parent: str | None = Attribute(
        default=None,
        pattern=NAME,
        description="Of a dependent dropdown: the dropdown whose value decides which options there are.",
    )
    options_by_parent: dict[str, list[str]] = Attribute(
        default={},
        max_length=MOST_OPTIONS,
        description="Of a dependent dropdown: for each of the parent's options, the options that go with it.",
    )
    required: bool = Attribute(
        default=False,
        description="A new lead must have a value in it. An update may leave it out, and a blank never clears it.",
    )
    unique: bool = Attribute(
        default=False, description="A value belongs to one lead only; the field can be a search key."
    )
    key: str | None = Attribute(
        default=None,
        pattern=NAME,
        description="The key space of a unique field, which other fields may share. Left out: the field's own name.",
    )
    own_space: bool = Attribute(
        default=False,
        description="Whether values of a unique field are compared only within one connector. Set it for a "
        "source's own "
        "ids: two sources that both count from 1 must not find each other's leads.",
    )
    case_sensitive: bool = Attribute(
        default=False,
        description="Whether values of a unique text field that differ by case are different keys, as the ids of some "
        "systems are. Left out: ABCDE8322F and abcde8322f are one key. Blanks around a value never count.",
    )
    if_taken: IfTaken | None = Attribute(
        default=None,
        description="Of a unique field: what happens to an event about one lead, with a value that another lead has. "
        "hold: the event waits for a person to decide whose it is; leave_out: it goes on without the value, with a "
        "note; share: both leads have the value, and the first one is found by it. Left out: share for phone numbers "
        "and e-mail addresses, which people do share; hold for all others.",
    )
    junk: list[str] = Attribute(
        default=[],
        max_length=MOST_OPTIONS,
        description="Values of a unique field that identify nobody, because many people give them.",
    )

    @field_validator("name")
    @classmethod
    def _not_as_sent(cls, value: str) -> str:
        if value.endswith(AS_SENT):
            raise ValueError(f"names that end in {AS_SENT} are those of numbers as they were sent; choose another")
        return value

    @field_validator("options")
    @classmethod
    def _options(cls, value: list[str]) -> list[str]:
        return _distinct(value)

    @field_validator("options_by_parent")
    @classmethod
    def _options_by_parent(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        _distinct(value)
        return {parent: _distinct(options) for parent, options in value.items()}

    @model_validator(mode="after")
    def _whole(self) -> Self:
        self._check_options()
        if self.unique and self.type not in UNIQUE_TYPES:
            raise ValueError(f"a {self.type} field cannot be unique; a {', '.join(UNIQUE_TYPES)} field can")
        if not self.unique and (self.key or self.own_space or self.junk or self.if_taken):
            raise ValueError("`key`, `own_space`, `junk` and `if_taken` belong to a unique field; set `unique` too")
        if self.case_sensitive and not (self.unique and self.type is FieldType.TEXT):
            raise ValueError(
                "`case_sensitive` belongs to a unique text field; numbers, phones and e-mails have one form each"
            )
        return self

    def _check_options(self) -> None:
        if (self.type is FieldType.DROPDOWN) != bool(self.options):
            raise ValueError("a dropdown needs `options`, and no other type has them")
        dependent = self.type is FieldType.DEPENDENT_DROPDOWN
        if dependent != bool(self.parent) or dependent != bool(self.options_by_parent):
            raise ValueError("a dependent dropdown needs `parent` and `options_by_parent`; no other type has them")

    @property
    def space(self) -> str | None:
        """The key space of a unique field; None: it identifies nobody."""
        return (self.key or self.name) if self.unique else None

    def key_space(self, connector: int) -> str | None:
        """The key space of this field's values when they come by this connector."""
        return f"{self.space}:{connector}" if self.space and self.own_space else self.space

    @property
    def folds(self) -> bool:
        """Whether its values are compared without regard to case, as keys; see `schemas.key_text`."""
        return self.type is FieldType.TEXT and not self.case_sensitive

    @property
    def when_taken(self) -> IfTaken:
        """What happens to an event that brings the value of another lead."""
        return self.if_taken or ("share" if self.type in SHARED else "hold")

    @property
    def choices(self) -> list[str]:
        """Every option there is, whatever the parent says."""
        of_parents = (option for options in self.options_by_parent.values() for option in options)
        return list(dict.fromkeys([*self.options, *of_parents]))


Fields = Mapping[str, Field]  # of one record kind, by name
RecordFields = Mapping[str, Fields]  # by record kind


def field_problems(record: str, field: Field, others: Fields) -> list[str]:
    """What is wrong with a field among the other ones of its record kind; empty if nothing is."""
    problems = []
    if record != "lead" and (field.unique or field.required):
        problems.append(f"{field.name}: only a lead's field can be unique or required, and this is a {record}'s")
    problems += _unlike(field, others)
    if field.parent is None:
        return problems
    parent = others.get(field.parent)
    if parent is None or parent.type not in CHOICES:
        found = "there is no field of that name" if parent is None else f"that is a {parent.type} field"
        return [*problems, f"{field.name}: its parent {field.parent!r} must be a dropdown of the same record; {found}"]
    seen, above = {field.name}, parent
    while above.name not in seen and above.parent is not None and above.parent in others:
        seen.add(above.name)
        above = others[above.parent]
    if above.name in seen:
        return [*problems, f"{field.name}: its parents form a circle ({' → '.join(sorted(seen))})"]
    known = {option.casefold() for option in parent.choices}
    strangers = [option for option in field.options_by_parent if option.casefold() not in known]
    if strangers:
        problems.append(f"{field.name}: its parent {parent.name!r} has no option {', '.join(map(repr, strangers))}")
    return problems


def _unlike(field: Field, others: Fields) -> list[str]:
    """Fields of one key space are compared alike, or they would not find each other's leads."""
    unlike = [
        other.name
        for other in others.values()
        if field.space is not None
        and other.space == field.space
        and other.type is field.type is FieldType.TEXT
        and other.case_sensitive is not field.case_sensitive
    ]
    return [
        f"{field.name}: {name} has the same key space, {field.space}, but another value of `case_sensitive`; "
        "give both the same"
        for name in unlike
    ]


def _distinct(options: Iterable[str]) -> list[str]:
    """The options, if they can be told apart by people: not blank, trimmed, different also without regard to case."""
    found = list(options)
    for option in found:
        if not option or option != option.strip() or len(option) > LONGEST_LABEL or "\0" in option:
            raise ValueError(
                f"{option!r} cannot be an option: it takes 1 to {LONGEST_LABEL} characters, no blanks around them"
            )
    times = Counter(option.casefold() for option in found)
    twice = next((option for option in found if times[option.casefold()] > 1), None)
    if twice is not None:
        raise ValueError(f"the option {twice!r} is there twice")
    return found
