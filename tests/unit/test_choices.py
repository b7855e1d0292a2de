"""A value as a dropdown or a user field holds it: what it names, in any wrapping; a blank word names nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schemas.fields import Field
from schemas.normal.blank import Blanks
from schemas.normal.choices import NO_USER, coercer_of
from schemas.normal.locale import Locale
from schemas.normal.people import People
from schemas.normal.values import Coerce, ValueRejected

IN = Locale("IN", ZoneInfo("Asia/Kolkata"))
STAGE = Field(name="stage", label="Stage", type="dropdown", options=["New", "Won", '"As is"', "12"])
OWNER = Field(name="owner", label="Owner", type="user")
USERS = People({"asha@example.com": "asha@example.com", "77": "asha@example.com"})


def of(field: Field, **more: Any) -> Coerce:
    return coercer_of(field, f"lead.{field.name}", replace(IN, people=USERS, **more))


@pytest.mark.parametrize(
    ("value", "option"),
    [
        ("Won", "Won"),
        (" won ", "Won"),
        ('"Won"', "Won"),
        ("'won", "Won"),
        ('="WON"', "Won"),
        ("[Won],", "Won"),
        ("\ufeffWon\u200b", "Won"),
        ("New.", "New"),
        ('"As is"', '"As is"'),  # what is an option as it is written is not unwrapped
        (12, "12"),
        ('"12"', "12"),
    ],
)
def test_an_option_in_any_wrapping(value: Any, option: str) -> None:
    assert of(STAGE)(value) == (option, None)


@pytest.mark.parametrize("value", ["N/A", '"null"', "(none)", "-", "'-'", False, "", '""'])
def test_a_blank_word_names_nothing(value: Any) -> None:
    assert of(STAGE)(value) == (None, None)
    assert of(OWNER)(value) == (None, None)


def test_a_blank_word_that_is_an_option_is_an_option() -> None:
    field = STAGE.model_copy(update={"options": ["None", "Some"]})
    assert of(field)('"none"') == ("None", None)
    assert of(field, blanks=Blanks.of(["some"]))("SOME") == ("Some", None)


@pytest.mark.parametrize("value", ["Lost", '"Lost"', ["Won"], {"a": 1}, 13, True, "Won, New"])
def test_what_names_no_option_is_rejected(value: Any) -> None:
    with pytest.raises(ValueRejected, match="one of: New, Won"):
        of(STAGE)(value)


@pytest.mark.parametrize(
    "value",
    [
        "asha@example.com",
        "Asha <ASHA@example.com>",
        '"asha@example.com"',
        "mailto:asha@example.com",
        "stranger@example.com, asha@example.com",
        77,
        "77",
        "'77",
        "[77]",
    ],
)
def test_a_user_in_any_wrapping(value: Any) -> None:
    assert of(OWNER)(value) == ("asha@example.com", None)


@pytest.mark.parametrize("value", ["stranger@example.com", "Asha", "78", True, ["77"]])
def test_a_stranger_is_no_user(value: Any) -> None:
    with pytest.raises(ValueRejected) as caught:
        of(OWNER)(value)
    assert caught.value.rule == NO_USER


def test_where_the_users_are_not_known_every_address_is_one() -> None:
    lenient = coercer_of(OWNER, "lead.owner", IN)
    assert lenient("Stranger <stranger@example.com>") == ("stranger@example.com", None)
