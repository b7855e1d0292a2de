"""What a row's transforms make of a value. In: the transforms of `schemas.transform`. Out: functions, compiled once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from schemas.normal.path import ABSENT
from schemas.normal.text import without_tags
from schemas.normal.values import ValueRejected, text_of, word_of
from schemas.transform import Constant, DateFormat, Join, LookUp, SplitName, Transform, name_of

UNLISTED = "not in the mapping's look-up table; kept as it was sent"

Step = Callable[[Any, list[str]], Any]  # a value, and a list that notes go to; ABSENT: there is no value after all

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_PINCODE = re.compile(r"(?<!\d)([1-9]\d{2}) ?(\d{3})(?!\d)", re.ASCII)


class Steps(NamedTuple):
    """A row's transforms, compiled: what is done to each value, what joins the values, what is done to the one text."""

    each: tuple[Step, ...]
    join: str | None
    joined: tuple[Step, ...]


def steps_of(transforms: Sequence[Transform], label: str) -> Steps:
    """The transforms of one row; `label` is the field that a rejection names."""
    at = next((place for place, transform in enumerate(transforms) if isinstance(transform, Join)), None)
    if at is None:
        return Steps(_steps(transforms, label), None, ())
    join = transforms[at]
    separator = join.join if isinstance(join, Join) else ""
    return Steps(_steps(transforms[:at], label), separator, _steps(transforms[at + 1 :], label))


def run(steps: tuple[Step, ...], value: Any, notes: list[str]) -> Any:
    """The value after all the steps; ABSENT as soon as one finds nothing. Raises ValueRejected."""
    for step in steps:
        value = step(value, notes)
        if value is ABSENT:
            break
    return value


def _steps(transforms: Sequence[Transform], label: str) -> tuple[Step, ...]:
    return tuple(_step(transform, label) for transform in transforms if transform != "first")


def _step(transform: Transform, label: str) -> Step:
    if isinstance(transform, LookUp):
        return _look_up(transform, label)
    if isinstance(transform, DateFormat):
        return _date_format(transform.date_format, label)
    if isinstance(transform, Constant):
        constant = transform.constant
        return lambda value, notes: constant
    if isinstance(transform, Join):  # a second one; what is there is one text already
        return lambda value, notes: value
    name = name_of(transform)
    work = _SPLITS[transform.split_name] if isinstance(transform, SplitName) else _ON_TEXT[name]

    def step(value: Any, notes: list[str]) -> Any:
        return work(text_of(value, label, f"the transform {name!r}"))

    return step


def _look_up(transform: LookUp, label: str) -> Step:
    table = {said.casefold(): meant for said, meant in transform.look_up.items()}
    rule = f"the mapping takes one of: {', '.join(transform.look_up)}"

    def step(value: Any, notes: list[str]) -> Any:
        meant = table.get(word_of(value), ABSENT)
        if meant is not ABSENT:
            return meant
        if transform.strict:
            raise ValueRejected(label, value, rule)
        notes.append(f"{label}: {UNLISTED}")
        return value

    return step


def _date_format(format: str, label: str) -> Step:
    rule = f"the mapping reads times that are written as {format}"

    def step(value: Any, notes: list[str]) -> Any:
        text = text_of(value, label, "the transform 'date_format'")
        try:
            read = datetime.strptime(text.strip(), format)  # noqa: DTZ007 - the source's zone is the field's matter
            return (read if read.tzinfo is None else read.astimezone(UTC)).isoformat()
        except (ValueError, OverflowError):
            raise ValueRejected(label, value, rule) from None

    return step


def _titled(text: str) -> str:
    return _WORD.sub(lambda word: _capital(word[0]), text)


def _capital(word: str) -> str:
    """A word with a capital; a second one after a one-letter beginning, as in D'Souza, and none in it's."""
    head, mark, tail = word[:1].upper(), word[1:2], word[2:]
    if mark in ("'", "’"):
        return head + mark + tail[:1].upper() + tail[1:].lower()
    return head + word[1:].lower()


def _first_name(text: str) -> Any:
    return next(iter(text.split(maxsplit=1)), ABSENT)


def _last_name(text: str) -> Any:
    words = text.split()
    return " ".join(words[1:]) if len(words) > 1 else ABSENT


def _indian_pincode(text: str) -> Any:
    """The six digits of an Indian postal code; the last in the text, since addresses end with it. ABSENT if none."""
    found = _PINCODE.findall(text)
    return "".join(found[-1]) if found else ABSENT


_ON_TEXT: dict[str, Callable[[str], Any]] = {
    "trim": lambda text: " ".join(text.split()),
    "lower": str.lower,
    "title": _titled,
    "strip_tags": without_tags,
    "indian_pincode": _indian_pincode,
}
_SPLITS: dict[str, Callable[[str], Any]] = {"first": _first_name, "last": _last_name}
