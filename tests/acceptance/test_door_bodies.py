"""`/in/{token}` over real HTTP: bodies as CRMs, pages and scripts write them, and what their events say of it."""

from __future__ import annotations

import base64
import gzip
import hmac
from urllib.parse import quote

import orjson
import pytest

from pipeline.ingress.charset import ASSUMED
from tests.support.forms import FORM, MULTIPART, by_lines, multipart, of_fields, part, urlencoded
from tests.support.guarding import SECRET, guarded, guards
from tests.support.ingress import connector, open_door

JSON, LINES = "application/json", "application/x-ndjson"
JOSE = {"name": "José"}


@pytest.mark.parametrize(
    ("body", "content_type", "document", "notes"),
    [
        ('{"name": "José"}'.encode("latin-1"), f"{JSON}; charset=ISO-8859-1", JOSE, ()),
        ('{"name": "José"}'.encode("latin-1"), JSON, JOSE, (ASSUMED,)),
        ('{"name": "José"}'.encode("cp1252"), None, JOSE, (ASSUMED,)),
        ('{"name": "José"}'.encode(), JSON, JOSE, ()),
        ('{"name": "José"}'.encode("utf-16"), JSON, JOSE, ()),
        ('{"name": "José"}'.encode("utf-8-sig"), JSON, JOSE, ()),
        ('{"name": "山田"}'.encode("shift_jis"), f"{JSON}; charset=Shift_JIS", {"name": "山田"}, ()),
        (b"name=Jos%E9", f"{FORM}; charset=ISO-8859-1", JOSE, ()),
        (b"name=Jos%E9", FORM, JOSE, (ASSUMED,)),
        (b"name=Jos\xe9", FORM, JOSE, (ASSUMED,)),
        (urlencoded([("name", "José")]), FORM, JOSE, ()),
        (urlencoded([("name", "José")]), "text/plain", JOSE, ()),
        (urlencoded([("name", "José")]), None, JOSE, ()),
        (urlencoded([("name", "José"), ("x", "1")], "cp1252"), None, {**JOSE, "x": "1"}, (ASSUMED,)),
        (by_lines([("name", "José"), ("x", "1 + 1")]), "text/plain", {**JOSE, "x": "1 + 1"}, ()),
        (of_fields([("name", "José"), ("x", "1")]), MULTIPART, {**JOSE, "x": "1"}, ()),
        (of_fields([("name", "José")], "cp1252"), MULTIPART, JOSE, (ASSUMED,)),
        (b"name=Sing&phone=+6591234567", FORM, {"name": "Sing", "phone": "+6591234567"}, ()),
        (b"name=Sing&phone=+6591234567", "text/plain", {"name": "Sing", "phone": "+6591234567"}, ()),
        (of_fields([("phone", "+65 9123 4567")]), MULTIPART, {"phone": "+65 9123 4567"}, ()),
    ],
)
async def test_a_body_is_read_as_it_was_meant(
    body: bytes, content_type: str | None, document: dict[str, str], notes: tuple[str, ...]
) -> None:
    headers = {} if content_type is None else {"content_type": content_type}
    async with open_door() as door:
        assert (await door.post(body, **headers))[0] == 202
        assert (await door.post(body, query="?wait=0.01", **headers))[0] == 202  # by the long way
        assert (await door.post(gzip.compress(body), content_encoding="gzip", **headers))[0] == 202
        events = await door.events()
        assert [(orjson.loads(event.raw), event.notes) for event in events] == [(document, notes)] * 3


async def test_every_event_of_a_body_says_that_its_charset_was_assumed() -> None:
    async with open_door() as door:
        for body, kind in (('[{"a": "é"}, {"a": "e"}]', JSON), ('{"a": "é"}\n{"a": "e"}\n', LINES)):
            assert (await door.post(body.encode("cp1252"), content_type=kind))[0] == 202
        assert [event.notes for event in await door.events()] == [(ASSUMED,)] * 4
        assert (await door.post(b"[]", content_type=JSON))[0] == 202
        assert (await door.post(b"[\xe9]", content_type=JSON))[0] == 400


