"""Countries: what people and systems call one, and that nothing is guessed."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.normal.country import country_of


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("IN", "IN"),
        (" in ", "IN"),
        ("IND", "IN"),
        ("India", "IN"),
        ("INDIA", "IN"),
        ('"India"', "IN"),
        ("US", "US"),
        ("U.S.A.", "US"),
        ("United States", "US"),
        ("the United States of America", "US"),
        ("UAE", "AE"),
        ("u.a.e", "AE"),
        ("are", "AE"),
        ("United Arab Emirates", "AE"),
        ("UK", "GB"),
        ("England", "GB"),
        ("Scotland", "GB"),
        ("Wales", "GB"),
        ("Great Britain", "GB"),
        ("Holland", "NL"),
        ("The Netherlands", "NL"),
        ("Korea", "KR"),
        ("South Korea", "KR"),
        ("Korea, Republic of", "KR"),
        ("Korea, Democratic People's Republic of", "KP"),
        ("Iran, Islamic Republic of", "IR"),
        ("Russia", "RU"),
        ("Russian Federation", "RU"),
        ("Viet Nam", "VN"),
        ("Vietnam", "VN"),
        ("Czech Republic", "CZ"),
        ("Czechia", "CZ"),
        ("Ivory Coast", "CI"),
        ("Côte d’Ivoire", "CI"),
        ("Cote d'Ivoire", "CI"),
        ("Türkiye", "TR"),
        ("Turkey", "TR"),
        ("Myanmar", "MM"),
        ("St. Lucia", "LC"),
        ("Trinidad and Tobago", "TT"),
        ("Trinidad & Tobago", "TT"),
        ("Kosovo", "XK"),
        ("+971", "AE"),
        ("+ 91", "IN"),
    ],
)
def test_a_country_has_many_names(text: str, code: str) -> None:
    assert country_of(text) == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "Nowhere",
        "Asia",
        "EU",
        "ZZ",
        "N/A",
        "+1",  # of many countries
        "+44",
        "+999",
        "+800",  # of none
        "91",  # no plus: it may be anything
        "0091",
        "Congo",  # there are two
        "Virgin Islands",
        "India and Nepal",
        "x" * 1000,
    ],
)
def test_what_names_no_country_or_several_names_none(text: str) -> None:
    assert country_of(text) is None


@given(st.text(max_size=90))
def test_any_text_is_a_country_or_none(text: str) -> None:
    code = country_of(text)
    if code is not None:
        assert country_of(code) == code


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS - {"AC", "TA"}))  # parts of Saint Helena
def test_every_country_that_has_numbers_is_known(region: str) -> None:
    assert country_of(region.lower()) == region
