"""Bytes and text: what the names of charsets mean, what is read where none was named, and how it is told."""

from __future__ import annotations

from encodings import __path__ as modules
from pkgutil import iter_modules
from typing import Any

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.ingress.body import Document, documents
from pipeline.ingress.charset import ASSUMED, decoded, in_utf8
from pipeline.ingress.labels import UNNAMED, named
from pipeline.ingress.refusal import Refusal

JSON, LINES, FORM = "application/json", "application/x-ndjson", "application/x-www-form-urlencoded"

# The labels of the Encoding standard (§4.2, 2026), but for those of x-user-defined and of no charset at all.
WEB = {
    "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8",
    "cp866": "866 cp866 csibm866 ibm866",
    "iso8859-2": "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2",
    "iso8859-3": "csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3",
    "iso8859-4": "csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4",
    "iso8859-5": "csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988",
    "iso8859-6": "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 iso-8859-6-e "
    "iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987",
    "iso8859-7": "csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597 iso_8859-7 "
    "iso_8859-7:1987 sun_eu_greek",
    "iso8859-8": "csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138 iso8859-8 iso88598 iso_8859-8 "
    "iso_8859-8:1988 visual csiso88598i iso-8859-8-i logical",
    "iso8859-10": "csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6",
    "iso8859-13": "iso-8859-13 iso8859-13 iso885913",
    "iso8859-14": "iso-8859-14 iso8859-14 iso885914",
    "iso8859-15": "csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9",
    "iso8859-16": "iso-8859-16",
    "koi8-r": "cskoi8r koi koi8 koi8-r koi8_r",
    "koi8-u": "koi8-ru koi8-u",
    "mac-roman": "csmacintosh mac macintosh x-mac-roman",
    "cp874": "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874",
    "cp1250": "cp1250 windows-1250 x-cp1250",
    "cp1251": "cp1251 windows-1251 x-cp1251",
    "cp1252": "cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 l1 "
    "latin1 windows-1252 x-cp1252",
    "cp1253": "cp1253 windows-1253 x-cp1253",
    "cp1254": "cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 latin5 "
    "windows-1254 x-cp1254",
    "cp1255": "cp1255 windows-1255 x-cp1255",
    "cp1256": "cp1256 windows-1256 x-cp1256",
    "cp1257": "cp1257 windows-1257 x-cp1257",
    "cp1258": "cp1258 windows-1258 x-cp1258",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "gb18030": "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk gb18030",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
    "euc_jp": "cseucpkdfmtjapanese euc-jp x-euc-jp",
    "iso2022_jp": "csiso2022jp iso-2022-jp",
    "cp932": "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis",
    "cp949": "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 "
    "windows-949",
    "utf-16-be": "unicodefffe utf-16be",
    "utf-16-le": "utf-16le",
    "utf-16": "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16",
}
US_ASCII = ["ascii", "us-ascii", "ansi_x3.4-1968", "US-ASCII", "iso646-us"]
NO_CHARSETS = {"idna", "mbcs", "oem", "punycode", "raw_unicode_escape", "undefined", "unicode_escape", "utf_7"}
BYTES_TO_BYTES = {"base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"}


def charsets() -> list[str]:
    """Every charset that Python knows."""
    return [m.name for m in iter_modules(modules) if m.name not in NO_CHARSETS | BYTES_TO_BYTES | {"aliases"}]


def one(body: bytes, content_type: str = JSON) -> Document:
    [found] = documents(body, content_type, None, 10)
    return found