async def test_a_connector_names_the_field_that_holds_the_events() -> None:
    payload = orjson.dumps([{"name": "José"}, {"name": "Asha"}]).decode()
    inlet = connector(own={"form_field": "payload"}, door={"form": "data"})
    async with open_door(t=inlet, preset=connector(8, "preset", door={"form": "data"})) as door:
        escaped = f"payload={quote(payload)}&x=1".encode()
        for body, kind in ((escaped, FORM), (escaped, "text/plain"), (of_fields([("payload", payload)]), MULTIPART)):
            status, answer, _ = await door.post(body, content_type=kind)
            assert (status, answer["accepted"]) == (202, 2)
        for body in (b"data={}", b"x=1"):  # without the field, the form is the event; the preset's field is replaced
            status, answer, _ = await door.post(body, content_type=FORM)
            assert (status, answer["accepted"]) == (202, 1)
        status, problem, _ = await door.post(b"payload=hello", content_type=FORM)
        assert (status, problem["title"], problem["field"]) == (400, "Malformed JSON", "payload")
        assert "field 'payload'" in problem["detail"]
        assert (await door.post(b'data={"name":"Mia"}', token="preset", content_type=FORM))[0] == 202
        raws = [orjson.loads(event.raw) for event in await door.events()]
        assert raws == [{"name": "José"}, {"name": "Asha"}] * 3 + [{"data": "{}"}, {"x": "1"}, {"name": "Mia"}]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "detail"),
    [
        (multipart(part("cv", b"%PDF", more='; filename="cv.pdf"')), MULTIPART, 415, "part 'cv' is a file"),
        (of_fields([("a", "b")]), "multipart/form-data", 400, "must name its boundary"),
        (of_fields([("a", "b")])[:-10], MULTIPART, 400, "is not multipart/form-data"),
        (b"{}", f"{JSON}; charset=klingon", 415, "charset 'klingon' is not known here"),
        (b'{"a": "\xe9"}', f"{JSON}; charset=utf-8", 400, "utf-8: byte 7 (0xE9)"),
        (b"a=%E9", f"{FORM}; charset=utf-8", 400, "field 'a'"),
        (b"nothing", "text/plain", 400, "got text that begins with 'nothing'"),
        (b"\xff\xd8\xff\xe0", None, 400, "got binary data"),
        (b"<lead/>", "text/plain", 415, "XML or HTML"),
        (b"<lead/>", "application/xml", 415, "'application/xml'"),
    ],
)
async def test_what_cannot_be_read_is_refused_in_words(
    body: bytes, content_type: str | None, status: int, detail: str
) -> None:
    headers = {} if content_type is None else {"content_type": content_type}
    async with open_door() as door:
        got, problem, _ = await door.post(body, **headers)
        assert got == problem["status"] == status
        assert detail in problem["detail"]
        assert await door.events() == []


async def test_a_signed_form_is_read_as_it_was_signed_whatever_is_claimed_around_it() -> None:
    """Who has one signed request cannot make another lead of it: no sign and no charset is read in another way."""
    public = "https://hooks.example.com"
    auth = {"scheme": "twilio", "secrets": ["env:NEW"]}

    def signed(*fields: str) -> dict[str, str]:
        text = "".join([f"{public}/in/t", *fields]).encode()
        return {"x_twilio_signature": base64.b64encode(hmac.digest(SECRET.encode(), text, "sha1")).decode()}

    async with open_door(guards=guards(public_url=public), t=guarded(auth)) as door:
        proof = signed("Body", " 5", "Name", "José")
        for body in (b"Body=+5&Name=Jos%C3%A9", b"Body=%205&Name=Jos\xc3\xa9"):
            for kind in (FORM, f"{FORM}; charset=windows-1251"):
                assert (await door.post(body, content_type=kind, **proof))[0] == 202
        assert {event.raw for event in await door.events()} == {'{"Body":" 5","Name":"José"}'}


async def test_a_signed_body_in_utf8_is_utf8_whatever_is_claimed_around_it() -> None:
    body = '{"name": "José"}'.encode()
    auth = {"scheme": "hmac", "header": "X-Sign", "secrets": ["env:NEW"]}
    proof = {"x_sign": hmac.digest(SECRET.encode(), body, "sha256").hex()}
    async with open_door(guards=guards(), t=guarded(auth)) as door:
        for kind in (JSON, f"{JSON}; charset=iso-8859-1", f"{JSON}; charset=big5", "text/plain; charset=utf-16"):
            assert (await door.post(body, content_type=kind, **proof))[0] == 202
        assert {event.raw for event in await door.events()} == {'{"name":"José"}'}
