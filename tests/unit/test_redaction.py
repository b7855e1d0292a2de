"""What is kept of refused bodies: no secret, wherever in whatever it stood; and everything else as it came."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingress.redaction import clean_text, cleaned, text_of
from schemas.cutting import REDACTED, SECRET_NAMES
from schemas.preset import Door

SECRET = "s3cRet-9x"
DOOR = Door(redact=["enquiry_token"])
JSON, NDJSON = "application/json", "application/x-ndjson"
PART = '--x\r\nContent-Disposition: form-data; name="secret"\r\n\r\n'
FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"


def kept(body: str | bytes, content_type: str = JSON) -> str | None:
    """What is kept of a body, as text."""
    clean = cleaned(body if isinstance(body, bytes) else body.encode(), content_type, DOOR)
    return None if clean.body is None else clean.body.decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('{"name": "Asha",  "phone": 9.10, "id": 12345678901234567890123', JSON),
        ('{"a": 1}\n{"a": \n', NDJSON),
        ("name=Asha+Rao&phone=%2B919822012345&note=50%", FORM),
        (b"name=Jos\xe9", FORM),
        ("\ufeff{}x", JSON),
        ('{"message": "I forgot: my password, and all my secrets"}', JSON),
        ('{"passwords": 1, "secretary": "Mira", "keyless": true, "author": "x"}', JSON),
        ("", JSON),
    ],
)
def test_a_body_without_secrets_stays_as_it_came(body: str | bytes, content_type: str) -> None:
    raw = body if isinstance(body, bytes) else body.encode()
    assert cleaned(raw, content_type, DOOR) == (raw, False, None)


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        ('{"api_key": "§", "n": 1}', JSON, '{"api_key":"[redacted]","n":1}'),
        ('[{"n": {"Client-Secret": ["§", 1]}}, 7]', JSON, '[{"n":{"Client-Secret":"[redacted]"}},7]'),
        ('[{"Attribute": "Password", "Value": "§"}]', JSON, '[{"Attribute":"Password","Value":"[redacted]"}]'),
        ('{"Enquiry Token": 5}', JSON, '{"Enquiry Token":"[redacted]"}'),
        ('{"apikey": "§", "apikey": ""}', JSON, '{"apikey":""}'),
        ('{"url": "https://x/?apikey=§&a=1"}', JSON, '{"url":"https://x/?apikey=[redacted]&a=1"}'),
        ('{"p": "{\\"apikey\\": \\"§\\"}"}', JSON, '{"p":"{\\"apikey\\":\\"[redacted]\\"}"}'),
        ('{"a":1}\n{"secret":"§"}\n{"b":', NDJSON, '{"a":1}\n{"secret":"[redacted]"}\n{"b":'),
        ("a=1&API+Key=§&b=%E9", FORM, "a=1&API+Key=[redacted]&b=%E9"),
        ("a=1&%61pikey=§", FORM, "a=1&%61pikey=[redacted]"),
        ('p={"apikey":"§","a":1}', FORM, "p=%7B%22apikey%22%3A%22%5Bredacted%5D%22%2C%22a%22%3A1%7D"),
        ("apikey=§\r\nname=Asha\r\n", "text/plain", "apikey=[redacted]\r\nname=Asha\r\n"),
        ("user[password]=§&x=1", "", "user[password]=[redacted]&x=1"),
    ],
)
def test_where_a_body_can_be_read_the_values_of_secret_names_are_replaced(
    body: str, content_type: str, expected: str
) -> None:
    assert kept(body.replace("§", SECRET), content_type) == expected.replace("§", SECRET)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"a": 1, "apikey": "§"', '{"a": 1, "apikey": "[redacted]"'),
        ('{"a": 1, "apikey": "§', '{"a": 1, "apikey": "[redacted]'),
        ('{"a": 1, "apikey": "§\\" and more", "b": 2', '{"a": 1, "apikey": "[redacted]", "b": 2'),
        ('{"apikey": 12345, "b": tru', '{"apikey": "[redacted]", "b": tru'),
        ('{"secret": {"a": ["§", "}"]}, "b":', '{"secret": "[redacted]", "b":'),
        ('{"secret": ["§", "', '{"secret": "[redacted]"'),
        ("{'api-key': '§', 'a': 1}", "{'api-key': '[redacted]', 'a': 1}"),
        ("{apikey: §, name: 'x'}", "{apikey: [redacted], name: 'x'}"),
        ('{"\\u0061pikey": "§",', '{"\\u0061pikey": "[redacted]",'),
        ('{"p": "{\\"apikey\\": \\"§\\"}",', '{"p": "{\\"apikey\\": \\"[redacted]\\"}",'),
        ('[{"Attribute": "Password", "Value": "§"},', '[{"Attribute": "Password", "Value": "[redacted]"},'),
        ('[{"Value": "§", "SchemaName": "Password"},', '[{"Value": "[redacted]", "SchemaName": "Password"},'),
        ('{"apikey": null, "password": "", "a":', '{"apikey": null, "password": "", "a":'),
        ('{"apikey": "[redacted]", "a":', '{"apikey": "[redacted]", "a":'),
        ("<l><apikey>§</apikey><name>x</name></l>", "<l><apikey>[redacted]</apikey><name>x</name></l>"),
        ("<l><ns:api-key a='b'><![CDATA[§]]></ns:api-key>", "<l><ns:api-key a='b'>[redacted]</ns:api-key>"),
        ('<param name="apikey" value="§"/>', '<param name="apikey" value="[redacted]"/>'),
        ('<lead password="§" name="x"/>', '<lead password="[redacted]" name="x"/>'),
        ("payload=%7B%22apikey%22%3A%22§", "payload=%7B%22apikey%22%3A%22[redacted]"),
        ("apikey = §", "apikey = [redacted]"),
        ("x&secret=a\nb&c=1", "x&secret=[redacted]&c=1"),
        (f"{PART}§\r\n--x--", f"{PART}[redacted]\r\n--x--"),
        (f"{PART}§", f"{PART}[redacted]"),
    ],
)
def test_in_what_cannot_be_read_they_are_found_by_how_they_are_written(body: str, expected: str) -> None:
    assert kept(body.replace("§", SECRET), "text/csv") == expected.replace("§", SECRET)


@pytest.mark.parametrize(
    "body", ["name,phone,apikey\nA,98,§\n", "phone;Password\n98;§\n", '["name", "secret"]\n["x", "§"']
)
def test_a_table_with_a_secret_heading_is_not_kept(body: str) -> None:
    assert cleaned(body.encode(), "text/csv", DOOR) == (None, False, "secret")


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b'{"apikey": "x"}', mtime=0),
        zlib.compress(b"secret=x" * 9),
        b"PK\x03\x04...",
        b"%PDF-1.7\n%\xe2\xe3 x",
    ],
)
def test_what_is_compressed_is_not_kept(body: bytes) -> None:
    assert cleaned(body, JSON, DOOR) == (None, False, "compressed")


def test_other_binary_data_is_kept_unless_it_names_a_secret() -> None:
    assert cleaned(b"\x00\x01\x02lead\xff", JSON, DOOR) == (b"\x00\x01\x02lead\xff", False, None)
    assert cleaned(b"\x00\x01\x02api_key\xff", JSON, DOOR) == (None, False, "secret")
    assert cleaned(b"\x01a\x00p\x00i\x00k\x00e\x00y\x00\xff\x02", JSON, DOOR) == (None, False, "secret")


@pytest.mark.parametrize(
    ("codec", "content_type"),
    [
        ("utf-16", JSON),
        ("utf-16-le", JSON),
        ("utf-32-be", JSON),
        ("utf-8-sig", JSON),
        ("cp037", f"{JSON}; charset=cp037"),
        ("iso-8859-1", f"{JSON}; charset=latin1"),
        ("utf-8", f"{JSON}; charset=utf-16"),
        ("utf-8", f"{JSON}; charset=nobody-knows"),
        ("shift_jis", f"{JSON}; charset=Shift_JIS"),
    ],
)
@pytest.mark.parametrize("text", ['{"apikey": "§", "name": "Jo"}', '{"apikey": "§", "name": "Jo'])
def test_secrets_are_found_in_every_charset(text: str, codec: str, content_type: str) -> None:
    clean = cleaned(text.replace("§", SECRET).encode(codec), content_type, DOOR)
    assert clean.body is not None and clean.changed
    told = clean.body.decode(codec)
    assert SECRET not in told and REDACTED in told and "Jo" in told


def test_a_short_text_is_told_without_secrets() -> None:
    assert clean_text("field 'apikey=abc' is not taken", DOOR) == "field 'apikey=[redacted]"
    assert clean_text("unexpected character: line 1 column 5", DOOR) == "unexpected character: line 1 column 5"


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("{}".encode("utf-16"), JSON, "{}"),
        (b"name=Jos\xe9", FORM, "name=José"),
        (b"name=Jos\xe9", f"{FORM}; charset=utf-8", "name=José"),
        (b"\xb1=1", f"{FORM}; charset=iso-8859-2", "ą=1"),
        (b"\x00\x01", JSON, None),
    ],
)
def test_a_kept_body_is_shown_as_text_where_it_is_one(body: bytes, content_type: str, text: str | None) -> None:
    assert text_of(body, content_type) == text


# A secret planted anywhere: in any container, under any writing of its name, in any way of sending it, cut off or not.

names = st.sampled_from(sorted(SECRET_NAMES | {"enquirytoken"}))
tokens = st.text("JKQXYZ-~", min_size=12, max_size=30).map(lambda text: f"Z{text}")


@st.composite
def written(draw: st.DrawFn) -> str:
    """A secret's name in another case, with separators."""
    name = draw(names)
    parts = [
        draw(st.sampled_from([letter, letter.upper()])) + draw(st.sampled_from(["", "", "", "_", "-", " "]))
        for letter in name
    ]
    return "".join(parts).strip()