def refused(body: bytes, content_type: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        documents(body, content_type, None, 10)
    return caught.value


@pytest.mark.parametrize(("codec", "label"), [(codec, label) for codec, all in WEB.items() for label in all.split()])
def test_a_name_means_what_it_means_to_browsers(codec: str, label: str) -> None:
    assert named(label).codecs[-1] == codec
    assert named(f' "{label.upper()}" ') == named(label)


@pytest.mark.parametrize("label", US_ASCII)
def test_who_says_ascii_and_sends_more_sends_utf8_or_windows_1252(label: str) -> None:
    content_type = f"{JSON}; charset={label}"
    assert one('{"a": "é"}'.encode(), content_type) == Document({"a": "é"})
    assert one('{"a": "é–"}'.encode("cp1252"), content_type) == Document({"a": "é–"})


@pytest.mark.parametrize("codec", charsets())
def test_whatever_python_knows_is_a_charset(codec: str) -> None:
    text = '{"name": "Asha"}'
    content_type = f"{JSON}; charset={codec}"
    assert one(text.encode(codec), content_type) == Document({"name": "Asha"})


@pytest.mark.parametrize(
    "label", [*sorted(NO_CHARSETS | BYTES_TO_BYTES), "aliases", "klingon", "x-", "utf-8;", "é", "a b"]
)
def test_what_is_no_charset_is_refused_by_its_name(label: str) -> None:
    refusal = refused(b"{}", f'{JSON}; charset="{label}"')
    assert (refusal.status, refusal.title) == (415, "Unsupported content")
    assert repr(label) in refusal.detail
    assert "send UTF-8" in refusal.detail


def test_a_long_name_is_not_repeated() -> None:
    assert len(refused(b"{}", f"{JSON}; charset={'x' * 5000}").detail) < 200


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("ISO-8859-1", "José – “Ñandú” €"),  # with signs that only Windows-1252 has
        ("windows-1252", "Zoë\u0081"),
        ("windows-1251", "Иван"),
        ("koi8-r", "Иван"),
        ("iso-8859-2", "Łukasz"),
        ("windows-1254", "İpek"),
        ("iso-8859-9", "İpek “ş”"),
        ("windows-874", "สมชาย"),
        ("tis-620", "สมชาย"),
        ("shift_jis", "山田 ①"),  # one sign of which only Microsoft's has
        ("iso-2022-jp", "山田"),
        ("euc-kr", "김철수 똠"),
        ("gb2312", "朱镕基"),
        ("big5", "陳大文"),
        ("macintosh", "José"),
    ],
)
def test_what_is_named_is_read_so_in_json_lines_and_forms(label: str, text: str) -> None:
    codec = named(label).codecs[-1]
    known = {"cp874": "cp874", "cp1254": "cp1254"}.get(codec, codec)
    raw = "Zoë\u0081".encode("latin-1") if "\u0081" in text else text.encode(known)
    written = raw if "\u0081" in text else None

    def sent(before: str, after: str) -> bytes:
        if written is not None:
            return before.encode() + written + after.encode()
        return (before + text + after).encode(known)

    assert one(sent('{"name": "', '"}'), f"{JSON}; charset={label}") == Document({"name": text})
    assert one(sent('{"name": "', '"}\n'), f"{LINES}; charset={label}") == Document({"name": text}, 1)
    assert one(sent('{"name": "', '"}'), f"text/plain; charset={label}") == Document({"name": text})
    assert one(sent("name=", "&x=1"), f"text/plain; charset={label}") == Document({"name": text, "x": "1"})
    escaped = b"name=" + "".join(f"%{byte:02X}" for byte in raw).encode()
    assert one(escaped, f"{FORM};charset={label}") == Document({"name": text})


@pytest.mark.parametrize("label", ["utf-16", "utf-16be", "utf-32le", "cp037"])
def test_what_is_named_is_read_so_also_where_ascii_is_not_ascii(label: str) -> None:
    assert one('{"name": "José"}'.encode(label), f"{JSON}; charset={label}") == Document({"name": "José"})
    assert one('{"name": "José"}\n'.encode(label), f"{LINES}; charset={label}") == Document({"name": "José"}, 1)
    for content_type in (FORM, "text/plain"):
        assert one('{"name": "José"}'.encode(label), f"{content_type}; charset={label}") == Document({"name": "José"})
        form = "name=José&x=1".encode(label)
        assert one(form, f"{content_type}; charset={label}") == Document({"name": "José", "x": "1"})
        escaped = b"name=Jos%C3%A9&x=1"  # browsers have no other way of writing such a form
        assert one(escaped, f"{content_type}; charset={label}") == Document({"name": "José", "x": "1"})


