"""What commands print of a refusal: field, value and rule of everything that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.operations.errors import Invalid, Problem


@pytest.mark.parametrize(
    ("field", "value", "rule", "told"),
    [
        ("email", "sam", "must be an e-mail address", "email 'sam': must be an e-mail address"),
        ("name", "", "must have a character", "name '': must have a character"),
        ("name", " ", "must have a character", "name ' ': must have a character"),
        ("days", 0, "must be 10 or more", "days 0: must be 10 or more"),
        ("after", "x", "'x' is not the end of a page", "after: 'x' is not the end of a page"),
        ("scopes", ["a", "b"], "the role does not allow a, b", "scopes: the role does not allow a, b"),
        ("auth", None, "names no secret", "auth: names no secret"),
        (None, "x", "it is no TOML", "it is no TOML"),
        ("note", "n" * 500, "is too long", f"note '{'n' * 79}…: is too long"),
    ],
)
def test_a_problem_names_field_value_and_rule(field: str | None, value: Any, rule: str, told: str) -> None:
    assert str(Problem(field, rule, value)) == told


def test_several_problems_are_a_line_each() -> None:
    refused = Invalid("nothing is saved", [Problem("a", "is missing"), Problem("b", "is no number", "x")])
    assert str(refused) == "nothing is saved\n  a: is missing\n  b 'x': is no number"
