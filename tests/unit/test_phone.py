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
        ("91 98450 77051", "IN", "+919845077051"),
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
        ("(510) 766-6701", "US", "+15107666701"),
        ("050 123 4567", "AE", "+971501234567"),
        ("011 91 98450 77042", "US", "+919845077042"),  # the international prefix of where it was written
        ("0091-98450-77042", "US", "+919845077042"),  # and the one of everywhere else
        ("1-800-FLOWERS", "US", "+18003569377"),
    ],
)
def test_a_number_becomes_e164(text: str, country: str | None, e164: str) -> None:
    phone = read_phone(text, country)
    assert (phone.e164, phone.valid) == (e164, True)
    assert read_phone(e164, None).e164 == e164


@pytest.mark.parametrize(
    "text",
    [
        "(+91)9845077051",
        "[+91] 98450-77051",
        "p:+919845077051",
        "tel:+91-98450-77051",
        "callto:9845077051",
        "whatsapp:+919845077051",
        "https://wa.me/919845077051?text=hi",
        "https://api.whatsapp.com/send?phone=919845077051&text=hi",
        "919845077051@s.whatsapp.net",
        "919845077051:12@c.us",
        "sip:+919845077051@203.0.113.7:5060;transport=udp",
        '"Ravi" <sip:9845077051@example.com>',
        "Ravi Kumar <+919845077051>",
        "tel:98450-77051;phone-context=+91",
        "Mob: 98450 77051",
        "M-9845077051",
        "Mobile No.: +91-98450-77051",
        "call 9845077051",
        "98450 77051 (Ravi)",
        "9845077051 whatsapp only",
        "98450 77051.",
        "+91 98450 77051,",
        ";98450 77051;",
        "+91_9845077051",
        "+91/98450/77051",
        "98450/77051",
        "98450·77051",
        "+91 (0) 98450 77051",
        "(0)98450-77051",
        "'+919845077051",
        "'9845077051'",
        '"9845077051"',
        '="9845077051"',
        "`9845077051`",
        "<9845077051>",
        "“98450 77051”",
        "\u200e+91 98450\u00a077051\u200f",
        "\ufeff98450\u200b77051",
        "＋９１ ９８４５０ ７７０５１",
        "+٩١٩٨٤٥٠٧٧٠٥١",
        "%2B91%2098450%2077051",
        "%252b919845077051",
        "&#43;919845077051",
        "&quot;98450&nbsp;77051&quot;",
        "919845077051.0",
        "9845077051.00",
        "9,845,077,051",
        "9,84,50,77,051",
        "Phone 1: 98450 77051",
        "ravi@example.com, 98450 77051",
        "98450 77051 on 05/07/2026 at 10:30",
        "<a href='tel:+919845077051'>98450 77051</a>",
    ],
)
def test_what_people_and_programs_put_around_a_number_is_taken_off(text: str) -> None:
    phone = read_phone(text, "IN")
    assert (phone.e164, phone.extension, phone.others) == ("+919845077051", None, ())


@pytest.mark.parametrize(
    ("text", "country", "e164"),
    [
        ("+09845123003", "IN", "+919845123003"),  # a call log's plus before a national number
        ("+080 23456789", "IN", "+918023456789"),
        ("+0501234567", "AE", "+971501234567"),
        ("0919845123006", "IN", "+919845123006"),  # a zero before the country code
        ("+0919845123006", "IN", "+919845123006"),
        ("0971501234567", "AE", "+971501234567"),
        ("00919845123006", "IN", "+919845123006"),
        ("+00919845123006", None, "+919845123006"),
        ("+9109845123003", None, "+919845123003"),  # a zero behind the country code
        ("+39 (0) 335 1234567", None, "+393351234567"),
        ("+1 (0) 202 555 0123", None, "+12025550123"),
        ("+91919845077051", None, "+919845077051"),  # the country code twice
        ("+91 91 98450 77051", "US", "+919845077051"),
        ("+91+919845077051", None, "+919845077051"),
    ],
)
def test_zeros_and_codes_where_they_do_not_belong(text: str, country: str | None, e164: str) -> None:
    assert read_phone(text, country).e164 == e164