def test_utf16_that_does_not_say_its_order_is_little_endian_unless_a_mark_says_otherwise() -> None:
    text = '{"a": "é"}'
    for body in (
        text.encode("utf-16-le"),
        b"\xff\xfe" + text.encode("utf-16-le"),
        b"\xfe\xff" + text.encode("utf-16-be"),
    ):
        assert one(body, f"{JSON}; charset=utf-16") == Document({"a": "é"})


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("content_type", [JSON, LINES, FORM, "text/plain", "", f"{JSON}; charset=iso-8859-1"])
def test_a_byte_order_mark_goes_before_every_name(codec: str, content_type: str) -> None:
    assert one('{"name": "José"}'.encode(codec), content_type).value == {"name": "José"}
    assert not one('{"name": "José"}'.encode(codec), content_type).notes


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("content_type", [JSON, LINES, "text/plain", ""])
def test_what_is_written_with_nuls_shows_what_it_is(codec: str, content_type: str) -> None:
    assert one('{"name": "José"}'.encode(codec), content_type)[::2] == ({"name": "José"}, ())
    assert one("name=José&x=1".encode(codec), FORM) == Document({"name": "José", "x": "1"})


@pytest.mark.parametrize(
    ("content_type", "body", "value"),
    [
        (JSON, '{"name": "José – €"}'.encode("cp1252"), {"name": "José – €"}),
        (LINES, '{"name": "Zoë"}\n'.encode("latin-1"), {"name": "Zoë"}),
        ("text/plain", '{"name": "Zoë"}'.encode("latin-1"), {"name": "Zoë"}),
        ("", "name=Zoë&city=Pune".encode("latin-1"), {"name": "Zoë", "city": "Pune"}),
        (FORM, b"name=Jos%E9", {"name": "José"}),
        (FORM, b"name=Jos\xe9", {"name": "José"}),
        (FORM, b"a=%ff", {"a": "ÿ"}),
        (FORM, b"a=%ED%A0%80", {"a": "í\u00a0€"}),  # would be half a surrogate pair
        (FORM, b"name=Jos%E9&city=Malm%C3%B6", {"name": "José", "city": "MalmÃ¶"}),  # all in one charset
        (JSON, b'{"a": "\x81\x8d\x8f\x90\x9d"}', {"a": "\x81\x8d\x8f\x90\x9d"}),  # every byte is something
    ],
)
def test_what_nobody_named_and_is_not_utf8_is_windows_1252_and_noted(
    content_type: str, body: bytes, value: Any
) -> None:
    found = one(body, content_type)
    assert found.value == value
    assert found.notes == (ASSUMED,)
    assert ASSUMED == "body: not UTF-8, and no charset was named; read as Windows-1252"


@pytest.mark.parametrize(
    "content_type", [JSON, LINES, FORM, "text/plain", "", f"{JSON};charset=utf-8", f"{JSON};charset="]
)
def test_what_is_utf8_is_not_noted(content_type: str) -> None:
    assert one('{"name": "José"}'.encode(), content_type).notes == ()


def test_every_line_is_noted_if_one_is_not_utf8() -> None:
    found = documents(b'{"a": "Zo\xc3\xab"}\n{"a": "Zo\xeb"}', LINES, None, 10)
    assert [(each.value["a"], each.line, each.notes) for each in found] == [
        ("ZoÃ«", 1, (ASSUMED,)),
        ("Zoë", 2, (ASSUMED,)),
    ]


