"""Forms: their fields in whatever way they were sent, a plus that was meant as one, and JSON in one of the fields."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.ingress.body import documents
from pipeline.ingress.form import FORM_FIELDS, unescaped
from pipeline.ingress.refusal import Refusal
from tests.support.forms import FORM, as_object, by_lines, urlencoded

CHARSETS = ["utf-8", "windows-1252", "iso-8859-2", "windows-1251", "koi8-r", "shift_jis", "euc-jp", "gb18030", "euc-kr"]
UNTYPED = ["", "text/plain", "application/octet-stream"]


def read(body: bytes, content_type: str = FORM, form_field: str | None = None, signed: Any = "nothing") -> Any:
    [document] = documents(body, content_type, form_field, 10, signed)
    return document.value


def refused(body: bytes, content_type: str = FORM, form_field: str | None = None) -> Refusal:
    with pytest.raises(Refusal) as caught:
        documents(body, content_type, form_field, 10)
    return caught.value


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"a=1&b=two+words&c=%2B91&d=", {"a": "1", "b": "two words", "c": "+91", "d": ""}),
        (b"a=1&a=2&a=3&b=1", {"a": ["1", "2", "3"], "b": "1"}),
        (b"a=1;b=2&c=3", {"a": "1;b=2", "c": "3"}),  # a semicolon parts nothing (URL standard §5.1)
        (b"a=b=c&d", {"a": "b=c", "d": ""}),
        (b"=1&a=2", {"": "1", "a": "2"}),
        (b"&&a=1&&", {"a": "1"}),
        (b"a=1\r\n", {"a": "1"}),
        (b"a=100%&b=%zz&c=%4&d=%E0%A4%85", {"a": "100%", "b": "%zz", "c": "%4", "d": "अ"}),
        (b"a%5B%5D=1&a%5B%5D=2", {"a[]": ["1", "2"]}),
        (b"na+me=%26%3D%25%2B%0D%0A", {"na me": "&=%+\r\n"}),
        (b"name=Asha Rao&phone=9845012345", {"name": "Asha Rao", "phone": "9845012345"}),
    ],
)
def test_a_form_is_its_fields(body: bytes, fields: dict[str, Any]) -> None:
    assert read(body) == fields


@pytest.mark.parametrize("content_type", [FORM, *UNTYPED])
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (b"+6591234567", "+6591234567"),
        (b"+971501234567", "+971501234567"),
        (b"+65+9123+4567", "+65 9123 4567"),
        (b"+65%209123%204567", "+65 9123 4567"),  # as encodeURI leaves it
        (b"+1-510-766-6701", "+1-510-766-6701"),
        (b"+(65)91234567", "+(65)91234567"),
        (b"(+65)91234567", "(+65)91234567"),
        (b"%28+65%29+91234567", "(+65) 91234567"),  # as escape leaves it
        (b"++6591234567", " +6591234567"),  # a blank was typed before it
        (b"%20+6591234567", " +6591234567"),
        (b"tel:+6591234567", "tel:+6591234567"),
        (b"p%3A+6591234567", "p:+6591234567"),
        (b"+6591234567,+6591234568", "+6591234567,+6591234568"),
        (b"+6591234567+/++6591234568", "+6591234567 / +6591234568"),
        (b"%2B6591234567", "+6591234567"),
        (b"%2B65+9123+4567", "+65 9123 4567"),
        (b"6591234567+", "6591234567 "),
        (b"1+1", "1 1"),
        (b"Budget:+50000", "Budget: 50000"),
        (b"call+me+5+pm", "call me 5 pm"),
        (b"+Asha", " Asha"),
        (b"+", " "),
        (b"+-5", " -5"),
        (b"x=+5", "x= 5"),
        (b"+5" + b"+y" * 200, " 5" + " y" * 200),  # a text, and no number
    ],
)
def test_a_plus_that_was_not_escaped_stays_one_before_a_number(written: bytes, meant: str, content_type: str) -> None:
    assert read(b"name=Sing&phone=" + written, content_type) == {"name": "Sing", "phone": meant}


def test_a_plus_is_kept_in_each_of_several_fields_and_in_no_name() -> None:
    assert read(b"+5=+6&p=+65+1&p=+65+2&q=a+b") == {" 5": "+6", "p": ["+65 1", "+65 2"], "q": "a b"}


@given(st.lists(st.sampled_from([b"+", b"%2B", b"%20", b"(", b")", b"5", b"a", b"=", b",", b"/", b":", b"tel:"])))
def test_a_plus_stays_one_or_becomes_a_blank_and_nothing_else_is_changed(pieces: list[bytes]) -> None:
    body = b"a=" + b"".join(pieces)
    [(_, usual)] = parse_qsl(body.decode(), keep_blank_values=True)
    assert read(body)["a"].replace("+", " ") == usual.replace("+", " ")


@given(st.lists(st.sampled_from([b"+", b"%2B", b"%20", b"5", b"a", b"=", b"&", b"%", b"%C3%A9", b";"])).map(b"".join))
def test_fields_that_were_signed_are_those_that_the_signature_is_over(body: bytes) -> None:
    body = b"a=" + body
    assert read(body, signed="fields") == as_object(parse_qsl(body.decode(), keep_blank_values=True))


def test_of_fields_that_were_signed_no_plus_is_read_otherwise_than_it_was_signed() -> None:
    assert read(b"phone=+6591234567", signed="fields") == {"phone": " 6591234567"}
    assert read(b"phone=+6591234567", signed="bytes") == {"phone": "+6591234567"}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"name=%93%FA%96%7B&_charset_=Shift_JIS", {"name": "日本"}),
        (b"_charset_=windows-1251&name=%C8%E2%E0%ED", {"name": "Иван"}),
        (b"_charset_=UTF-8&name=Jos%C3%A9", {"name": "José"}),
        (b"_charset_=iso-8859-1&name=Jos%E9", {"name": "José"}),
        (b"_charset_=&name=Jos%C3%A9", {"name": "José"}),
    ],
)
def test_a_browser_names_the_charset_in_a_field(body: bytes, fields: dict[str, str]) -> None:
    [found] = documents(body, FORM, None, 10)
    assert {name: value for name, value in found.value.items() if name != "_charset_"} == fields
    assert not found.notes


def test_what_the_content_type_names_goes_before_the_field() -> None:
    assert read(b"name=%C8&_charset_=utf-8", f"{FORM}; charset=windows-1251")["name"] == "И"


@pytest.mark.parametrize(
    ("body", "status", "title"),
    [
        (b"_charset_=klingon&a=1", 415, "Unsupported content"),
        (b"_charset_=utf-8&a=%E9", 400, "Not in its charset"),
        (b"nothing", 400, "Malformed form"),
        (b"a&b&c", 400, "Malformed form"),
        (b"a=1&" * FORM_FIELDS, 400, "Malformed form"),
    ],
)
def test_what_is_no_form_is_refused(body: bytes, status: int, title: str) -> None:
    refusal = refused(body)
    assert (refusal.status, refusal.title) == (status, title)


def test_as_many_fields_as_may_be_are_read() -> None:
    assert len(read(b"&".join(b"%d=1" % number for number in range(FORM_FIELDS)))) == FORM_FIELDS


@pytest.mark.parametrize("content_type", [FORM, *UNTYPED])
def test_a_field_may_hold_the_events_as_json(content_type: str) -> None:
    assert read(b"x=1&payload=%7B%22a%22%3A%22b+c%22%7D", content_type, "payload") == {"a": "b c"}
    assert read(b'payload={"a":1}&x=1', content_type, "payload") == {"a": 1}
    assert read(b'payload=[{"a":1},{"a":2}]', content_type, "payload") == [{"a": 1}, {"a": 2}]
    assert read(b"x=1&Payload=%7B%7D", content_type, "payload") == {"x": "1", "Payload": "{}"}  # it is another field
    assert read(b"x=1", content_type, "payload") == {"x": "1"}
    assert read(b'payload={"a":1}', content_type) == {"payload": '{"a":1}'}


def test_json_in_a_field_is_in_the_charset_of_the_form() -> None:
    [found] = documents(b"payload=%7B%22name%22%3A%22Jos%E9%22%7D", FORM, "payload", 10)
    assert found.value == {"name": "José"}
    assert found.notes
    assert read(b"payload=%7B%22a%22%3A%22%93%FA%22%7D", f"{FORM}; charset=shift_jis", "payload") == {"a": "日"}


@pytest.mark.parametrize(
    ("body", "title", "part"),
    [
        (b"payload=%7B", "Malformed JSON", "field 'payload'"),
        (b"payload=", "Malformed JSON", "got nothing"),
        (b"payload=hello&x=1", "Malformed JSON", "got text that begins with 'hello'"),
        (b"payload=<a/>&x=1", "Malformed JSON", "got XML or HTML"),
        (b"payload={}&payload={}", "Malformed form", "more than once"),
        (b'payload={"a":18446744073709551616}', "Integer too large", "field 'payload'"),
    ],
)
def test_a_field_that_holds_no_json_is_named(body: bytes, title: str, part: str) -> None:
    refusal = refused(body, FORM, "payload")
    assert (refusal.status, refusal.title) == (400, title)
    assert part in refusal.detail
    if title != "Malformed form":
        assert refusal.where == {"field": "payload"}


@pytest.mark.parametrize("content_type", UNTYPED)
@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"name=Asha&phone=9845012345", {"name": "Asha", "phone": "9845012345"}),
        (b"name=Asha+Rao&email=asha%40example.com\r\n", {"name": "Asha Rao", "email": "asha@example.com"}),
        (b"phone=9845012345", {"phone": "9845012345"}),
        (b"user[name]=Asha&tags[]=a&tags[]=b", {"user[name]": "Asha", "tags[]": ["a", "b"]}),
        (b"name=Asha Rao&city=Pune", {"name": "Asha Rao", "city": "Pune"}),
        (b"name=Jos\xc3\xa9&city=Pune", {"name": "José", "city": "Pune"}),
        (b"\xef\xbb\xbfname=Asha&x=1", {"name": "Asha", "x": "1"}),
        (b"name=Asha&message=one\ntwo&x=1", {"name": "Asha", "message": "one\ntwo", "x": "1"}),
        (b"page=https://x.example/?a=1%26b=2&x=1", {"page": "https://x.example/?a=1&b=2", "x": "1"}),
    ],
)
def test_a_form_without_its_type_is_a_form(body: bytes, fields: dict[str, Any], content_type: str) -> None:
    assert read(body, content_type) == fields


@pytest.mark.parametrize("content_type", UNTYPED)
@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"name=Asha Rao\r\nphone=+91 98450 12345\r\n", {"name": "Asha Rao", "phone": "+91 98450 12345"}),
        (b"name=Asha\nphone=9845012345", {"name": "Asha", "phone": "9845012345"}),
        (b"offer=50% off + tea\r\nnote=%41 & b\r\n", {"offer": "50% off + tea", "note": "%41 & b"}),
        (b"Full Name=Asha Rao\r\nWhat is it?=A flat\r\n", {"Full Name": "Asha Rao", "What is it?": "A flat"}),
        (b"tag=a\r\ntag=b\r\n", {"tag": ["a", "b"]}),
        (b"formula=1+1\r\n", {"formula": "1+1"}),
        (b"company=A & B\r\n", {"company": "A & B"}),
        (b"message=one\r\ntwo\r\n\r\nthree\r\nname=Asha\r\n", {"message": "one\ntwo\n\nthree", "name": "Asha"}),
        (b"page=https://x.example/?a=1&b=2\r\nname=Asha\r\n", {"page": "https://x.example/?a=1&b=2", "name": "Asha"}),
        (b"message=see\r\nhttps://x.example/?a=b\r\nx=1\r\n", {"message": "see\nhttps://x.example/?a=b", "x": "1"}),
        (b"a=\r\nb=1\r\n", {"a": "", "b": "1"}),
    ],
)
def test_a_form_by_lines_is_literal(body: bytes, fields: dict[str, Any], content_type: str) -> None:
    assert read(body, content_type) == fields


@pytest.mark.parametrize("body", [b"a=1\n" * 1001, b"a=1\n" + b"b\n" * 10_000])
def test_a_form_by_lines_has_bounds(body: bytes) -> None:
    assert refused(body, "text/plain").title == "Malformed form"


names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_\[\]-]{0,9}", fullmatch=True).filter(lambda name: name != "_charset_")
# a blank before a number is read as a plus, which is what the sender of such a form nearly always meant
LIKE_A_NUMBER = re.compile(r"(?:(?:tel|sms|p|whatsapp|callto):)?[ (]* \(?[0-9]", re.IGNORECASE)
values = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).filter(
    lambda text: not LIKE_A_NUMBER.match(text)
)
forms = st.lists(st.tuples(names, values), min_size=1, max_size=8)


def encodable(pairs: list[tuple[str, str]], charset: str) -> bool:
    """Whether the charset has every sign, and gives it back."""
    try:
        return all(value.encode(charset).decode(charset) == value for _, value in pairs)
    except UnicodeEncodeError:
        return False


@given(forms, st.sampled_from(CHARSETS))
def test_any_form_of_a_browser_comes_back_in_any_charset(pairs: list[tuple[str, str]], charset: str) -> None:
    assume(encodable(pairs, charset))
    body = urlencoded(pairs, charset)
    for type in (FORM, "text/plain") if any(value.strip("= \t\r\n") for _, value in pairs) else (FORM,):
        assert read(body, f"{type}; charset={charset}") == as_object(pairs)
    named = urlencoded([*pairs, ("_charset_", charset)], charset)
    assert read(named) == as_object([*pairs, ("_charset_", charset)])


@given(forms)
def test_any_form_of_a_browser_comes_back_where_no_charset_is_named(pairs: list[tuple[str, str]]) -> None:
    assert read(urlencoded(pairs)) == as_object(pairs)


@given(st.lists(st.tuples(names, st.text(st.characters(codec="cp1252", categories=["L"]))), min_size=1))
def test_any_form_in_windows_1252_comes_back_where_no_charset_is_named(pairs: list[tuple[str, str]]) -> None:
    body = urlencoded(pairs, "cp1252")
    try:
        unquote_to_bytes(body).decode()
    except UnicodeDecodeError:
        assert read(body) == as_object(pairs)


lines = st.lists(
    st.tuples(names, st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)), min_size=2
)


@given(lines, st.sampled_from(["utf-8", "utf-16", "utf-16-be", "gb18030"]))
def test_any_form_by_lines_comes_back_as_it_was_typed(pairs: list[tuple[str, str]], charset: str) -> None:
    assume(any(value.strip("= \t\r\n") for _, value in pairs))
    assert read(by_lines(pairs, charset), f"text/plain; charset={charset}") == as_object(pairs)


@given(
    st.binary() | st.lists(st.sampled_from([b"%", b"4", b"g", b"=", b"\r", b"\n", b" ", b"\xff", b"%0a"])).map(b"".join)
)
def test_escapes_are_undone_as_the_standard_library_does_it(text: bytes) -> None:
    assert unescaped(text) == unquote_to_bytes(text)