harmless = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_characters="JKQXYZ"), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def documents(draw: st.DrawFn, secret: str) -> tuple[object, str]:
    """A document with the secret in it, somewhere, and the name that says so."""
    name = draw(written()).replace(" ", "_")  # as it is in the body, however that is sent
    value = draw(st.sampled_from([secret, [1, secret], {"deep": {"er": secret}}]))
    holder: object = draw(
        st.sampled_from([{name: value}, {"Attribute": name, "Value": value}, {"Value": value, "SchemaName": name}])
    )
    if isinstance(value, str):
        holder = draw(
            st.sampled_from(
                [holder, {"text": json.dumps({name: value})}, {"url": f"https://x.example?{quote(name)}={value}"}]
            )
        )
    for _ in range(draw(st.integers(0, 3))):
        beside = draw(harmless)
        holder = draw(
            st.sampled_from([[beside, holder], {"a": holder, "b": beside}, [holder], {"b": beside, "a": holder}])
        )
    return holder, name


WAYS: list[tuple[str, Callable[[object], str]]] = [
    (JSON, lambda document: json.dumps(document)),
    (JSON, lambda document: json.dumps(document, indent=2, ensure_ascii=False)),
    (NDJSON, lambda document: f'{{"a": 1}}\n{json.dumps(document)}\n{{"b": 2}}'),
    (FORM, lambda document: urlencode({"a": "1", "payload": json.dumps(document), "b": "2"})),
    (FORM, lambda document: quote_plus(json.dumps(document))),
    (
        MULTIPART,
        lambda document: f'--x\r\nContent-Disposition: form-data; name="p"\r\n\r\n{json.dumps(document)}\r\n--x--',
    ),
    ("text/plain", lambda document: json.dumps(json.dumps(document))),
]


