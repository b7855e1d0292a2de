"""Settings that are wrong in thousands of places: judged in bounded time, and told in bounded words."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.operations.checking import checked
from schemas.problem import MOST
from schemas.standard import STANDARD

BASE = {"name": "x", "preset": "generic-json"}
FIELDS = [{"name": f"field_number_{number}", "label": f"F{number}"} for number in range(1_000)]


def rows(to: str) -> list[dict[str, str]]:
    """A thousand rows to fields of this kind of name."""
    return [{"from": f"a{number}", "to": f"lead.{to}{number}"} for number in range(1_000)]


@pytest.mark.parametrize(
    "more",
    [
        {"map": rows("field_number_x"), "fields": FIELDS},
        {"map": rows("unknown_")},
        {f"primary_ke{number}": 1 for number in range(5_000)},
        {"map": [{"from": "a", "to": "lead.email", **{f"defaul{n}": 1 for n in range(10)}} for _ in range(1_000)]},
    ],
    ids=["rows near a thousand fields", "rows near none", "unknown settings", "unknown members of rows"],
)
def test_what_is_wrong_in_thousands_of_places_is_told_in_a_few_hundred(more: dict[str, Any]) -> None:
    settings, problems = checked({**BASE, **more}, STANDARD)
    assert settings is None
    assert (
        len(problems) == MOST + 1 and problems[-1].rule == f"there are more than {MOST} problems; correct these first"
    )
    assert all(len(each.rule) < 2_000 for each in problems)


@pytest.mark.parametrize(
    ("name", "value", "most"),
    [("fields", [{}] * 200_000, 1_000), ("source_fields", [{}] * 200_000, 5_000), ("id", ["a"] * 200_000, 100)],
)
def test_a_list_without_end_is_one_problem(name: str, value: list[Any], most: int) -> None:
    _, problems = checked({**BASE, name: value}, STANDARD)
    assert [str(each) for each in problems] == [f"{name}: must have at most {most} entries"]
