"""What a body says: every form it may have, and every way in which it must be refused."""

from __future__ import annotations

import gzip
import json
from typing import Any, get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingress.body import Signed, documents
from pipeline.ingress.charset import ASSUMED
from pipeline.ingress.inflate import Inflater
from pipeline.ingress.refusal import Refusal

JSON = "application/json"
LINES = "application/x-ndjson"
FORM = "application/x-www-form-urlencoded"


def read(body: bytes, content_type: str = JSON, form_field: str | None = None, most: int = 100) -> list[Any]:
    return [document.value for document in documents(body, content_type, form_field, most)]


def refused(body: bytes, content_type: str = JSON, form_field: str | None = None, most: int = 100) -> Refusal:
    with pytest.raises(Refusal) as caught:
        documents(body, content_type, form_field, most)
    return caught.value


@pytest.mark.parametrize(
    ("content_type", "body", "values"),
    [
        (JSON, b'{"a": 1}', [{"a": 1}]),
        (JSON, b'[{"a": 1}, {"a": 2}]', [[{"a": 1}, {"a": 2}]]),
        ("application/json; charset=UTF-8", b'{"a": "\xc3\xa9"}', [{"a": "é"}]),
        ('application/json; charset="utf-8"', b"{}", [{}]),
        ("application/vnd.source.v1+json", b"{}", [{}]),
        ("Application/JSON", b"{}", [{}]),
        (LINES, b'{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        (LINES, b'\r\n{"a": 1}\r\n\r\n  \n{"a": 2}', [{"a": 1}, {"a": 2}]),
        ("application/jsonlines", b'{"a": 1}', [{"a": 1}]),
        ("text/plain", b'{"a": 1}', [{"a": 1}]),
        ("text/plain", b'{"a": 1}\n{"a": 2}', [{"a": 1}, {"a": 2}]),
        ("text/plain", b'{\n  "a": 1\n}\n', [{"a": 1}]),
        ("", b'[\n{"a": 1},\n{"a": 2}\n]', [[{"a": 1}, {"a": 2}]]),
        ("", b'{"a": 1}\n', [{"a": 1}]),
        ("application/octet-stream", b'{"a": 1}', [{"a": 1}]),
        (FORM, b"a=1&b=two+words&c=%2B91&d=", [{"a": "1", "b": "two words", "c": "+91", "d": ""}]),
        (FORM, b"a=1&a=2&a=3&b=1", [{"a": ["1", "2", "3"], "b": "1"}]),
        (FORM, b'{"a": "b=c"}', [{"a": "b=c"}]),  # what `curl -d` sends
        (JSON, b'\xef\xbb\xbf{"a": 1}', [{"a": 1}]),  # a byte order mark
        (JSON, b'{"a": "\\u0000"}', [{"a": "\0"}]),  # `normalize` takes it out
        (JSON, b'{"a": 1, "a": 2}', [{"a": 2}]),
        (JSON, b'{"a": 18446744073709551615, "b": -9223372036854775808}', [{"a": 2**64 - 1, "b": -(2**63)}]),
        (JSON, b'{"a": "123456789012345678901234567890"}', [{"a": "123456789012345678901234567890"}]),
        (JSON, b'{"a": 1e30, "b": 1234567890123456789.5}', [{"a": 1e30, "b": 1234567890123456789.5}]),
    ],
)
def test_a_body_is_read_as_its_content_type_says(content_type: str, body: bytes, values: list[Any]) -> None:
    assert read(body, content_type) == values


@pytest.mark.parametrize(
    ("body", "title", "part"),
    [
        (b"{", "Malformed JSON", "line 1 column 2"),
        (b'{"a": NaN}', "Malformed JSON", "unexpected"),
        (b'{"a": Infinity}', "Malformed JSON", "unexpected"),
        (b'{"a": 1e400}', "Malformed JSON", "infinity"),
        (b'{"a": "\\ud800"}', "Malformed JSON", "surrogate"),
        (b'{"a": "\x00"}', "Malformed JSON", "control character"),
        (b'{"a": 1}\n{"a": 2}', "Malformed JSON", "application/x-ndjson"),
        (b"nothing", "Malformed JSON", "got text that begins with 'nothing'"),
        (b"+91 98450 12345", "Malformed JSON", "got text that begins with '+'"),
        (b"name=Asha&phone=1", "Malformed JSON", "got a form"),
        (b"<lead>1</lead>", "Malformed JSON", "got XML or HTML"),
        (b"\x89PNG\r\n\x1a\n", "Malformed JSON", "got binary data that begins with the bytes 89 50 4E 47"),
        (b"\xef\xbb\xbf", "Malformed JSON", "got nothing"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "Too deep", "64 levels"),
        (b"[" * 100_000, "Malformed JSON", "depth"),
        (b'{"a": 18446744073709551616}', "Integer too large", "18446744073709551616"),
        (b'{"a": -9223372036854775809}', "Integer too large", "send it as a text"),
        (b'{"a": "1234567890123456789", "b":' + b" " * 50 + b"-" + b"9" * 20 + b"}", "Integer too large", "-99999"),
        (b'{"a": [1.5, {"b": 1180591620717411303424}]}', "Integer too large", "1180591620717411303424"),
        (b'{"a": ' + b"9" * 300 + b"}", "Integer too large", "…"),
    ],
)
def test_json_that_would_change_or_break_on_its_way_is_refused(body: bytes, title: str, part: str) -> None:
    refusal = refused(body)
    assert (refusal.status, refusal.title) == (400, title)
    assert part in refusal.detail


def test_sixty_four_levels_are_taken() -> None:
    body = b'{"a":' * 64 + b"1" + b"}" * 64
    assert orjson.dumps(read(body)[0]) == body


def test_a_bad_line_is_named() -> None:
    refusal = refused(b'{"a": 1}\n\n{"a": }\n{"a": 3}', LINES)
    assert refusal.title == "Malformed JSON"
    assert refusal.detail.startswith("line 3: ")
    assert refusal.where == {"line": 3}


def test_too_many_lines_are_refused() -> None:
    assert refused(b"{}\n" * 101, LINES).status == 413


@pytest.mark.parametrize("content_type", ["application/xml", "text/html", "multipart/mixed; boundary=x", "image/png"])
def test_other_content_is_refused_by_its_name(content_type: str) -> None:
    refusal = refused(b"{}", content_type)
    assert refusal.status == 415
    assert repr(content_type.split(";")[0]) in refusal.detail
    assert "application/json" in refusal.detail


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/octet-stream", FORM])
@pytest.mark.parametrize("body", [b"<lead id='1'/>", b"\n<?xml version='1.0'?><a/>", b"<!DOCTYPE html>"])
def test_xml_and_html_are_told_apart_from_what_is_merely_wrong(body: bytes, content_type: str) -> None:
    refusal = refused(body, content_type)
    assert (refusal.status, refusal.title) == (415, "Unsupported content")
    assert "XML or HTML" in refusal.detail


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/octet-stream"])
@pytest.mark.parametrize(
    ("body", "came"),
    [
        (b"nothing", "text that begins with 'nothing'"),
        (b"Dear team,\nprice = 5\n", "text that begins with 'Dear team,'"),
        (b"name,phone\nAsha,9845012345\n", "text that begins with 'name,phone'"),
        (b"9845012345 please call", "text that begins with a digit"),
        (b"https://example.com/?a=b", "text that begins with 'https://exam'"),
        (b"SGVsbG8=", "text that begins with 'SGVsbG'"),
        (b"PK\x03\x04", "binary data"),
    ],
)
def test_what_is_neither_json_nor_a_form_is_told_what_was_expected_and_what_came(
    body: bytes, came: str, content_type: str
) -> None:
    refusal = refused(body, content_type)
    assert (refusal.status, refusal.title) == (400, "Neither JSON nor a form")
    assert "name=value" in refusal.detail
    assert f"got {came}" in refusal.detail
    assert "9845" not in refusal.detail


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/octet-stream"])
@pytest.mark.parametrize(("body", "value"), [(b"null", None), (b"5", 5), (b'"a=b"', "a=b"), (b" true", True)])
def test_json_goes_before_forms(body: bytes, value: Any, content_type: str) -> None:
    assert read(body, content_type) == [value]  # which is no event, and is refused as such


@given(st.binary(), st.sampled_from([JSON, LINES, FORM, "", "text/plain", "multipart/form-data; boundary=x"]))
def test_a_body_is_noted_exactly_where_its_charset_was_assumed(body: bytes, content_type: str) -> None:
    try:
        found = documents(body, content_type, None, 100)
    except Refusal:
        return
    labelled = f"{content_type or 'text/plain'}; charset=utf-8"
    if found and found[0].notes:
        assert {document.notes for document in found} == {(ASSUMED,)}
        with pytest.raises(Refusal, match="Not in its charset"):
            documents(body, labelled, None, 100)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(plain)
def test_what_is_read_is_what_was_written(value: Any) -> None:
    assert read(json.dumps(value).encode()) == [value]


@given(st.integers())
def test_an_integer_is_read_exactly_or_refused(number: int) -> None:
    try:
        (value,) = read(b'{"n": %d}' % number)
    except Refusal as refusal:
        assert refusal.title == "Integer too large"
        assert not -(2**63) <= number < 2**64
    else:
        assert value["n"] == number
        assert isinstance(value["n"], int)


KINDS = [JSON, LINES, FORM, "", "text/plain", "application/octet-stream", "multipart/form-data; boundary=x", "a/b"]
PIECES = [
    b"--x\r\n",
    b"--x--",
    b'Content-Disposition: form-data; name="a"',
    b"\r\n\r\n",
    b"=",
    b"&",
    b"+",
    b"%",
    b"{",
    b"<",
]


@given(
    st.binary() | st.lists(st.sampled_from(PIECES) | st.binary(max_size=5)).map(b"".join),
    st.sampled_from(KINDS) | st.text(max_size=30),
    st.sampled_from(["", "; charset", "; charset=utf-8", "; charset=utf-16", "; charset=big5", "; charset=cp037"])
    | st.text(max_size=20).map("; charset={}".format),
    st.sampled_from([None, "a", "b"]),
    st.sampled_from(get_args(Signed)),
)
def test_any_bytes_are_read_or_refused(
    body: bytes, media: str, charset: str, form_field: str | None, signed: Signed
) -> None:
    try:
        found = documents(body, media + charset, form_field, 10, signed)
    except Refusal as refusal:
        assert 400 <= refusal.status < 500
        orjson.dumps([refusal.title, refusal.detail, dict(refusal.where)])  # as it is answered
    else:
        assert len(found) <= 10
        orjson.dumps([document.value for document in found])  # as it goes on


def inflate(stream: bytes, limit: int, piece: int = 1000) -> bytes:
    inflater = Inflater(limit)
    inflated = b"".join(inflater.feed(stream[start : start + piece]) for start in range(0, len(stream), piece))
    inflater.end()
    return inflated


@given(st.binary(max_size=5000), st.integers(1, 100))
def test_gzip_comes_out_as_it_went_in(content: bytes, piece: int) -> None:
    assert inflate(gzip.compress(content) + gzip.compress(b"!"), 5001, piece) == content + b"!"


def test_a_gzip_bomb_is_refused_at_the_cap() -> None:
    with pytest.raises(Refusal) as caught:
        inflate(gzip.compress(bytes(50_000_000)), 1_000_000)
    assert caught.value.status == 413


@pytest.mark.parametrize(
    "stream",
    [
        b"{}",
        gzip.compress(b"abc", mtime=0)[:-1],
        gzip.compress(b"abc", mtime=0) + b"junk",
        gzip.compress(b"", mtime=0) * 17,
    ],
)
def test_a_broken_gzip_stream_is_refused(stream: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        inflate(stream, 1000)
    assert (caught.value.status, caught.value.title) == (400, "Malformed gzip")


def test_lines_are_numbered_as_they_stand_whatever_is_between_them() -> None:
    body = b"\n\n" + b" \t\r\n" * 1000 + b'  {"a": 1} \r\n\n{"a": 2}\n\n{\n'
    assert refused(body, LINES).where == {"line": 1007}
    assert read(body[:-3], LINES) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("value", [b"{}", b"[]", b"0", b'""', b'{"a":1}'])
def test_a_document_of_too_many_values_is_refused_before_it_is_read(value: bytes) -> None:
    assert refused(b"[" + b",".join([value] * 700_000) + b"]").title == "Too large"


def test_a_batch_as_large_as_may_be_is_read() -> None:
    event = orjson.dumps({f"field_{number}": "value" for number in range(40)} | {"tags": [1], "who": {"a": {"b": 1}}})
    assert len(read(b"[" + b",".join([event] * 10_000) + b"]")[0]) == 10_000
