"""What is wrong with a connector's settings. In: a place and a sentence. Out: problems, all of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas.fields import NAME
from schemas.mapping import TARGET
from schemas.scheme import HEADER_NAME
from schemas.settings import CONNECTOR_NAME

NAMED = {"map": "to", "fields": "name", "source_fields": "path"}  # what tells the rows of a table apart
PATTERNS = {  # what a text must look like, in words
    CONNECTOR_NAME: "takes lower-case letters, digits and hyphens",
    TARGET: "takes a field of a lead, call or activity, such as lead.phone",
    NAME: "takes lower-case letters, digits and underscores, and begins with a letter",
    HEADER_NAME: "takes the name of an HTTP header, such as X-Api-Key",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the place, as a person finds it, and what to do. `row` is the mapping's, from 1."""

    place: str
    message: str
    row: int | None = None

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class BadSettings(ValueError):
    """Settings that cannot be saved; `problems` has one sentence for each thing that is wrong."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def map_row(number: int, to: object) -> str:
    """The place of a row of the mapping; rows count from 1."""
    return f"map row {number}" if not isinstance(to, str) else f"map row {number} (to {to})"


def of_model(error: ValidationError, document: Mapping[str, Any]) -> list[Problem]:
    """What the models of the settings found wrong in a document."""
    return [_problem(found["loc"], _words(found), document) for found in error.errors(include_url=False)]


def _words(found: ErrorDetails) -> str:
    """The sentence for a person. A value of `auth` is not repeated, where a secret may stand by mistake."""
    match found["type"]:
        case "missing":
            return "is missing, and required"
        case "extra_forbidden":
            return "there is no such setting; correct its name, or take it away"
        case "string_pattern_mismatch":
            pattern = str(found["ctx"]["pattern"])
            given = "" if "auth" in found["loc"][:1] else f", and not {found['input']!r}"
            return PATTERNS.get(pattern, f"takes what matches {pattern}") + given
    return found["msg"].removeprefix("Value error, ")


def _problem(location: tuple[int | str, ...], message: str, document: Mapping[str, Any]) -> Problem:
    table, *rest = location or ("the settings",)
    if not rest or not isinstance(rest[0], int):
        return Problem(".".join(map(str, location)) or "the settings", message)
    number = rest[0] + 1
    rows = document.get(str(table))
    row = rows[rest[0]] if isinstance(rows, list) and rest[0] < len(rows) else None
    name = row.get(NAMED.get(str(table), "")) if isinstance(row, Mapping) else None
    if table == "map":
        place = map_row(number, name)
    else:
        place = f"{table} row {number}" if name is None else f"{table} row {number} ({name})"
    within = ".".join(str(part) for part in rest[1:] if isinstance(part, str))
    return Problem(f"{place}, {within}" if within else place, message, number if table == "map" else None)
