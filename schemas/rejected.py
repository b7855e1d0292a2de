"""Everything that the rules have against one event, at once. In: what each field refused. Out: one rejection."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.normal.values import ValueRejected

SKIPPED = "cannot be read, and is left out"  # noted of a value whose row says so, in the place of a rejection


class Problem(ValueRejected):
    """One of them. `source` is the path that the value lay at, where the field itself has another name."""

    def __init__(self, rejection: ValueRejected, source: str | None = None) -> None:
        super().__init__(rejection.field, rejection.value, rejection.rule)
        self.source = None if source == rejection.field else source

    def __str__(self) -> str:
        return f"{self.field}{f' ({self.source})' if self.source else ''}: {self.rule}"

    def told(self) -> dict[str, str | None]:
        """For JSON: field, source, value, rule."""
        return {"field": self.field, "source": self.source, "value": self.value, "rule": self.rule}


class Rejected(ValueRejected):
    """An event that the rules say no to; `field`, `value` and `rule` are those of the first of its `problems`."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(first.field, first.value, first.rule)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "; ".join(map(str, self.problems))


def problems_of(rejection: ValueRejected) -> tuple[Problem, ...]:
    """What a rejection consists of."""
    return rejection.problems if isinstance(rejection, Rejected) else (Problem(rejection),)
