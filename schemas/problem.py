"""What is wrong with a connector's settings. In: a place and a sentence. Out: problems, all of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas.settings import ConnectorSettings
from schemas.words import rule, told

MOST = 200  # problems that are put into words; nobody reads more at a time
NAMED = {"map": "to", "fields": "name", "source_fields": "path"}  # what tells the rows of a table apart


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the place, as a person finds it, and what to do.

    `row` is the mapping's, from 1; `value` what stands there, where it is one value and no secret. `stored`: it is one
    that records hold, and so of people.
    """

    place: str
    message: str
    row: int | None = None
    value: str | int | float | bool | None = None
    stored: bool = False

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
    """What the models of the settings found wrong in a document; of very many the first ones."""
    found = error.errors(include_url=False)[: MOST + 1]
    return [_problem(each["loc"], _words(each), document) for each in found]


def _words(found: ErrorDetails) -> str:
    """The sentence for a person. A value of `auth` is not repeated, where a secret may stand by mistake."""
    return (rule if "auth" in found["loc"][:1] else told)(found, ConnectorSettings)


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
