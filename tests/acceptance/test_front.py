"""The page at `/`, what is at no path, and the warning of a URL that nobody elsewhere can reach."""

from __future__ import annotations

import re

import aiohttp
import orjson
import pytest

from tests.acceptance.conftest import Install
from tests.support.daemon import Leadpipe
from tests.support.ingress import open_door

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def leadpipe(install: Install) -> Leadpipe:
    leadpipe = install("postgresql")
    leadpipe.apply("website")
    leadpipe.start("up")
    leadpipe.ready()
    return leadpipe


async def test_the_page_leads_on_and_holds_nothing_of_anybody(leadpipe: Leadpipe) -> None:
    async with aiohttp.ClientSession(leadpipe.base) as session:
        async with session.get("/") as answer:
            page, headers = await answer.text(), answer.headers
            assert answer.status == 200 and headers["Content-Type"].startswith("text/html")
        assert "default-src 'none'" in headers["Content-Security-Policy"] and "<script" not in page
        links = re.findall(r'href="(/[^"]*)"', page)
        assert {"/api/docs", "/api/openapi.json", "/healthz", "/readyz", "/metrics"} == set(links)
        for link in links:
            async with session.get(link) as answer:
                assert answer.status == 200, link
        async with session.head("/") as answer:
            assert answer.status == 200 and await answer.text() == ""
    token = leadpipe.urls["website"].rpartition("/")[2]
    for hidden in ("website", token, str(leadpipe.port), str(leadpipe.folder), "postgres"):
        assert hidden not in page
    commands = re.findall(r"<code>leadpipe ([a-z ]+)", page)
    assert len(commands) >= 5
    for command in commands:
        leadpipe.run(*command.split(), "--help")


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/nothing", 404, None),
        ("POST", "/in", 404, None),
        ("POST", "/in/", 404, None),
        ("POST", "/in/a/b", 404, None),
        ("POST", "/in/unknown", 404, None),
        ("GET", "/%0A", 404, None),
        ("GET", "/api", 404, None),
        ("GET", "/api/v2/me", 404, None),
        ("GET", "/api/v1/nothing", 404, None),
        ("GET", "/favicon.ico", 404, None),
        ("POST", "/", 405, "GET, HEAD"),
        ("DELETE", "/healthz", 405, "GET, HEAD"),
        ("PUT", "/in/unknown", 405, "GET, HEAD, OPTIONS, POST"),
        ("DELETE", "/api/v1/me", 405, "GET, HEAD"),
        ("GET", "/api/v1/me", 401, None),
    ],
)
async def test_every_error_has_one_shape(
    leadpipe: Leadpipe, method: str, path: str, status: int, allow: str | None
) -> None:
    async with aiohttp.ClientSession() as session, session.request(method, leadpipe.base + path) as answer:
        assert (answer.status, answer.content_type) == (status, PROBLEM), await answer.text()
        problem = orjson.loads(await answer.read())
        assert problem["status"] == status and problem["title"] and problem["detail"]
        assert answer.headers.get("Allow") == allow


async def test_without_the_api_the_page_names_none() -> None:
    async with open_door() as door, door.session.get(f"{door.url}/") as answer:
        assert "/api/" not in await answer.text() and answer.status == 200


def test_the_steps_say_when_nobody_elsewhere_reaches_the_url(leadpipe: Leadpipe) -> None:
    steps = leadpipe.run("connector", "url", "website", "--steps")
    assert "warning: http://127.0.0.1" in steps and "LEADPIPE_PUBLIC_URL=https://" in steps
    assert "warning" not in leadpipe.run("connector", "url", "website")
    [warning] = leadpipe.json("connector", "url", "website")["warnings"]
    assert f"warning: {warning}\n" in steps
