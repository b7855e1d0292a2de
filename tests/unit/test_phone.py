"""Phone numbers: every way sources write one, and that nothing is guessed."""

from __future__ import annotations

from typing import Any

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.normal.phone import NO_NUMBER, facts_of, read_phone


@pytest.mark.parametrize(
    ("text", "country", "e164"),
    [
        ("%2b919611795983", None, "+919611795983"),
        ("%2B91-96117-95983", None, "+919611795983"),
        ("+91-9999999999", None, "+919999999999"),
        ("0120-2222222", "IN", "+911202222222"),
        ("02228571234", "IN", "+912228571234"),  # a landline's STD code is part of the number
        ("2228571234", "IN", "+912228571234"),
        ("080-25551234", "IN", "+918025551234"),
        ("9198111222", "IN", "+919198111222"),  # ten digits that begin like a country code are a mobile number
        ("+91 098111 22233", None, "+919811122233"),
        ("09811122233", "IN", "+919811122233"),
        ("9811122233", "IN", "+919811122233"),
        ("919811122233", "IN", "+919811122233"),
        (" 919811122233", "IN", "+919811122233"),  # a form's unescaped +
        ("0091 98111 22233", None, "+919811122233"),
        ("++919811122233", None, "+919811122233"),
        ("+ 91 (98111) 22.233", None, "+919811122233"),
        ("tel:+91-98111-22233", None, "+919811122233"),
        ("९८१११२२२३३", "IN", "+919811122233"),
        ("９８１１１２２２３３", "IN", "+919811122233"),
        ("+91 98111‑22233", None, "+919811122233"),
        ("\u202a+919811122233\u202c", None, "+919811122233"),
        ("+44 (0)20 7946 0958", "IN", "+442079460958"),
        ("(202) 555-0123", "US", "+12025550123"),
    ],
)
def test_a_number_becomes_e164(text: str, country: str | None, e164: str) -> None:
    phone = read_phone(text, country)
    assert (phone.e164, phone.valid) == (e164, True)
    assert read_phone(e164, None).e164 == e164


def test_the_region_is_that_of_the_number_and_not_of_the_connector() -> None:
    assert read_phone("+12025550123", "IN").region == "US"
    assert read_phone("0120-2222222", "IN").region == "IN"


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("+91-1111111111", "IN"),  # the vendor's own sample
        ("1111111111", "IN"),
        ("9811122233", None),  # no country code, and none to add
        ("919811122233", None),
        ("9811122233 / 9811122244", "IN"),
        ("9811122233, 9811122244", "IN"),
        ("call 9811122233", "IN"),
        ("1-800-FLOWERS", "US"),
        ("98111222", "IN"),
        ("98111222333", "IN"),
        ("12345", "IN"),
        ("+", "IN"),
        ("()", "IN"),
        ("", "IN"),
        ("n/a", "IN"),
        ("null", "IN"),
        ("+91" * 30, "IN"),
        ("%00", "IN"),
        ("%ff%fe", "IN"),
    ],
)
def test_what_is_no_number_is_none(text: str, country: str | None) -> None:
    phone = read_phone(text, country)
    assert phone.e164 is None
    assert not phone.valid


@pytest.mark.parametrize(
    ("text", "shared"),
    [
        ("+91-9999999999", True),  # the vendor's own sample
        ("9876543210", True),
        ("8888888888", True),
        ("9000000000", True),
        ("9988888888", True),
        ("0120-2222222", False),
        ("9811122233", False),
        ("9811111111", True),
        ("9898989898", False),
        ("98765 43211", False),
        ("+1 234 567 8901", True),
    ],
)
def test_a_number_that_many_people_give_is_told_apart(text: str, shared: bool) -> None:
    assert read_phone(text, "IN").shared is shared


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("+919811122233", {"valid": True, "region": "IN", "type": "mobile", "national": "098111 22233"}),
        ("+911202222222", {"valid": True, "region": "IN", "type": "fixed_line", "national": "0120 222 2222"}),
        ("+12025550123", {"valid": True, "region": "US", "type": "fixed_line_or_mobile"}),
        ("+91-1111111111", {"valid": False, "type": None, "national": None}),
        ("nonsense", {"valid": False}),
    ],
)
def test_what_can_be_told_of_a_number(text: str, facts: dict[str, Any]) -> None:
    assert facts_of(text).items() >= facts.items()


def test_a_long_text_is_not_even_parsed() -> None:
    assert read_phone("+919811122233" + " " * 1000, None) is NO_NUMBER


@given(st.text(max_size=50), st.sampled_from([None, "IN", "US", "IT"]))
def test_any_text_is_a_number_in_e164_or_none(text: str, country: str | None) -> None:
    phone = read_phone(text, country)
    assert phone.valid == (phone.e164 is not None)
    if phone.e164 is not None:
        assert phone.e164[0] == "+"
        assert phone.e164[1:].isascii()
        assert phone.e164[1:].isdecimal()
        assert read_phone(phone.e164, None) == phone


def library(number: str) -> str | None:
    """What libphonenumber itself says of a number with a country code."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


@settings(max_examples=400)
@given(
    st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)),
    st.text("0123456789", min_size=3, max_size=13),
    st.sampled_from(["", " ", "-", " 0", "(0)", "."]),
)
def test_the_short_way_says_what_the_library_says(code: int, rest: str, mark: str) -> None:
    number = f"+{code}{mark}{rest}"
    e164 = read_phone(number, None).e164
    assert e164 == library(number)
    assert e164 is None or library(e164) == e164  # so that it may be remembered by that form


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_the_short_way_knows_the_example_numbers_of_every_country(region: str) -> None:
    for kind in phonenumbers.PhoneNumberType.values():
        example = phonenumbers.example_number_for_type(region, kind)
        if example is not None:
            text = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            phone = read_phone(text, None)
            assert (phone.e164, phone.region) == (library(text), phonenumbers.region_code_for_number(example))
