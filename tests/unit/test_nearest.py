"""Which name is offered for one that is not known: one that is really near, and none for a very short one."""

from __future__ import annotations

import pytest

from schemas.nearest import nearest, suggestion

FIELDS = ("city", "company", "email", "first_name", "lead_source", "phone", "phone_alt", "score", "time_zone")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("citty", "city"),
        ("comapny", "company"),
        ("emial", "email"),
        ("Phone", "phone"),
        ("lead_souce", "lead_source"),
        ("TimeZone", "time_zone"),
    ],
)
def test_a_slip_is_answered_with_the_name_that_was_meant(said: str, meant: str) -> None:
    assert nearest(said, FIELDS) == meant


@pytest.mark.parametrize("said", ["pan", "dob", "x", "", "em", "budget", "campaign", "country", "customer_no", "name"])
def test_what_is_not_near_gets_no_suggestion(said: str) -> None:
    assert nearest(said, FIELDS) is None


def test_without_a_near_name_all_names_are_told() -> None:
    assert suggestion("pan", ("city", "company")) == "; the names are city, company"
    assert suggestion("citi", ("city", "company")) == "; did you mean 'city'?"
    assert suggestion("pan", ()) == ""


def test_among_thousands_of_names_the_near_one_is_found_and_few_are_told() -> None:
    known = [f"field_number_{number}" for number in range(2_000)]
    assert nearest("feild_number_1234", known) == "field_number_1234"
    assert nearest("field_numbr_77", known) == "field_number_77"
    assert suggestion("pan", known).endswith(" and 1940 more")
    assert nearest("f" * 5_000, known) is None