@pytest.mark.parametrize(
    ("text", "country", "e164"),
    [
        ("+5215512345671", None, "+525512345671"),
        ("whatsapp:+5215512345671", "IN", "+525512345671"),
        ("+52 1 222 123 4567", None, "+522221234567"),
        ("044 55 1234 5671", "MX", "+525512345671"),
        ("01 55 1234 5671", "MX", "+525512345671"),
        ("+54 11 15 2345 6789", None, "+5491123456789"),
        ("+54 9 11 15 2345 6789", None, "+5491123456789"),
        ("011 15 2345 6789", "AR", "+5491123456789"),
        ("+55 11 8765-4321", None, "+5511987654321"),
        ("(21) 9765-4321", "BR", "+5521997654321"),
        ("+55 11 2345-6789", None, "+551123456789"),  # a fixed line keeps its eight digits
        ("+57 1 345 6789", None, "+576013456789"),
        ("+84 120 123 4567", None, "+84701234567"),
        ("0169 123 4567", "VN", "+84391234567"),
        ("+225 07 12 34 56", None, "+2250707123456"),
        ("45 12 34 56", "CI", "+2250545123456"),
        ("+229 97 12 34 56", None, "+2290197123456"),
        ("+237 77 12 34 56", None, "+237677123456"),
    ],
)
def test_a_number_of_a_plan_that_was_given_up_is_the_new_one(text: str, country: str | None, e164: str) -> None:
    assert read_phone(text, country).e164 == e164


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("98450 11221 / 98450 11222", ["+919845011221", "+919845011222"]),
        ("9845011221/9845011222", ["+919845011221", "+919845011222"]),
        ("9845011221,9845011222", ["+919845011221", "+919845011222"]),
        ("+91-9845011221, +91-9845011222", ["+919845011221", "+919845011222"]),
        ("9845011221; 080-23456789", ["+919845011221", "+918023456789"]),
        ("9845011221;9845011222", ["+919845011221", "+919845011222"]),
        ("9845011221|+6591234567|9845011222", ["+919845011221", "+6591234567", "+919845011222"]),
        ("9845011221 & 9845011222", ["+919845011221", "+919845011222"]),
        ("9845011221\n9845011222", ["+919845011221", "+919845011222"]),
        ("98450 11221<br>98450 11222", ["+919845011221", "+919845011222"]),
        ("9845011221 or 9845011222", ["+919845011221", "+919845011222"]),
        ("9845011221 und 9845011222", ["+919845011221", "+919845011222"]),
        ("9845011221 and 9845011222", ["+919845011221", "+919845011222"]),
        ("9845011221 9845011222", ["+919845011221", "+919845011222"]),
        ("98450 11221 98450 11222", ["+919845011221", "+919845011222"]),
        ("98450-11221 - 98450-11222", ["+919845011221", "+919845011222"]),
        ("+919845011221+919845011222", ["+919845011221", "+919845011222"]),
        ("9845011221(9845011222)", ["+919845011221", "+919845011222"]),
        ("1) 98450 11221 2) 98450 11222", ["+919845011221", "+919845011222"]),
        ("Tel: 98450 11221 Fax: 080 23456789", ["+919845011221", "+918023456789"]),
        ("98450 11221 / 98450 11221", ["+919845011221"]),  # none twice
        ("12345 / 98450 11222", ["+919845011222"]),  # the first that is valid
        ("98450 11221, 12345", ["+919845011221"]),
        ("080-23456789/90", ["+918023456789"]),  # another number by its last digits: which one is not known
        ("call me at 5 or 98450 11221", ["+919845011221"]),
    ],
)
def test_of_several_numbers_the_first_valid_one_counts_and_the_others_are_told(text: str, numbers: list[str]) -> None:
    phone = read_phone(text, "IN")
    assert [phone.e164, *phone.others] == numbers


@pytest.mark.parametrize(
    ("text", "country", "e164"),
    [
        ("030/23456789", "DE", "+493023456789"),
        ("01/23/45/67/89", "FR", "+33123456789"),
        ("98450-77042", "IN", "+919845077042"),
        ("(080) 2345-6789", "IN", "+918023456789"),
        ("+61 (2) 9374 4000", None, "+61293744000"),
    ],
)
def test_one_number_with_marks_in_it_is_still_one(text: str, country: str | None, e164: str) -> None:
    phone = read_phone(text, country)
    assert (phone.e164, phone.others) == (e164, ())


@pytest.mark.parametrize(
    ("text", "extension"),
    [
        ("98450 77042 ext. 12", "12"),
        ("98450 77042 x12", "12"),
        ("98450 77042x012", "012"),
        ("tel:+919845077042;ext=12", "12"),
        ("98450 77042 #12", "12"),
        ("98450 77042 extn 12", "12"),
        ("98450 77042 (Ext: 1234)", "1234"),
        ("98450 77042, extension 12", "12"),
        ("98450 77042 / ext 12", "12"),
        ("9845077042 Ext", None),
    ],
)
def test_an_extension_is_told_apart(text: str, extension: str | None) -> None:
    phone = read_phone(text, "IN")
    assert (phone.e164, phone.extension, phone.others) == ("+919845077042", extension, ())
    assert read_phone("+919845077042", None).extension is None


