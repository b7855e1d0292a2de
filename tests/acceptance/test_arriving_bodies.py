"""Forms, charsets and browsers at a running installation: what they send becomes a record, on both transports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from tests.acceptance.conftest import Install
from tests.support.daemon import Leadpipe
from tests.support.desk import Desk, desk_of, fresh_email, fresh_phone, key_of, set_up
from tests.support.forms import FORM, MULTIPART, by_lines, multipart, of_fields, part, urlencoded

SITE = "https://www.example.com"
CONNECTORS = {
    "india": "",
    "payload": 'form_field = "payload"\n',
    "browsers": f'origins = ["{SITE}"]\n',
}
COMMON = 'preset = "generic-json"\ndefault_country = "IN"\ntime_zone = "Asia/Kolkata"\n'
ASSUMED = "body: not UTF-8, and no charset was named; read as Windows-1252"
JSON = "application/json"


@pytest.fixture(scope="module", params=["postgresql", "rabbitmq"])
def leadpipe(request: pytest.FixtureRequest, install: Install) -> Leadpipe:
    return set_up(install(request.param), {name: COMMON + settings for name, settings in CONNECTORS.items()})


@pytest.fixture(scope="module")
def key(leadpipe: Leadpipe) -> str:
    return key_of(leadpipe)


@pytest.fixture
async def desk(leadpipe: Leadpipe, key: str) -> AsyncIterator[Desk]:
    async with desk_of(leadpipe, key) as desk:
        yield desk


async def ends(
    desk: Desk, body: bytes, content_type: str | None, connector: str = "india"
) -> tuple[dict[str, Any], list[str]]:
    """Post this; the fields of the lead that it makes, and the notes of its event."""
    status, answer = await desk.send(connector, body, content_type)
    assert status == 200, answer
    [result] = answer["results"]
    assert result["outcome"] == "created", result
    return await desk.fields(result["lead"]), (await desk.row(result["id"]))["notes"]


@pytest.mark.parametrize(
    ("charset", "label", "notes"),
    [
        ("cp1252", "; charset=ISO-8859-1", []),
        ("cp1252", "", [ASSUMED]),
        ("utf-16", "", []),
        ("utf-8", "", []),
        ("gb18030", "; charset=gb2312", []),
    ],
)
async def test_a_name_is_what_it_is_in_any_charset(desk: Desk, charset: str, label: str, notes: list[str]) -> None:
    body = orjson.dumps({"name": "José Núñez", "email": fresh_email()}).decode().encode(charset)
    fields, noted = await ends(desk, body, f"{JSON}{label}")
    assert fields["name"] == "José Núñez"
    assert noted == notes


@pytest.mark.parametrize(("label", "notes"), [("", [ASSUMED]), ("; charset=iso-8859-1", [])])
async def test_a_form_with_escapes_of_an_old_charset(desk: Desk, label: str, notes: list[str]) -> None:
    body = urlencoded([("name", "José"), ("email", fresh_email())], "cp1252")
    fields, noted = await ends(desk, body, f"{FORM}{label}")
    assert (fields["name"], noted) == ("José", notes)


@pytest.mark.parametrize("kind", [FORM, "text/plain", None, "application/octet-stream", "lines", MULTIPART])
async def test_a_form_is_a_lead_in_whatever_way_it_is_sent(desk: Desk, kind: str | None) -> None:
    phone = fresh_phone()
    pairs = [("name", "Asha Rao"), ("phone", phone), ("email", fresh_email())]
    ways = {MULTIPART: of_fields(pairs), "lines": by_lines(pairs)}
    body = ways.get(str(kind), urlencoded(pairs))
    fields, notes = await ends(desk, body, "text/plain" if kind == "lines" else kind)
    assert (fields["name"], fields["phone"], notes) == ("Asha Rao", phone, [])


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+6591234567", "+6591234567"),
        ("+65+9123+4568", "+6591234568"),
        ("+971501234567", "+971501234567"),
        ("(+65)91234569", "+6591234569"),
        ("++6591234570", "+6591234570"),
        ("%2B6591234571", "+6591234571"),
    ],
)
@pytest.mark.parametrize("kind", [FORM, "text/plain"])
async def test_a_plus_that_was_not_escaped_is_that_of_the_number(
    desk: Desk, written: str, number: str, kind: str
) -> None:
    status, answer = await desk.send("india", f"name=Sing&phone={written}".encode(), kind)
    assert status == 200, answer
    [result] = answer["results"]
    assert (await desk.fields(result["lead"]))["phone"] == number


@pytest.mark.parametrize("kind", [FORM, "text/plain", MULTIPART])
async def test_a_field_of_a_form_holds_the_event(desk: Desk, kind: str) -> None:
    phone = fresh_phone()
    payload = orjson.dumps({"name": "Asha Rao", "phone": phone}).decode()
    body = of_fields([("payload", payload)]) if kind == MULTIPART else f"payload={quote(payload)}&x=1".encode()
    fields, _ = await ends(desk, body, kind, "payload")
    assert (fields["name"], fields["phone"]) == ("Asha Rao", phone)


async def test_a_file_is_refused_by_its_name(desk: Desk) -> None:
    status, answer = await desk.send("india", multipart(part("cv", b"%PDF", more='; filename="cv.pdf"')), MULTIPART)
    assert status == 415
    assert "part 'cv' is a file" in answer["detail"]


async def test_a_page_of_the_list_posts_and_reads_the_answer(desk: Desk) -> None:
    async with desk.session.options(desk.urls["browsers"], headers={"Origin": SITE}) as answer:
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (204, SITE)
    async with desk.session.options(desk.urls["india"], headers={"Origin": SITE}) as answer:
        assert answer.status == 405
    for query, status in (("", 202), ("?wait=60", 200)):
        event = {"phone": fresh_phone()}
        url = f"{desk.urls['browsers']}{query}"
        async with desk.session.post(url, json=event, headers={"Origin": SITE}) as answer:
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (status, SITE)
