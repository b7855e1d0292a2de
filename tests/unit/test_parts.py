"""`multipart/form-data`: its text parts as a form, and what else may lie in one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.ingress.body import documents
from pipeline.ingress.charset import ASSUMED
from pipeline.ingress.form import FORM_FIELDS
from pipeline.ingress.refusal import Refusal
from tests.support.forms import BOUNDARY, MULTIPART, as_object, multipart, of_fields, part

EMPTY_FILE = part("cv", b"", "Content-Type: application/octet-stream", more='; filename=""')


def read(body: bytes, content_type: str = MULTIPART, form_field: str | None = None) -> Any:
    [document] = documents(body, content_type, form_field, 10)
    return document.value


def refused(body: bytes, content_type: str = MULTIPART, form_field: str | None = None) -> Refusal:
    with pytest.raises(Refusal) as caught:
        documents(body, content_type, form_field, 10)
    return caught.value


@pytest.mark.parametrize(
    ("pairs", "fields"),
    [
        ([("name", "Asha Rao"), ("phone", "+91 98450 12345")], {"name": "Asha Rao", "phone": "+91 98450 12345"}),
        ([("tag", "a"), ("tag", "b"), ("x", "1")], {"tag": ["a", "b"], "x": "1"}),
        ([("name", "José 山田"), ("Straße", "ß")], {"name": "José 山田", "Straße": "ß"}),
        (
            [("offer", "50% + tea&more=1"), ("phone", "%2B65")],
            {"offer": "50% + tea&more=1", "phone": "%2B65"},
        ),  # literal
        ([("message", "one\r\ntwo\r\n\r\nthree\r\n")], {"message": "one\r\ntwo\r\n\r\nthree\r\n"}),
        ([("a", ""), ("", "b")], {"a": "", "": "b"}),
        ([('what "is" it', "x")], {'what "is" it': "x"}),
        (
            [("user[name]", "Asha"), ("message", "--" + BOUNDARY[2:])],
            {"user[name]": "Asha", "message": "--" + BOUNDARY[2:]},
        ),
    ],
)
def test_text_parts_are_a_form(pairs: list[tuple[str, str]], fields: dict[str, Any]) -> None:
    assert read(of_fields(pairs)) == fields


@pytest.mark.parametrize(
    "content_type",
    [
        f'multipart/form-data; boundary="{BOUNDARY}"',
        f"Multipart/Form-Data;boundary={BOUNDARY}",
        f"multipart/form-data; charset=utf-8; boundary={BOUNDARY}",
    ],
)
def test_a_boundary_is_named_in_several_ways(content_type: str) -> None:
    assert read(of_fields([("name", "José")]), content_type) == {"name": "José"}


@pytest.mark.parametrize(
    "body",
    [
        of_fields([("name", "Asha")]).removesuffix(b"\r\n"),
        of_fields([("name", "Asha")]) + b"an epilogue",
        multipart(part("name", b"Asha", "Content-Type: text/plain")),
        multipart(part("name", b"Asha", "Content-Type: text/plain; charset=UTF-8", "Content-Transfer-Encoding: 8bit")),
        multipart(part("name", b"Asha", "Content-Length: 4")),
        multipart(part("name", b"Asha", "Content-Type: application/octet-stream")),
        multipart(part("name", b"Asha").replace(b'name="name"', b"name=name")),
        multipart(part("name", b"Asha").replace(b"Content-Disposition", b"content-disposition")),
        multipart(EMPTY_FILE, part("name", b"Asha"), EMPTY_FILE),  # a file field that was left empty
    ],
)
def test_what_other_clients_than_browsers_write_is_read(body: bytes) -> None:
    assert read(body) == {"name": "Asha"}


@pytest.mark.parametrize(
    ("body", "fields", "notes"),
    [
        (of_fields([("name", "José")], "cp1252"), {"name": "José"}, (ASSUMED,)),
        (of_fields([("größe", "“5”")], "cp1252"), {"größe": "“5”"}, (ASSUMED,)),
        (of_fields([("name", "山田"), ("_charset_", "shift_jis")], "shift_jis"), {"name": "山田"}, ()),
        (
            multipart(
                part("name", "Zoë".encode()), part("city", b"Malm\xf6", "Content-Type: text/plain; charset=iso-8859-1")
            ),
            {"name": "Zoë", "city": "Malmö"},
            (),
        ),
        (multipart(part("a", "山".encode("utf-16"), "Content-Type: text/plain; charset=utf-16")), {"a": "山"}, ()),
    ],
)
def test_parts_are_in_the_charset_that_is_named_for_one_or_for_all(
    body: bytes, fields: dict[str, str], notes: tuple[str, ...]
) -> None:
    [found] = documents(body, MULTIPART, None, 10)
    assert {name: value for name, value in found.value.items() if name != "_charset_"} == fields
    assert found.notes == notes


def test_the_charset_of_all_may_be_named_in_the_content_type() -> None:
    body = of_fields([("имя", "Иван")], "koi8-r")
    assert read(body, f"{MULTIPART}; charset=koi8-r") == {"имя": "Иван"}


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (part("cv", b"%PDF-1.7", "Content-Type: application/pdf", more='; filename="cv.pdf"'), "cv"),
        (part("photo", b"\xff\xd8", more='; filename="a b.jpg"'), "photo"),
        (part("empty", b"", more='; filename="empty.txt"'), "empty"),
        (part("unnamed", b"x", more='; filename=""'), "unnamed"),
        (part("foto", b"x", more="; filename*=UTF-8''caf%C3%A9.jpg"), "foto"),
        (part("blob", b"{}", "Content-Type: application/json", more='; filename="blob"'), "blob"),
        (part("größe", b"x", more='; filename="ü.txt"'), "größe"),
    ],
)
def test_a_file_is_refused_by_the_name_of_its_part(file: bytes, name: str) -> None:
    refusal = refused(multipart(part("name", b"Asha"), file))
    assert (refusal.status, refusal.title) == (415, "Unsupported content")
    assert refusal.detail.startswith(f"part {name!r} is a file, and files are not taken")


@pytest.mark.parametrize(
    ("header", "word"),
    [
        ("Content-Type: image/png", "'image/png'"),
        ("Content-Type: multipart/mixed; boundary=y", "'multipart/mixed'"),
        ("Content-Transfer-Encoding: base64", "'base64'"),
        ("Content-Transfer-Encoding: quoted-printable", "'quoted-printable'"),
        ("Content-Type: text/plain; charset=klingon", "'klingon'"),
    ],
)
def test_a_part_that_is_no_text_is_refused_by_its_name_and_kind(header: str, word: str) -> None:
    refusal = refused(multipart(part("a", b"b", header)))
    assert (refusal.status, refusal.title) == (415, "Unsupported content")
    assert "part 'a'" in refusal.detail
    assert word in refusal.detail


@pytest.mark.parametrize(
    ("body", "content_type", "part_"),
    [
        (of_fields([("a", "b")]), "multipart/form-data", "must name its boundary"),
        (of_fields([("a", "b")]), "multipart/form-data; boundary=", "must name its boundary"),
        (of_fields([("a", "b")]), "multipart/form-data; boundary=other", "is not multipart/form-data"),
        (of_fields([("a", "b")])[:-6], MULTIPART, "is not multipart/form-data"),
        (of_fields([("a", "b")]).replace(b"\r\n", b"\n"), MULTIPART, "is not multipart/form-data"),
        (part("a", b"b"), MULTIPART, "is not multipart/form-data"),
        (b'{"a": 1}', MULTIPART, "is not multipart/form-data"),
        (b"a=1", MULTIPART, "is not multipart/form-data"),
        (b"x" + of_fields([("a", "b")]), MULTIPART, "is not multipart/form-data"),
        (multipart(part("a", b"b").replace(b'; name="a"', b"")), MULTIPART, "is not multipart/form-data"),
        (multipart(part("a", b"b").replace(b"form-data", b"attachment")), MULTIPART, "is not multipart/form-data"),
        (multipart(part("a", b"b", "Content-Length: 5")), MULTIPART, "is not multipart/form-data"),
        (multipart(part("a", b"b", "no header")), MULTIPART, "is not multipart/form-data"),
        (multipart(part("a", b"b", " folded: x")), MULTIPART, "is not multipart/form-data"),
        (multipart(), MULTIPART, "no field"),
        (multipart(EMPTY_FILE), MULTIPART, "no field"),
    ],
)
def test_what_is_not_well_formed_is_refused(body: bytes, content_type: str, part_: str) -> None:
    refusal = refused(body, content_type)
    assert (refusal.status, refusal.title) == (400, "Malformed form")
    assert part_ in refusal.detail


@pytest.mark.parametrize(
    "body",
    [
        multipart(*[part("a", b"b")] * (FORM_FIELDS + 1)),
        multipart(part("a", b"b", f"X: {'y' * 5000}")),
        multipart(part("a", b"b", *["X: y"] * 20)),
        multipart(part("a" * 5000, b"b")),
    ],
)
def test_parts_and_their_headers_have_bounds(body: bytes) -> None:
    refusal = refused(body)
    assert (refusal.status, refusal.title) == (413, "Too large")


def test_as_many_parts_as_may_be_are_read() -> None:
    assert len(read(of_fields([(str(number), "x") for number in range(FORM_FIELDS)]))) == FORM_FIELDS


@pytest.mark.parametrize(
    ("part_", "where"),
    [
        (part("a", b"\xe9", "Content-Type: text/plain; charset=utf-8"), "part 'a'"),
        (part("a", b"x") + part("b", b"\xe9") + part("_charset_", b"utf-8"), "part 'b'"),
    ],
)
def test_a_part_that_is_not_in_its_charset_is_named(part_: bytes, where: str) -> None:
    refusal = refused(multipart(part_))
    assert (refusal.status, refusal.title) == (400, "Not in its charset")
    assert refusal.detail.startswith(where)
    assert "byte 0 (0xE9)" in refusal.detail


def test_a_part_may_hold_the_events_as_json() -> None:
    payload = part("payload", '{"name": "José"}'.encode(), "Content-Type: application/json")
    assert read(multipart(part("x", b"1"), payload), form_field="payload") == {"name": "José"}
    assert read(multipart(payload)) == {"payload": '{"name": "José"}'}
    assert read(of_fields([("x", "1")]), form_field="payload") == {"x": "1"}
    assert refused(of_fields([("payload", "hello")]), form_field="payload").where == {"field": "payload"}
    assert refused(multipart(payload, payload), form_field="payload").title == "Malformed form"


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = st.text(st.characters(exclude_characters="%\\", exclude_categories=["C"]), max_size=10)


@given(
    st.lists(st.tuples(names.filter(lambda name: name != "_charset_"), text), min_size=1, max_size=8),
    st.sampled_from(["utf-8", "windows-1252", "windows-1251", "euc-kr", "gb18030"]),
)
def test_any_form_of_a_browser_comes_back_in_any_charset(pairs: list[tuple[str, str]], charset: str) -> None:
    try:
        assume(all(each.encode(charset).decode(charset) == each for pair in pairs for each in pair))
    except UnicodeEncodeError:
        assume(False)
    assert read(of_fields(pairs, charset), f"{MULTIPART}; charset={charset}") == as_object(pairs)


PIECES = [
    *(b"--x", b"\r\n", b"--", b"-", b"\n", b"Content-Disposition: form-data", b'; name="', b'"', b"; filename=", b"a"),
    *(b"Content-Type: text/plain; charset=", b"utf-16", b"\xe9", b"%22", b"\\", b":", b";", b" ", b"=", b"_charset_"),
]


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=40).map(b"".join))
def test_whatever_is_sent_is_read_or_refused(body: bytes) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="a"'
    for sent in (body, head + body, head + b"\r\n\r\n" + body + b"\r\n--x--"):
        try:
            assert isinstance(read(sent, "multipart/form-data; boundary=x"), dict)
        except Refusal as refusal:
            assert refusal.status in (400, 413, 415)