def test_an_extension_belongs_to_the_number_before_it() -> None:
    phone = read_phone("080-23456789 ext 12 / 98450 11222", "IN")
    assert (phone.e164, phone.extension, phone.others) == ("+918023456789", "12", ("+919845011222",))


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
        ("9811122233 / 9811122244", None),
        ("971501234567", "IN"),  # of another country it needs a plus or the international prefix
        ("6591234567", None),
        ("+9845077051", "IN"),  # a plus names a calling code: this is no number of Iran, and nobody else's
        ("009845077051", "IN"),
        ("98111222", "IN"),
        ("98111222333", "IN"),
        ("9845O77051", "IN"),
        ("12345", "IN"),
        ("12345, 98111", "IN"),
        ("+91", "IN"),
        ("+", "IN"),
        ("()", "IN"),
        ("", "IN"),
        ("n/a", "IN"),
        ("null", "IN"),
        ("call me at 5", "IN"),
        ("flat 12, MG Road", "IN"),
        ("12345 MG Road", "US"),  # no letter of an address stands for a digit
        ("12.9716, 77.5946", "IN"),
        ("ravi9845077051@example.com", "IN"),
        ("https://example.com/9845077051", "IN"),
        ("13/01/2026", "IN"),
        ("05.07.2026", "DE"),
        ("2026-07-05", "DE"),
        ("2026-07-05T14:05:00+05:30", "DE"),
        ("550e8400-e29b-41d4-a716-446655440000", "IN"),
        ("6a7b8c9d0", "ES"),
        ("9.19845E+11", "IN"),
        ("9,19845E+11", "IN"),
        ('"9.19845e11"', "SG"),
        ("+91" * 30, "IN"),
        ("%00", "IN"),
        ("%ff%fe", "IN"),
    ],
)
def test_what_is_no_number_is_none(text: str, country: str | None) -> None:
    phone = read_phone(text, country)
    assert phone.e164 is None
    assert not phone.valid
    assert phone.others == ()


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
        ("p:9999999999,", True),
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


COUNTRIES = st.sampled_from([None, "IN", "US", "IT", "DE", "BR", "XX"])


@given(
    st.text(max_size=50)
    | st.text("0123456789+-()/., extXE#@%&;:", max_size=80)
    | st.text("0123456789+/ ", max_size=40),
    COUNTRIES,
)
def test_any_text_is_a_valid_number_in_e164_or_none(text: str, country: str | None) -> None:
    phone = read_phone(text, country)
    assert phone.valid == (phone.e164 is not None)
    for e164 in filter(None, (phone.e164, *phone.others)):
        assert library(e164) == e164
        assert read_phone(e164, None).e164 == e164
    assert phone.e164 not in phone.others
    assert len(set(phone.others)) == len(phone.others)
    if phone.e164 is not None:
        assert read_phone(phone.e164, None) == phone._replace(extension=None, others=())


def library(number: str, country: str | None = None) -> str | None:
    """What libphonenumber itself says of a number."""
    try:
        parsed = phonenumbers.parse(number, country)
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
    if said := library(number):
        assert e164 == said
    assert e164 is None or library(e164) == e164  # so that it may be remembered by that form


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_the_short_way_knows_the_example_numbers_of_every_country(region: str) -> None:
    for kind in phonenumbers.PhoneNumberType.values():
        example = phonenumbers.example_number_for_type(region, kind)
        if example is not None:
            text = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            phone = read_phone(text, None)
            assert (phone.e164, phone.region) == (library(text), phonenumbers.region_code_for_number(example))


FORMATS = [
    phonenumbers.PhoneNumberFormat.INTERNATIONAL,
    phonenumbers.PhoneNumberFormat.NATIONAL,
    phonenumbers.PhoneNumberFormat.RFC3966,
]
AROUND = ["{}", "({})", "{},", "'{}", '"{}"', "p:{}", "<{}>", "\u200b{}", "{} ext. 12"]


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_what_the_library_reads_in_a_country_is_a_number_there_whatever_stands_around_it(region: str) -> None:
    example = phonenumbers.example_number(region)
    assert example is not None
    for form in FORMATS:
        text = phonenumbers.format_number(example, form)
        for around in AROUND:
            assert read_phone(around.format(text), region).e164 == library(text, region), around.format(text)


@settings(max_examples=400)
@given(
    st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)),
    st.text("0123456789", min_size=4, max_size=13),
    st.sampled_from(["", "0", "00", "1", "8"]),
)
def test_a_national_number_is_what_the_library_says(region: str, rest: str, before: str) -> None:
    if (said := library(before + rest, region)) is not None:
        assert read_phone(before + rest, region).e164 == said
