"""One value and the field it goes to: what is taken, its normal form, and the rule that says no."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.fields import CHOICES, FieldType
from schemas.normal.blank import Blanks
from schemas.normal.locale import Locale
from schemas.normal.path import ABSENT
from schemas.normal.text import percent_decoded, storable, without_tags
from schemas.normal.values import (
    BAD_EMAIL,
    BAD_PHONE,
    DIGITS_LOST,
    EXACT,
    NO_TIME,
    SHARED_PHONE,
    ValueRejected,
    coerce,
)

IN = Locale("IN", ZoneInfo("Asia/Kolkata"))


@pytest.mark.parametrize(
    ("type", "value", "normal"),
    [
        ("text", "Asha", "Asha"),
        ("text", 42, "42"),
        ("text", 42.0, "42"),
        ("text", 7.5, "7.5"),
        ("text", True, "true"),
        ("text", ["a", 1, None, False], "a, 1, false"),
        ("number", "12", 12),
        ("number", "-1.50", -1.5),
        ("number", "007", 7),
        ("number", 12.0, 12),
        ("number", EXACT, EXACT),
        ("number", "+50", 50),
        ("number", "1.2345", 1.2345),
        ("number", "1,50,000", 150000),
        ("number", "₹50000", 50000),
        ("number", "Rs. 1,50,000.50", 150000.5),
        ("number", "1.234", 1.234),
        ("number", "5.0", 5),
        ("number", "1E+05", 100000),
        ("number", "१२", 12),
        ("boolean", "1", True),
        ("boolean", 0, False),
        ("boolean", "Yes", True),
        ("boolean", "FALSE", False),
        ("boolean", True, True),
        ("boolean", "1.0", True),
        ("date", "2026-07-31 23:30:00", "2026-07-31"),
        ("date", "1985-04-12", "1985-04-12"),
        ("datetime", "2026-07-31 05:33:50", "2026-07-31T00:03:50Z"),
        ("duration", "42", 42),
        ("duration", 42.5, 42.5),
        ("duration", "0", 0),
        ("duration", "00:02:05", 125),
        ("duration", "02:05", 125),
        ("duration", "42 sec", 42),
        ("duration", "2 min 5 sec", 125),
        ("duration", "1h 2m", 3720),
        ("duration", "90 Seconds", 90),
        ("phone", "098111 22233", "+919811122233"),
        ("phone", 919811122233, "+919811122233"),
        ("phone", 919811122233.0, "+919811122233"),
        ("phone", ["98111 22233", "98111 22244"], "+919811122233"),
        ("phone", [None, "N/A", 9811122233], "+919811122233"),
        ("email", "Asha@Example.com", "asha@example.com"),
        ("email", ["asha@example.com", "ravi@example.com"], "asha@example.com"),
        ("email", "Asha <asha@example.com>, ravi@example.com", "asha@example.com"),
    ],
)
def test_taken(type: str, value: Any, normal: Any) -> None:
    result, note = coerce(value, FieldType(type), "lead.field", IN)
    assert (result, note) == (normal, None)
    assert result.__class__ is normal.__class__


@pytest.mark.parametrize(
    ("type", "value"),
    [
        ("text", {"first": "Asha"}),
        ("text", [{"first": "Asha"}]),
        ("text", [["nested"]]),
        ("number", "twelve"),
        ("number", "1.234,56"),
        ("number", "50-60"),
        ("number", "12 kg"),
        ("number", "1e5"),
        ("number", "NaN"),
        ("number", True),
        ("number", float("inf")),
        ("number", EXACT + 2),
        ("number", "9" * 30),
        ("number", "9" * 5000),
        ("number", [1]),
        ("boolean", "maybe"),
        ("boolean", 2),
        ("boolean", []),
        ("date", "someday"),
        ("date", True),
        ("datetime", "31/31/2026"),
        ("datetime", {}),
        ("duration", "a while"),
        ("duration", "-5"),
        ("duration", " sec"),
        ("phone", {"number": "1"}),
        ("phone", ["9811122233", {"number": "1"}]),
        ("phone", True),
        ("email", {"a": 1}),
        ("email", [["a@example.com"]]),
    ],
)
def test_rejected_by_a_rule_that_names_the_field_and_never_tells_the_value(type: str, value: Any) -> None:
    with pytest.raises(ValueRejected) as caught:
        coerce(value, FieldType(type), "lead.field", IN)
    rejection = caught.value
    assert rejection.field == "lead.field"
    assert rejection.rule
    assert str(rejection) == f"lead.field: {rejection.rule}"
    assert len(rejection.value) <= 200


@pytest.mark.parametrize(
    ("type", "value", "normal", "note"),
    [
        ("phone", "+91-1111111111", "+91-1111111111", BAD_PHONE),
        ("phone", "ask the office", "ask the office", BAD_PHONE),
        ("phone", ["12345", "98111"], "12345, 98111", BAD_PHONE),
        ("phone", "9.19845E+11", "9.19845E+11", DIGITS_LOST),
        ("phone", '"9,19845e+11"', '"9,19845e+11"', DIGITS_LOST),
        ("phone", 1e22, "1e+22", DIGITS_LOST),
        ("phone", "9999999999", "+919999999999", SHARED_PHONE),
        ("email", "asha at example", "asha at example", BAD_EMAIL),
        ("datetime", "1970-01-01 05:30:00", ABSENT, NO_TIME),
        ("datetime", "0001-01-01T00:00:00", ABSENT, NO_TIME),
        ("date", "0001-01-01", ABSENT, NO_TIME),
    ],
)
def test_noted(type: str, value: Any, normal: Any, note: str) -> None:
    assert coerce(value, FieldType(type), "lead.field", IN) == (normal, note)


AROUND = [
    *("{}", " {} ", '"{}"', "'{}'", "'{}", '="{}"', "“{}”", "«{}»", "`{}`", "[{}]", "<{}>", "{},", "{};", "{}."),
    *("\ufeff{}", "\u200e{}\u200f", "\u00a0{}\u202f", "%22{}%22", "&quot;{}&quot;", '["{}"],'),
]
EXAMPLES = [
    ("number", "150000", 150000),
    ("number", "1,50,000", 150000),
    ("number", "-1.5", -1.5),
    ("boolean", "Yes", True),
    ("boolean", "false", False),
    ("date", "2026-07-31", "2026-07-31"),
    ("datetime", "2026-07-31 05:33:50", "2026-07-31T00:03:50Z"),
    ("duration", "00:02:05", 125),
    ("duration", "2 min 5 sec", 125),
    ("phone", "98111 22233", "+919811122233"),
    ("email", "asha@example.com", "asha@example.com"),
]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize(("type", "text", "normal"), EXAMPLES)
def test_what_is_wrapped_around_a_typed_value_is_taken_off(type: str, text: str, normal: Any, around: str) -> None:
    assert coerce(around.format(text), FieldType(type), "lead.field", IN) == (normal, None)


@pytest.mark.parametrize("around", AROUND)
def test_a_text_field_takes_everything_as_it_is(around: str) -> None:
    for text in ("Asha", "N/A", "1,50,000"):
        assert coerce(around.format(text), FieldType.TEXT, "lead.field", IN) == (around.format(text), None)


TYPED = sorted(set(FieldType) - CHOICES - {FieldType.USER, FieldType.TEXT})


@pytest.mark.parametrize("word", ["N/A", "na", "NULL", "none", "nil", "undefined", "-", "--", "", "."])
@pytest.mark.parametrize("around", ['"{}"', "({})", "'{}", " {},", "\u200b{}", "[{}]"])
def test_a_word_that_says_nothing_says_nothing_in_any_wrapping(word: str, around: str) -> None:
    for type in TYPED:
        assert coerce(around.format(word), type, "lead.field", IN) == (None, None)


def test_false_is_blank_unless_the_field_is_a_boolean() -> None:
    for type in TYPED:
        for no in (False, "false", '"False"'):
            assert coerce(no, type, "lead.field", IN) == ((False if type is FieldType.BOOLEAN else None), None)


def test_a_connector_has_blank_words_of_its_own() -> None:
    own = replace(IN, blanks=Blanks.of(["Not Provided"]))
    assert coerce('"not provided"', FieldType.PHONE, "lead.phone", own) == (None, None)
    assert coerce('"not provided"', FieldType.PHONE, "lead.phone", IN) == ('"not provided"', BAD_PHONE)


def test_a_list_of_nothing_is_blank() -> None:
    assert coerce([None, "N/A", ""], FieldType.PHONE, "lead.phone", IN) == (None, None)
    assert coerce(["-", False], FieldType.EMAIL, "lead.email", IN) == (None, None)


def test_what_cannot_be_read_is_kept_as_it_was_sent() -> None:
    for text in ('"98450"', "'ask the office'", "98111 222 (home), "):
        assert coerce(text, FieldType.PHONE, "lead.phone", IN) == (text, BAD_PHONE)
    assert coerce("'asha at example'", FieldType.EMAIL, "lead.email", IN) == ("'asha at example'", BAD_EMAIL)


@pytest.mark.parametrize(
    ("country", "text", "number"),
    [("DE", "1.234", 1234), ("DE", "1.234,56 €", 1234.56), ("FR", "1 234,5", 1234.5), ("CH", "1'234.50", 1234.5)],
)
def test_numbers_are_those_of_the_country(country: str, text: str, number: float) -> None:
    assert coerce(text, FieldType.NUMBER, "lead.budget", replace(IN, country=country)) == (number, None)


@pytest.mark.parametrize("text", ["(500)", '"(500)"', "50k", "₹50", "1,5", "1 hour ago"])
def test_a_duration_is_no_sum_of_money(text: str) -> None:
    with pytest.raises(ValueRejected):
        coerce(text, FieldType.DURATION, "call.duration_s", IN)


json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(json, st.sampled_from(sorted(set(FieldType) - CHOICES - {FieldType.USER})))
def test_any_value_gives_a_normal_form_that_can_be_stored_or_names_a_rule(value: Any, type: FieldType) -> None:
    try:
        normal, note = coerce(value, type, "lead.field", IN)
    except ValueRejected as rejection:
        assert rejection.rule
        return
    if normal is not ABSENT and normal is not None:
        orjson.dumps(normal)
        if note is None:
            assert coerce(normal, type, "lead.field", IN) == (normal, None)


def test_texts_that_postgresql_refuses_are_mended() -> None:
    assert storable("a\0b") == "ab"
    assert storable("a\ud800b").encode()
    assert storable("आशा") == "आशा"


@pytest.mark.parametrize(
    ("text", "decoded"),
    [("%2b91", "+91"), ("100%", "100%"), ("50% off", "50% off"), ("%E0%A4%86", "आ"), ("%ff", "%ff"), ("a+b", "a+b")],
)
def test_percent_escapes(text: str, decoded: str) -> None:
    assert percent_decoded(text) == decoded


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("plain", "plain"),
        ("a<br>b<BR/>c<br />d", "a\nb\nc\nd"),
        ("a\rb\r\nc", "a\nb\nc"),
        ("<p>a</p><p>b</p>", "a\nb"),
        ("<b onclick='x'>5 &lt; 6</b>", "5 < 6"),
        ("5 < 6 and 7 > 3", "5 < 6 and 7 > 3"),
        ("a &amp;nbsp; b&nbsp;&nbsp;c", "a &nbsp; b c"),
        ("&#0;&#xD800;<!-- x -->", "\ufffd\ufffd"),
        ("<" * 1000, "<" * 1000),
    ],
)
def test_without_tags(markup: str, text: str) -> None:
    assert without_tags(markup) == text


def test_a_hostile_megabyte_of_markup_takes_no_time() -> None:
    for piece in ("<a", "<br ", "&", "\n ", "<!--"):
        without_tags(piece * (1_000_000 // len(piece)))
