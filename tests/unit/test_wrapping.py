"""What people and programs wrap around a value, taken off: and nothing that means something."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.normal.wrapping import ROUND, unwrapped


@pytest.mark.parametrize(
    "wrapped",
    [
        "50000",
        " 50000\n",
        '"50000"',
        "'50000'",
        "''50000''",
        "“50000”",
        "„50000“",
        "«50000»",
        "‘50000’",
        "`50000`",
        '\\"50000\\"',
        "'50000",
        '="50000"',
        "='50000'",
        "=50000",
        "[50000]",
        "{50000}",
        "<50000>",
        "(50000)",
        '["50000"]',
        "50000,",
        "50000;",
        "50000.",
        '"50000",',
        "\ufeff50000",
        "ï»¿50000",
        "\u200e50000\u200f",
        "50\u200b000",
        "\u00a050000\u202f",
        "%2250000%22",
        "%252250000%2522",
        "&quot;50000&quot;",
        "&amp;quot;50000&amp;quot;",
        "&nbsp;50000",
    ],
)
def test_wrapping_goes(wrapped: str) -> None:
    assert unwrapped(wrapped) == "50000"


@pytest.mark.parametrize("text", ["-500", "+50", "50%", "5'", "a(b)", "(a)(b", "=a", "₹50", "5 000", "100%25 sure"])
def test_what_is_no_wrapping_stays(text: str) -> None:
    assert unwrapped(text) == text.replace("%25", "%")


@pytest.mark.parametrize("text", ["", '""', "()", "[]", " , ", "...", "“”", "\u200b", "''", "&nbsp;"])
def test_of_wrapping_alone_nothing_is_left(text: str) -> None:
    assert unwrapped(text) == ""


def test_brackets_that_mean_something_stay() -> None:
    assert unwrapped("(500)", keep=ROUND) == "(500)"
    assert unwrapped('"(500)",', keep=ROUND) == "(500)"
    assert unwrapped("[500]", keep=ROUND) == "500"


@given(st.text(max_size=60))
def test_any_text_is_unwrapped_and_none_grows(text: str) -> None:
    assert len(unwrapped(text)) <= len(text)
