"""`/in/{token}` over real HTTP: browsers that post from other sites, as far as a connector's `origins` lets them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
import structlog

from pipeline.ingress.cors import MAX_AGE
from schemas import presets
from schemas.connector import Connector, ConnectorSettings
from tests.support.guarding import GITHUB, TIMED, guarded, guards
from tests.support.ingress import AWAY, TOKEN, UNHURRIED, Door, connector, open_door

SITE, OTHER = "https://www.example.com", "https://evil.example"
CORS = ("Access-Control-", "Vary")


def listing(*origins: str, **own: Any) -> Connector:
    return connector(own={"origins": list(origins), **own})


async def preflight(
    door: Door, origin: str | None = SITE, token: str = TOKEN, **asked: str
) -> tuple[int, Mapping[str, str], bytes]:
    """What a browser asks before it posts JSON; `asked` become Access-Control-Request-… headers."""
    headers = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    headers |= {f"Access-Control-Request-{name.replace('_', '-')}": value for name, value in asked.items()}
    headers |= {} if origin is None else {"Origin": origin}
    async with door.session.options(f"{door.url}/in/{token}", headers=headers) as response:
        return response.status, response.headers, await response.read()


def sharing(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.startswith(CORS)}


async def test_a_page_of_the_list_may_post() -> None:
    async with open_door(t=listing(SITE, "http://localhost:3000")) as door:
        for origin in (SITE, "http://localhost:3000"):
            status, headers, body = await preflight(door, origin)
            assert (status, body) == (204, b"")
            assert sharing(headers) == {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Allow-Methods": "POST",
                "Access-Control-Allow-Headers": "content-type",
                "Access-Control-Max-Age": str(MAX_AGE),
                "Vary": "Origin",
            }


@pytest.mark.parametrize(
    ("listed", "origin"),
    [
        ("https://WWW.Example.com/", SITE),
        ("https://www.example.com:443", SITE),
        (SITE, "https://www.example.com:443"),
        ("http://localhost:80", "http://localhost"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        (SITE, "HTTPS://www.EXAMPLE.com"),
    ],
)
async def test_origins_are_compared_and_not_their_spelling(listed: str, origin: str) -> None:
    async with open_door(t=listing(listed)) as door:
        status, headers, _ = await preflight(door, origin)
        assert (status, headers["Access-Control-Allow-Origin"]) == (204, origin)  # as the browser compares it


@pytest.mark.parametrize(
    "origin",
    [
        OTHER,
        "http://www.example.com",
        "https://example.com",
        "https://www.example.com:8443",
        "https://www.example.com.evil.example",
        "https://a.www.example.com",
        "null",
        "",
        "https://www.example.com/path",
        "x" * 4000,
    ],
)
async def test_no_other_page_may(origin: str) -> None:
    async with open_door(t=listing(SITE)) as door:
        status, headers, body = await preflight(door, origin)
        assert status == 403
        assert not sharing(headers)
        assert b'"title":"Origin not allowed"' in body
        assert b"site" in body
        status, _, headers = await door.post(b"{}", origin=origin)
        assert status == 202  # it is browsers' users who are protected
        assert not sharing(headers)


async def test_a_star_is_every_page_and_also_one_that_has_no_name() -> None:
    async with open_door(t=listing("*", SITE)) as door:
        for origin in (SITE, OTHER, "null"):
            status, headers, _ = await preflight(door, origin)
            assert (status, headers["Access-Control-Allow-Origin"], headers["Vary"]) == (204, "*", "Origin")
            assert (await door.post(b"{}", origin=origin))[2]["Access-Control-Allow-Origin"] == "*"


async def test_without_a_list_nothing_is_different_from_before() -> None:
    async with open_door() as door:
        status, headers, _ = await preflight(door)
        assert (status, headers["Allow"]) == (405, "GET,HEAD,POST")
        assert not sharing(headers)
        status, _, headers = await door.post(b"{}", origin=SITE)
        assert status == 202
        assert not sharing(headers)


async def test_who_is_no_browser_asks_in_vain_and_posts_as_before() -> None:
    async with open_door(t=listing(SITE)) as door:
        status, headers, _ = await preflight(door, None)
        assert (status, headers["Allow"]) == (405, "GET,HEAD,POST")
        status, _, headers = await door.post(b"{}")
        assert status == 202
        assert not sharing(headers)


async def test_an_unknown_url_is_404_and_tells_a_page_nothing() -> None:
    async with open_door(t=listing(SITE)) as door:
        for token in ("u", "x" * 500, "%ff"):
            status, headers, _ = await preflight(door, token=token)
            assert status == 404
            assert not sharing(headers)
            status, _, headers = await door.post(b"{}", token=token, origin=SITE)
            assert status == 404
            assert not sharing(headers)


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ("content-type", "content-type"),
        ("Content-Type, Idempotency-Key,x-requested-with", "content-type, idempotency-key, x-requested-with"),
        ("authorization,x-api-key", "authorization, x-api-key"),
        ("content-type,x-evil,cookie,content-type", "content-type"),
        ("x-evil", None),
        ("*", None),
        ("", None),
        (", ,", None),
        ("content-type\u00a0", None),
    ],
)
async def test_of_the_headers_that_are_asked_for_only_harmless_ones_are_allowed(
    asked: str, allowed: str | None
) -> None:
    async with open_door(t=listing(SITE)) as door:
        status, headers, _ = await preflight(door, Headers=asked)
        assert status == 204
        assert headers.get("Access-Control-Allow-Headers") == allowed


@pytest.mark.parametrize(
    ("auth", "names"),
    [
        ({"scheme": "header", "header": "X-Acme-Key", "secrets": ["env:NEW"]}, "x-acme-key"),
        (TIMED, "x-sign, x-time"),
        (GITHUB, "x-hub-signature-256"),
    ],
)
async def test_the_connectors_own_proof_may_be_sent(auth: dict[str, Any], names: str) -> None:
    async with open_door(t=listing(SITE, auth=auth), other=listing(SITE), guards=guards()) as door:
        _, headers, _ = await preflight(door, Headers=f"{names},x-evil")
        assert headers["Access-Control-Allow-Headers"] == names
        _, headers, _ = await preflight(door, Headers=names, token="other")
        assert "Access-Control-Allow-Headers" not in headers


async def test_no_page_is_let_into_a_private_network_or_sends_cookies() -> None:
    async with open_door(t=listing(SITE, "*")) as door:
        _, headers, _ = await preflight(door, Private_Network="true")
        assert "Access-Control-Allow-Private-Network" not in headers
        assert "Access-Control-Allow-Credentials" not in headers


SHARED = {
    "Access-Control-Allow-Origin": SITE,
    "Access-Control-Expose-Headers": "Retry-After",
    "Vary": "Origin",
}


@pytest.mark.parametrize(
    ("body", "headers", "query", "status"),
    [
        (b'{"a": 1}', {}, "", 202),
        (b"[]", {}, "", 202),
        (b"", {}, "", 200),
        (b'{"a": 1}', {}, "?wait=0.01", 202),
        (b"{", {}, "", 400),
        (b"{}", {"content_type": "application/xml"}, "", 415),
        (b"{}" + b" " * 20_000, {}, "", 202),  # too large for the short way
        (b"x" * 60_000, {}, "", 413),
        (b"{}", {"content_encoding": "br"}, "", 415),
        (b'{"a": 1}', {}, "?wait=nonsense", 400),
    ],
)
async def test_every_answer_to_a_page_of_the_list_may_be_read_by_it(
    body: bytes, headers: dict[str, str], query: str, status: int
) -> None:
    async with open_door(t=listing(SITE), limits=replace(UNHURRIED, body=50_000)) as door:
        got, _, answered = await door.post(body, query=query, origin=SITE, **headers)
        assert (got, sharing(answered)) == (status, SHARED)
        got, _, answered = await door.post(body, query=query, origin=OTHER, **headers)
        assert (got, sharing(answered)) == (status, {})
        got, _, answered = await door.post(body, query=query, **headers)
        assert (got, sharing(answered)) == (status, {})


async def test_a_page_sees_that_it_is_refused_for_good_or_for_now() -> None:
    off = connector(8, "off", enabled=False, own={"origins": [SITE]})
    signed = connector(9, "signed", own={"origins": [SITE], "auth": GITHUB})
    async with open_door(t=listing(SITE), off=off, signed=signed, guards=guards()) as door:
        for token, expected in (("off", 403), ("signed", 401)):
            assert (await preflight(door, token=token))[0] == 204
            status, _, headers = await door.post(b"{}", token=token, origin=SITE)
            assert (status, sharing(headers)) == (expected, SHARED)
        door.transport.refusal = AWAY
        status, _, headers = await door.post(b"{}", origin=SITE)
        assert (status, sharing(headers)) == (503, SHARED)
        assert "Retry-After" in headers


async def test_a_vendors_own_answers_stay_what_they_are() -> None:
    settings = ConnectorSettings(name="vendor", preset="indiamart-push", origins=[SITE])
    inlet = Connector(7, 1, 1, settings, presets.preset("indiamart-push"))
    async with open_door(t=inlet) as door:
        status, answer, headers = await door.post(b'{"UNIQUE_QUERY_ID": 12}', origin=SITE)
        assert (status, answer, sharing(headers)) == (200, {"code": 200, "status": "Success"}, SHARED)
        status, headers, _ = await preflight(door, OTHER)
        assert (status, sharing(headers)) == (403, {})


async def test_posts_of_browsers_and_of_others_share_a_connection() -> None:
    async with open_door(t=listing(SITE)) as door:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
            for number, origin in enumerate([None, SITE, None, OTHER, SITE, None]):
                sent = {} if origin is None else {"Origin": origin}
                async with session.post(f"{door.url}/in/t", json={"n": number}, headers=sent) as response:
                    assert response.status == 202
                    assert ("Vary" in response.headers) == (origin == SITE)
        assert [event.raw for event in await door.events()] == [f'{{"n":{number}}}' for number in range(6)]


async def test_a_page_that_is_kept_out_is_told_of_in_the_log_without_its_token() -> None:
    async with open_door(topsecret=listing(SITE)) as door:
        with structlog.testing.capture_logs() as lines:
            await preflight(door, OTHER, token="topsecret")
        assert [(line["connector"], line["why"]) for line in lines] == [("site", "Origin not allowed")]
        assert "topsecret" not in str(lines)


async def test_a_guarded_connector_answers_a_preflight_without_proof() -> None:
    """A browser sends none with it."""
    async with open_door(t=guarded(GITHUB), guards=guards()) as door:
        assert (await preflight(door))[0] == 405
    async with open_door(t=listing(SITE, auth=GITHUB), guards=guards()) as door:
        assert (await preflight(door))[0] == 204
