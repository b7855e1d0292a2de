"""Plans by the names of a document's members: made once per shape, and never for more shapes than are remembered."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from schemas.shapes import LONGEST, REMEMBERED, Shapes


class Plans:
    """Makes plans, and counts them."""

    def __init__(self) -> None:
        self.made = 0
        self.of = Shapes(self._plan)

    def _plan(self, names: Collection[str]) -> tuple[str, ...]:
        self.made += 1
        return tuple(name for name in ("phone", "email") if name in names)


def test_documents_of_one_shape_share_a_plan() -> None:
    plans = Plans()
    documents: list[dict[str, Any]] = [{"phone": "1", "x": 1}, {"phone": None, "x": {}}, {"email": ""}, {}, {}]
    assert [plans.of(document) for document in documents] == [("phone",), ("phone",), ("email",), (), ()]
    assert plans.made == 3


def test_a_source_that_makes_up_names_is_read_all_the_same_and_fills_no_memory() -> None:
    plans = Plans()
    for number in range(10 * REMEMBERED):
        assert plans.of({"phone": 1, f"x{number}": 1}) == ("phone",)
    assert len(plans.of._plans) <= REMEMBERED
    for _ in range(2):
        assert plans.of({"email": 1, "x" * LONGEST: 1}) == ("email",)
    assert sum(len(name) for names in plans.of._plans for name in names) <= REMEMBERED * LONGEST
    assert plans.made == 10 * REMEMBERED + 2
