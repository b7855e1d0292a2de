"""What an operation raises when it will not do what was asked. In: why. Out: one shape for the API and the commands.

Nothing was changed when one of these is raised. The API makes a status of the class, the command line an exit code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LONGEST = 80  # characters of a value that a line names


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, what was given, and which rule it breaks. `value` never holds a secret.

    `stored`: the value is one that records or journalled requests hold, and so of people.
    """

    field: str | None
    rule: str
    value: Any = None
    stored: bool = False

    def __str__(self) -> str:
        return self.rule if self.field is None else f"{self.field}{self._given()}: {self.rule}"

    def _given(self) -> str:
        """What was given, if that is one value which the rule itself does not name."""
        told = repr(self.value)
        if not isinstance(self.value, str | int | float) or (isinstance(self.value, str) and told in self.rule):
            return ""
        return f" {told}" if len(told) <= LONGEST else f" {told[:LONGEST]}…"


class Refused(Exception):
    """Not done. `detail` says why and what to do, `problems` lists everything that is wrong."""

    def __init__(self, detail: str, problems: Sequence[Problem] = ()) -> None:
        told = f"{detail}: {problems[0]}" if len(problems) == 1 else "\n  ".join([detail, *map(str, problems)])
        super().__init__(told)
        self.detail = detail
        self.problems = tuple(problems)


class NotFound(Refused):
    """There is no such thing in this account, or none that the caller may see; both look the same."""


class Invalid(Refused):
    """What was given breaks a rule."""


class InUse(Refused):
    """It does not fit what is there: a name that is taken, a thing that others need, a state that has moved on."""


class Stale(Refused):
    """Somebody has saved it since the caller read it."""


class Forbidden(Refused):
    """The caller's role, or the key's scopes, do not allow it."""


class Busy(Refused):
    """Too much at once; the same call may work in `retry_after` seconds."""

    def __init__(self, detail: str, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
