"""E-mail addresses: the normal form, and what is none."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.normal.email import emails_in, normal_email, read_email


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Asha.Rao@Example.COM", "asha.rao@example.com"),
        (" asha@example.com\n", "asha@example.com"),
        ("o'brien+leads@mail.example.co.in", "o'brien+leads@mail.example.co.in"),
        ("Ünï@Exämple.de", "ünï@exämple.de"),
        ("a@xn--exmple-cua.de", "a@exämple.de"),
        ("x" * 64 + "@example.com", "x" * 64 + "@example.com"),
    ],
)
def test_an_address_becomes_lower_case(text: str, normal: str) -> None:
    assert read_email(text) == normal
    assert read_email(normal) == normal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "asha",
        "asha@",
        "@example.com",
        "asha@localhost",
        "asha at example.com",
        "asha@example..com",
        ".asha@example.com",
        "asha@-example.com",
        "asha@example.com@example.org",
        "asha @ example.com",
        "asha at example dot com",
        "sip:asha@example.com",
        "https://asha@example.com/",
        "https://example.com/@asha",
        "asha@example.com\0",
        "x" * 65 + "@example.com",
        "a@" + "b" * 300 + ".com",
        "noemail",
    ],
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert read_email(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Ravi <ravi@example.com>",
        '"K, Ravi" <Ravi@Example.com>',
        "ravi@example.com (work)",
        "mailto:ravi@example.com",
        "mailto:ravi@example.com?subject=Hello, you&cc=asha@example.com",
        "mailto:ravi%40example.com",
        "MAILTO://ravi@example.com",
        "[ravi@example.com](mailto:ravi@example.com)",
        "EMAIL: ravi@example.com",
        "E-mail:ravi@example.com",
        "smtp:ravi@example.com",
        "Ravi - ravi@example.com - 98450 77051",
        "ravi@example.com.",
        "ravi@example.com,",
        "ravi@example.com;",
        ", ravi@example.com",
        "<ravi@example.com>",
        "(ravi@example.com)",
        "'ravi@example.com",
        "'ravi@example.com'",
        '"ravi@example.com"',
        '="ravi@example.com"',
        "“ravi@example.com”",
        "«ravi@example.com»",
        "`ravi@example.com`",
        "**ravi@example.com**",
        "\ufeffravi@example.com",
        "ravi@\u200bexample.com",
        "\u00a0ravi@example.com\u202f",
        "ravi＠example．com",
        "ｒａｖｉ@example.com",
        "ravi%40example.com",
        "ravi%2540example.com",
        "ravi&#64;example.com",
        "&lt;ravi@example.com&gt;",
        "<a href='mailto:ravi@example.com'>ravi@example.com</a>",
    ],
)
def test_what_people_and_programs_put_around_an_address_is_taken_off(text: str) -> None:
    assert emails_in(text) == ("ravi@example.com",)


@pytest.mark.parametrize(
    "text",
    [
        "ravi@example.com, asha@example.com",
        "ravi@example.com;asha@example.com",
        "ravi@example.com/asha@example.com",
        "ravi@example.com asha@example.com",
        "ravi@example.com and asha@example.com",
        "ravi@example.com & asha@example.com",
        "ravi@example.com|asha@example.com",
        "ravi@example.com\nasha@example.com",
        "Ravi <ravi@example.com>, Asha <asha@example.com>",
        "mailto:ravi@example.com,asha@example.com",
        "RAVI@example.com, asha@example.com, ravi@example.com",
        "ravi@localhost, ravi@example.com, asha@example.com",
    ],
)
def test_of_several_addresses_the_first_valid_one_counts_and_all_are_told(text: str) -> None:
    assert emails_in(text) == ("ravi@example.com", "asha@example.com")
    assert read_email(text) == "ravi@example.com"


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("ravi%2Bleads@example.com", "ravi+leads@example.com"),
        ("o'brien@example.com", "o'brien@example.com"),
        ("_ravi_@example.com", "_ravi_@example.com"),
        ("sales/ravi@example.com", "sales/ravi@example.com"),
        ("bounce+u=x.com@example.com", "bounce+u=x.com@example.com"),
        ("Ünï <Ünï@Exämple.de>", "ünï@exämple.de"),
    ],
)
def test_marks_that_belong_to_an_address_stay(text: str, normal: str) -> None:
    assert emails_in(text) == (normal,)


@pytest.mark.parametrize(
    "text", ["Ravi <ravi@example.com>", "a@example.com, b@example.com", "mailto:a@example.com", ""]
)
def test_where_one_address_is_asked_for_nothing_may_stand_around_it(text: str) -> None:
    assert normal_email(text) is None
    assert normal_email(" Ravi@Example.com ") == "ravi@example.com"


def test_a_long_text_is_not_looked_through() -> None:
    assert emails_in("ravi@example.com " + "x" * 2000) == ()


AROUND = ["{}", " {} ", "<{}>", '"{}"', "'{}'", "({})", "{},", "{}.", "mailto:{}", "Ravi <{}>", "E-mail: {}"]


@given(st.emails(), st.sampled_from(AROUND))
def test_whatever_stands_around_an_address_it_is_the_same(address: str, around: str) -> None:
    if re.fullmatch(r"[a-zA-Z0-9][\w.+-]*@[\w.-]+", address) and (known := normal_email(address)) is not None:
        assert read_email(around.format(address)) == known


@given(st.text(max_size=80) | st.emails() | st.text("ab@.,<>:/ '", max_size=40))
def test_any_text_is_an_address_or_none_and_its_normal_form_is_stable(text: str) -> None:
    found = emails_in(text)
    assert len(set(found)) == len(found)
    for normal in found:
        assert "@" in normal
        assert emails_in(normal) == (normal,)
