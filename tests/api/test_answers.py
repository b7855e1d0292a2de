"""What the API answers to what is wrong: one shape, everything at once, nothing half done, and never a 500."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from pipeline.api.route import DOCUMENT
from pipeline.api.routes import table
from pipeline.operations import keys
from pipeline.store.database import DatabaseUnavailable
from tests.support.api import Answered, Served, served

PROBLEM = "application/problem+json"  # RFC 9457
GOOD = {"email": "sam@example.com"}


def told(answer: Answered, status: int, title: str) -> Any:
    """The error, which has its one shape."""
    assert (answer.status, answer.headers["Content-Type"]) == (status, PROBLEM), answer
    error = answer.error
    assert error["status"] == status, answer
    assert error.pop("error") == {name: value for name, value in error.items() if name != "status"}, answer
    assert error["title"] == title and error["detail"] and isinstance(error["problems"], list), answer
    for problem in error["problems"]:
        assert problem["rule"] and set(problem) <= {"field", "rule", "value"}
    if error["problems"]:
        assert {name: error.get(name) for name in error["problems"][0]} == error["problems"][0]
    return error


FORM, GZIP = {"Content_Type": "application/x-www-form-urlencoded"}, {"Content_Encoding": "gzip"}
BODIES: list[tuple[int, str, bytes, dict[str, str]]] = [
    (400, "Malformed", b"", {}),
    (400, "Malformed", b"{", {}),
    (400, "Malformed", b'{"email": "\xff"}', {}),
    (400, "Malformed", b'{"email": NaN}', {}),
    (400, "Malformed", b"[" * 200 + b"]" * 200, {}),
    (413, "Too large", b'"' + b"x" * DOCUMENT + b'"', {}),
    (415, "Unsupported content", b"email=sam@example.com", FORM),
    (415, "Unsupported content", orjson.dumps(GOOD), GZIP),
    (422, "Not valid", b"[]", {}),
    (422, "Not valid", b"null", {}),
    (422, "Not valid", b'{"email": "sam@example.com", "name": "a\\u0000b"}', {}),
]


async def test_a_body_that_is_none(api: Served) -> None:
    for status, title, data, headers in BODIES:
        told(await api.ask("POST", "/users", data=data, **headers), status, title)
    assert len((await api.done("GET", "/users"))["items"]) == 4


async def test_everything_that_is_wrong_is_told_at_once(api: Served) -> None:
    answer = await api.ask("POST", "/users", {"email": 7, "role": "boss", "nmae": "Sam", "active": "yes"})
    error = told(answer, 422, "Not valid")
    assert {each["field"]: each.get("value") for each in error["problems"]} == {
        "email": 7,
        "role": "boss",
        "nmae": "Sam",
        "active": "yes",
    }
    rules = {each["field"]: each["rule"] for each in error["problems"]}
    assert rules["nmae"] == "is not known here; did you mean 'name'?"
    assert rules["role"] == "must be 'admin', 'editor', 'operator' or 'viewer'"
    long = told(await api.ask("POST", "/users", {"email": "x" * 5000}), 422, "Not valid")
    assert len(long["value"]) == 201
    both = told(await api.ask("GET", "/users?limit=0&after=x&what=1"), 422, "Not valid")
    assert [each["field"] for each in both["problems"]] == ["limit", "after", "what"]


QUERIES = ["limit=1&limit=2", "limit=1_0", "limit=%201", "limit=1.0", "limit=%FF", "limit=", "a%00=1"]


async def test_a_query_that_is_none(api: Served) -> None:
    for query in QUERIES:
        told(await api.ask("GET", f"/users?{query}"), 422, "Not valid")


PATHS = [
    "/nope",
    "/users/",
    "/users/x",
    "/users/0",
    "/users/99999999999999999999",
    "/users/1%2F2",
    "/users/%00",
    "/users/a%0Ab",
    "/connectors/%ED%A0%80",
    "/journal/no-uuid",
    "",
    "/",
]


async def test_a_path_that_is_none(api: Served) -> None:
    for path in PATHS:
        told(await api.ask("GET", path), 404, "Not found")
        told(await api.ask("GET", f"/api/v2{path}"), 404, "Not found")


async def test_methods(api: Served) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        answer = await api.ask(method, "/users")
        told(answer, 405, "Method not allowed")
        assert answer.headers["Allow"] == "GET, HEAD, POST"
    head = await api.ask("HEAD", "/users")
    assert (head.status, head.text) == (200, "")
    told(await api.ask("GET", "/dead-letters/replay"), 405, "Method not allowed")  # which is no id


async def test_a_secret_is_never_told_back(api: Served) -> None:
    canary = "canary-secret"
    for method, path, body in (
        ("PUT", "/secrets/x", {"value": canary, "more": 1}),
        ("PUT", "/secrets/x", {"value": [canary]}),
        ("PUT", "/secrets/x", {"secret": canary}),
        ("POST", "/connectors", {"name": "x", "preset": "generic-json", "auth": {"secrets": [canary]}}),
        ("POST", "/connectors", {"name": "x", "preset": "generic-json", "auth": {"secrets": canary}}),
        ("POST", "/connector-settings/validate", {"name": "x", "preset": "generic-json", "auth": {"secret": canary}}),
    ):
        answer = await api.ask(method, path, body)
        assert canary not in answer.text and answer.status in (200, 422), answer
    await api.done("PUT", "/secrets/x", {"value": canary})
    assert canary not in (await api.ask("GET", "/secrets")).text


async def test_settings_of_a_connector_are_told_row_by_row(api: Served) -> None:
    rows = [
        {"from": "a", "to": "lead.nope"},
        {"from": "b", "to": "lead.email", "key": True},
        {"to": "lead.city", "form": "c"},
    ]
    body = {
        "name": "My Site",
        "preset": "generic-json",
        "enabled": "yes",
        "map": rows,
        "default_country": "XX",
        "notify": {"user": "nobody@example.com"},
        "auth": {"scheme": "githb"},
    }
    answer = told(await api.ask("POST", "/connectors", body), 422, "Not valid")
    places = [each["field"] for each in answer["problems"]]
    for place in ("enabled", "default_country", "map row 1", "map row 3", "notify.user", "auth"):
        assert any(each.startswith(place) for each in places), (place, places)
    checked = await api.done("POST", "/connector-settings/validate", body)
    assert not checked["valid"] and [each["field"] for each in checked["problems"]] == places
    assert (await api.done("GET", "/connectors"))["items"] == []


async def test_while_the_database_is_away_it_says_so(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: Any, **__: Any) -> Any:
        raise DatabaseUnavailable("canary-password@host")

    monkeypatch.setattr(keys, "page", away)
    answer = await api.ask("GET", "/keys")
    assert told(answer, 503, "Unavailable") and answer.headers["Retry-After"] == "5"
    assert "canary" not in answer.text


async def test_a_fault_is_answered_too_and_quotes_nobody(
    api: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fault(*_: Any, **__: Any) -> Any:
        raise RuntimeError("+919822012345")

    monkeypatch.setattr(keys, "page", fault)
    assert told(await api.ask("GET", "/keys"), 500, "Fault")
    out = "".join(capsys.readouterr())
    assert "RuntimeError" in out and "9822012345" not in out


async def test_a_key_that_calls_too_often_waits(database_url: str, tmp_path: Path) -> None:
    async with served(database_url, tmp_path, api_rate=0.001) as api:
        assert (await api.ask("GET", "/me")).status == 200
        answer = await api.ask("GET", "/me")
        assert told(answer, 429, "Too many requests") and int(answer.headers["Retry-After"]) > 900
        assert (await api.ask("GET", "/me", key="viewer")).status == 200


async def test_one_trial_at_a_time(api: Served) -> None:
    body = {"document": {"phone": "+919822012345"}, "draft": {"name": "x", "preset": "generic-json"}}
    await api.done("POST", "/connectors", body["draft"])
    answers = await asyncio.gather(*(api.ask("POST", "/connectors/x/try", body) for _ in range(6)))
    statuses = {answer.status for answer in answers}
    assert statuses <= {200, 429} and 200 in statuses
    assert all(told(each, 429, "Too many requests") for each in answers if each.status == 429)


async def test_switched_off_it_is_not_there(database_url: str, tmp_path: Path) -> None:
    async with served(database_url, tmp_path, api=False) as api:
        for path in ("/api/v1/me", "/api/openapi.json", "/api/docs"):
            assert (await api.ask("GET", path)).status == 404


async def test_the_page_loads_nothing_from_elsewhere(api: Served) -> None:
    page = await api.ask("GET", "/api/docs", key=None)
    policy = page.headers["Content-Security-Policy"]
    assert page.status == 200 and "default-src 'none'" in policy and "script-src 'self'" in policy
    assert "http" not in policy and "http" not in page.text
    for path in ("/api/docs/page.js", "/api/docs/swagger-ui.css", "/api/docs/swagger-ui-bundle.js"):
        part = await api.ask("GET", path, key=None)
        assert part.status == 200 and len(part.text) > 100 and part.headers["X-Content-Type-Options"] == "nosniff"
        assert path in page.text
    assert "SwaggerUIBundle" in (await api.ask("GET", "/api/docs/swagger-ui-bundle.js", key=None)).text


async def test_the_document_says_every_route_and_every_status(api: Served) -> None:
    document = (await api.ask("GET", "/api/openapi.json", key=None)).json
    assert document["openapi"] == "3.1.0"
    assert [name for name in document["components"]["schemas"] if "__" in name] == []  # two models of one name
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    parameters = [each for operation in operations for each in operation.get("parameters", [])]
    assert [each["name"] for each in parameters if each["in"] == "query" and not each.get("description")] == []
    for route in table():
        operation = document["paths"][f"/api/v1{route.path}"][route.method.lower()]
        assert set(operation["responses"]) == {str(status) for status in (*route.successes, *route.statuses)}
        assert operation["summary"] and operation["tags"]
    text = orjson.dumps(document)
    for ref in set(text.decode().split('"$ref":"')[1:]):
        _, _, *names = ref.split('"')[0].split("/")
        assert names[-1] in document["components"][names[0]] if len(names) == 2 else True
    async with aiohttp.ClientSession() as session, session.get(f"{api.base}/api/openapi.json") as again:
        assert await again.read() == text


async def test_the_documents_examples_work(api: Served) -> None:
    paths = {"record": "lead", "connector": "website-leads"}
    shown = [route for route in table() if route.example is not None]
    assert len(shown) >= 13
    for route in sorted(shown, key=lambda each: (each.name != "create_connector", each.name == "rename_connector")):
        answer = await api.ask(route.method, route.path.format(**paths), route.example)
        assert answer.status == route.status, (route.name, answer)
    [trial] = (
        await api.done(
            "POST", "/connectors/website-leads-india/try", {"document": {"form": {"budget": 7}, "phone": "x"}}
        )
    )["items"]
    assert trial["outcome"] == "failed"