@pytest.mark.parametrize(
    ("content_type", "body", "label", "byte"),
    [
        (f"{JSON}; charset=utf-8", b'{"name": "Jos\xe9"}', "utf-8", "byte 13 (0xE9)"),
        (f"{LINES}; charset=UTF-8", b'{}\n{"a": "\xe9"}', "utf-8", "byte 10 (0xE9)"),
        (f"{FORM}; charset=utf-8", b"city=Pune&name=Jos%E9", "utf-8", "'name'"),
        ("text/plain; charset=utf-8", b"name=Jos\xe9", "utf-8", "byte 3 (0xE9)"),
        (f"{JSON}; charset=big5", b'{"a": "\xff"}', "big5", "byte 7 (0xFF)"),
        (f"{JSON}; charset=iso-8859-8", b'{"a": "\xa1"}', "iso-8859-8", "byte 7 (0xA1)"),
        (f"{JSON}; charset=windows-1253", b'{"a": "\xaa"}', "windows-1253", "byte 7 (0xAA)"),
        (f"{JSON}; charset=utf-16", b"{\0}\0\n", "utf-16", "byte 4 (0x0A)"),
        (JSON, b'\xef\xbb\xbf{"a": "\xe9"}', "UTF-8", "byte 7 (0xE9)"),
        (JSON, b"\xff\xfe{\0}\0\n", "UTF-16-LE", "byte 4 (0x0A)"),
    ],
)
def test_what_is_not_in_the_charset_that_is_named_is_refused_by_charset_and_byte(
    content_type: str, body: bytes, label: str, byte: str
) -> None:
    refusal = refused(body, content_type)
    assert (refusal.status, refusal.title) == (400, "Not in its charset")
    assert label in refusal.detail
    assert byte in refusal.detail


def test_utf8_is_not_copied() -> None:
    body = '{"name": "José"}'.encode()
    for charset in (UNNAMED, named("utf-8"), named("us-ascii")):
        assert in_utf8(body, charset)[0] is body


def test_what_was_signed_means_what_its_sender_meant_whatever_charset_is_claimed() -> None:
    """The content type is in no signature: it makes no other name of what is UTF-8."""
    body = '{"name": "José"}'.encode()
    for content_type in (f"{JSON}; charset=iso-8859-1", f"{LINES}; charset=big5", "text/plain; charset=koi8-r"):
        [signed] = documents(body, content_type, None, 10, "bytes")
        assert signed.value == {"name": "José"}
    [form] = documents(b"name=Jos%C3%A9", f"{FORM}; charset=koi8-r", None, 10, "fields")
    assert form.value == {"name": "José"}
    [latin] = documents('{"name": "José"}'.encode("latin-1"), f"{JSON}; charset=iso-8859-1", None, 10, "bytes")
    assert latin.value == {"name": "José"}


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(sorted(charsets())))
def test_any_text_that_a_charset_has_comes_back(text: str, codec: str) -> None:
    document = orjson.dumps({"a": text}).decode()
    try:
        body = document.encode(codec)
    except UnicodeEncodeError:
        assume(False)
    assume(decoded(body, named(codec).codecs[0]) == document)  # some codecs write two characters alike
    assert one(body, f"{JSON}; charset={codec}").value == {"a": text}


@given(st.binary(), st.sampled_from(sorted({*charsets(), *" ".join(WEB.values()).split()})))
def test_any_bytes_are_text_of_a_charset_or_refused(body: bytes, label: str) -> None:
    try:
        utf8, notes = in_utf8(body, named(label))
    except Refusal as refusal:
        assert (refusal.status, refusal.title) == (400, "Not in its charset")
    else:
        assert notes == ()
        utf8.decode()


@given(st.binary())
def test_any_bytes_are_text_where_no_charset_was_named(body: bytes) -> None:
    assume(body[:2] not in (b"\xff\xfe", b"\xfe\xff") and body[:3] != b"\xef\xbb\xbf" and body[:4] != b"\0\0\xfe\xff")
    in_utf8(body, UNNAMED)[0].decode()
