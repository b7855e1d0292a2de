"""What follows from the names of a document's members alone. In: documents. Out: a plan for each, made once per shape.

The documents of one source come in few shapes, though a preset knows a hundred names: of a plan made for a shape only
what can be in such a document is left.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Generic, TypeVar

T = TypeVar("T")

REMEMBERED = 64  # shapes; a source that makes up names as it goes must not fill the memory
LONGEST = 10_000  # characters of all the names of a shape that is remembered


class Shapes(Generic[T]):
    """Plans by the names of a document's members. `plan` must ask nothing else of a document."""

    def __init__(self, plan: Callable[[Collection[str]], T]) -> None:
        self._plan = plan
        self._plans: dict[tuple[str, ...], T] = {}

    def __call__(self, document: dict[str, Any]) -> T:
        names = tuple(document)
        plan = self._plans.get(names)
        return self._made(names) if plan is None else plan

    def _made(self, names: tuple[str, ...]) -> T:
        plan = self._plan(frozenset(names))
        if sum(map(len, names)) <= LONGEST:
            if len(self._plans) >= REMEMBERED:
                self._plans.clear()
            self._plans[names] = plan
        return plan