@given(st.data())
def test_a_planted_secret_is_never_kept(data: st.DataObject) -> None:
    secret = data.draw(tokens)
    content_type, write = data.draw(st.sampled_from(WAYS))
    document, name = data.draw(documents(secret))
    body = write(document)
    damage = data.draw(st.sampled_from(["none", "cut", "comma", "tail"]))
    if damage == "cut":  # behind the name, without which nobody could know
        body = body[: data.draw(st.integers(min(len(body), body.rfind(name) + len(name)), len(body)))]
    elif damage == "comma":
        at = data.draw(st.sampled_from([at for at, sign in enumerate(body) if sign in "{}[],:&"] or [0]))
        body = f"{body[:at]},{body[at:]}"
    elif damage == "tail":
        body += data.draw(st.sampled_from(["}", ",", "x", "\n", "&c=3"]))
    told = kept(body, content_type)
    assert told is None or not any(secret[at : at + 10] in told for at in range(len(secret) - 9))


@given(st.data())
def test_a_planted_field_of_a_form_is_never_kept(data: st.DataObject) -> None:
    secret, name = data.draw(tokens), data.draw(written())
    encoded = data.draw(
        st.sampled_from([quote_plus(name), quote(name), "".join(f"%{ord(letter):02x}" for letter in name)])
    )
    body = f"a={data.draw(st.sampled_from(['1', '%E9', '%']))}&{encoded}={secret}&b=2"
    content_type = data.draw(st.sampled_from([FORM, "text/plain", "", "text/csv", JSON]))
    told = kept(body[: data.draw(st.integers(len(body) // 2, len(body)))], content_type)
    assert told is None or secret[:10] not in told


@given(
    st.binary(max_size=200), st.sampled_from([JSON, FORM, NDJSON, MULTIPART, "text/csv; charset=utf-16", "\x00", ""])
)
def test_any_bytes_can_be_looked_into(body: bytes, content_type: str) -> None:
    clean = cleaned(body, content_type, DOOR)
    assert clean.body is None or clean.changed or clean.body == body


@pytest.mark.parametrize(
    "piece",
    [
        b"secret ",
        b'"secret":{',
        b'"Attribute":"password" ',
        b'name="secret"\r\na: b\r\n',
        b"%73ecret=%22",
        b"\\",
        b"+",
        b"<secret>",
        b"[" * 7,
    ],
)
def test_what_is_made_to_be_hard_to_look_into_is_looked_into_to_its_end(piece: bytes) -> None:
    """Each name is looked at once, and what follows it in one go: nothing here is looked at again and again."""
    clean = cleaned(piece * (256 * 1024 // len(piece)) + b"\nsecret=hush-hush", JSON, DOOR)
    assert clean.body is None or b"hush-hush" not in clean.body
