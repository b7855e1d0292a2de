"""Numbers as people write them in a country, and what is no number or not one alone."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.normal.numbers import read_number


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("1,50,000", "IN", "150000"),
        ("12,34,567.50", "IN", "1234567.50"),
        ("1,234,567", "IN", "1234567"),
        ("1,50,000", None, "150000"),
        ("1,234.56", None, "1234.56"),
        ("1.234", "IN", "1.234"),
        ("1.234", None, "1.234"),
        ("1.234", "DE", "1234"),
        ("1.234,56", "DE", "1234.56"),
        ("1.234.567", "DE", "1234567"),
        ("1,5", "DE", "1.5"),
        ("1,234", "DE", "1.234"),  # a German comma stands before decimals
        ("1234.56", "DE", "1234.56"),  # what can be read in one way alone is
        ("1,234,567", "DE", "1234567"),
        ("0.500", "DE", "0.500"),  # no group begins with a zero
        ("1 234,56", "FR", "1234.56"),
        ("1 234 567", "FR", "1234567"),
        ("1.234,56", "FR", "1234.56"),
        ("1'234.50", "CH", "1234.50"),
        ("1’234’567", "CH", "1234567"),
        ("1.234,56", "BR", "1234.56"),
        ("1,234.56", "US", "1234.56"),
        ("1,234", "CA", "1234"),  # most people there write English
        ("1 234,56", "CA", "1234.56"),
        ("R 1 234,56", "ZA", "1234.56"),
        ("१,५०,०००", "IN", "150000"),
        ("١٬٢٣٤٫٥", "EG", "1234.5"),
        (".5", "IN", "0.5"),
        ("+50", "IN", "50"),
        ("-1,500", "IN", "-1500"),
        ("−500", "IN", "-500"),
        ("- 500", "IN", "-500"),
        ("1E+05", "IN", "100000"),
        ("1.5E+05", "IN", "150000"),
        ("1,5E-01", "DE", "0.15"),
    ],
)
def test_marks_are_those_of_the_country(text: str, country: str | None, number: str) -> None:
    assert read_number(text, country) == Decimal(number)


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("₹50000", "IN", "50000"),
        ("₹ 1,50,000.50", "IN", "150000.50"),
        ("Rs. 50,000/-", "IN", "50000"),
        ("Rs.50,000", "IN", "50000"),
        ("Rs: 500 only", "IN", "500"),
        ("INR 1,50,000.50", "IN", "150000.50"),
        ("50000 INR", "IN", "50000"),
        ("50000 inr", None, "50000"),
        ("$1,234", "IN", "1234"),  # any country's sign
        ("US$ 12", "IN", "12"),
        ("12 €", "DE", "12"),
        ("€ 1.234,-", "AT", "1234"),
        ("CHF 50.-", "CH", "50"),
        ("R$ 1.234,56", "BR", "1234.56"),
        ("12,50 zł", "PL", "12.50"),
        ("1 234 kr", "SE", "1234"),
        ("1 234,50 Kč", "CZ", "1234.50"),
        ("Rp1.000.000", "ID", "1000000"),
        ("AED 1,234", "AE", "1234"),
        ("د.إ. 500", "AE", "500"),
        ("Dhs 500", "AE", "500"),
        ("50,000/=", "KE", "50000"),
        ("-₹500", "IN", "-500"),
        ("₹ -500", "IN", "-500"),
        ("$-5", "US", "-5"),
    ],
)
def test_the_sign_or_name_of_a_currency_says_nothing_of_the_number(text: str, country: str | None, number: str) -> None:
    assert read_number(text, country) == Decimal(number)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("50k", 50_000),
        ("50 K", 50_000),
        ("1.5 lakh", 150_000),
        ("2 Lakhs", 200_000),
        ("3 lac", 300_000),
        ("2 cr", 20_000_000),
        ("₹1.5 Cr.", 15_000_000),
        ("2 Crores only", 20_000_000),
        ("Rs 2 lakhs /-", 200_000),
        ("USD 5 mn", 5_000_000),
        ("1.2 million", 1_200_000),
        ("1 bn INR", 1_000_000_000),
    ],
)
def test_a_scale_is_counted(text: str, number: int) -> None:
    assert read_number(text, "IN") == number


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("", "IN"),
        ("-", "IN"),
        ("₹", "IN"),
        ("twelve", "IN"),
        ("50-60", "IN"),
        ("50000 to 60000", "IN"),
        ("₹50,000 - ₹60,000", "IN"),
        ("10 / 20", "IN"),
        ("5 5", "IN"),
        ("100 200", "IN"),  # no custom of the country: it may be two
        ("1,5", "IN"),
        ("1,5", None),
        ("1.234,56", "IN"),
        ("1,50,00", "IN"),
        ("1,5000", "IN"),
        ("0,500", "IN"),
        ("1,,5", "IN"),
        ("1..5", "IN"),
        ("1.234.567", "IN"),
        ("1'000", "IN"),
        ("(500)", "IN"),  # a debt to some, and a remark to others
        ("500-", "IN"),
        ("Rs-500", "IN"),
        ("FT-500", "HU"),
        ("+-5", "IN"),
        ("12 kg", "IN"),
        ("5 ft", "IN"),
        ("2 cup", "IN"),  # CUP is the Cuban peso, in capitals
        ("12%", "IN"),
        ("5 stars", "IN"),
        ("approx 500", "IN"),
        ("500+", "IN"),
        ("1e5", "IN"),
        ("0x10", "IN"),
        ("1_000", "IN"),
        ("NaN", "IN"),
        ("5²", "IN"),
        ("2026-07-31", "IN"),
        ("12:30", "IN"),
        ("9" * 200, "IN"),
    ],
)
def test_what_is_no_number_or_not_one_is_none(text: str, country: str | None) -> None:
    assert read_number(text, country) is None


COUNTRIES = st.sampled_from([None, "IN", "DE", "FR", "CH", "US", "XX", "in"])


@given(st.integers(-(2**53), 2**53), COUNTRIES)
def test_a_number_in_groups_of_english_is_read_everywhere_but_where_its_comma_means_something_else(
    number: int, country: str | None
) -> None:
    text = f"{number:,}"
    if text.count(",") != 1:
        assert read_number(text, country) == number


@given(st.text(max_size=30) | st.text("0123456789.,' -+₹$RsINRkE", max_size=20), COUNTRIES)
def test_any_text_is_one_finite_number_or_none(text: str, country: str | None) -> None:
    number = read_number(text, country)
    assert number is None or number.is_finite()
