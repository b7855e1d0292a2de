"""E-mail addresses: the normal form, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.normal.email import read_email


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
        "asha@example.com, ravi@example.com",
        "Asha <asha@example.com>",
        "mailto:asha@example.com ",
        "asha@example.com\0",
        "x" * 65 + "@example.com",
        "a@" + "b" * 300 + ".com",
        "noemail",
    ],
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert read_email(text) is None


@given(st.text(max_size=80) | st.emails())
def test_any_text_is_an_address_or_none_and_its_normal_form_is_stable(text: str) -> None:
    normal = read_email(text)
    if normal is not None:
        assert "@" in normal
        assert read_email(normal) == normal
