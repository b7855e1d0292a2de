"""Every parameter of every route, given what nobody means: each answer is a 4xx or what was asked for, no 5xx."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from pipeline.api.route import Route
from pipeline.api.routes import table
from tests.api.conftest import World
from tests.api.test_scoping import body_of, path_of
from tests.support.api import Answered
from tests.support.hostile_values import RAW, documents, in_a_body, in_a_url
from tests.support.stock import Stock

ROUTES = sorted(table(), key=lambda each: each.method == "DELETE")  # what is there is asked for before it goes
AT_ONCE = 8  # requests
UNFORESEEN = "cannot be looked up or stored"  # what a check should have found sooner
Request = tuple[str, str, bytes | None]  # method, path with query, body


async def test_no_part_of_a_path_breaks_a_route(world: World) -> None:
    await all_of(world, (request for route in ROUTES for request in paths(route, world.ours)))


async def test_no_query_breaks_a_route(world: World) -> None:
    await all_of(world, (request for route in ROUTES for request in queries(route, world.ours)))


async def test_no_member_of_a_body_breaks_a_route(world: World) -> None:
    await all_of(world, (request for route in ROUTES for request in bodies(route, world.ours)))


async def test_a_body_of_another_kind_is_415(world: World) -> None:
    for route in (route for route in ROUTES if route.body is not None):
        body = orjson.dumps(body_of(route, world.ours))
        for more in ({"Content_Type": kind} for kind in ("text/plain", "application/xml", "", "nonsense")):
            answer = await world.api.ask(route.method, path_of(route, world.ours), data=body, **more)
            assert answer.status == 415, (route.name, more, answer)
        packed = await world.api.ask(route.method, path_of(route, world.ours), data=body, Content_Encoding="gzip")
        assert packed.status == 415, (route.name, packed)


async def all_of(world: World, requests: Iterable[Request]) -> None:
    """Send them; AssertionError names each that was answered with a 5xx, or in another shape than errors have."""
    wrong: list[str] = []
    waiting = iter(requests)

    async def send() -> None:
        for method, path, body in waiting:
            answer = await world.api.ask(method, path, data=body)
            if answer.status >= 500 or UNFORESEEN in answer.text or not is_json(answer):
                wrong.append(f"{method} {path[:200]} {(body or b'')[:200]!r}: {answer.status} {answer.text[:200]}")

    async with asyncio.TaskGroup() as sending:
        for _ in range(AT_ONCE):
            sending.create_task(send())
    assert wrong == [], "\n".join(wrong[:40])


def is_json(answer: Answered) -> bool:
    """Whether an error is told in JSON."""
    return answer.status < 400 or "json" in answer.headers["Content-Type"]


def paths(route: Route, has: Stock) -> Iterator[Request]:
    """Each part of its path replaced by each hostile text."""
    whole = path_of(route, has)
    path, _, query = whole.partition("?")
    body = None if route.body is None else orjson.dumps(body_of(route, has))
    parts = path.split("/")
    for at, fixed in enumerate(route.fixed, 1):
        if not fixed:
            for text in in_a_url():
                changed = "/".join([*parts[:at], text, *parts[at + 1 :]])
                yield route.method, f"{changed}?{query}" if query else changed, body


def queries(route: Route, has: Stock) -> Iterator[Request]:
    """Each parameter with each hostile text, given twice, and one that is unknown."""
    if route.method != "GET":
        return
    path, _, said = path_of(route, has).partition("?")
    for name in [field.alias or name for name, field in route.query.model_fields.items()]:
        others = "&".join(part for part in said.split("&") if part and not part.startswith(f"{name}="))
        for text in in_a_url():
            yield "GET", f"{path}?{others}&{name}={text}", None
        yield "GET", f"{path}?{name}=1&{name}=1", None
    for text in ("unknown=1", "=", "&&", "a" * 3_000, *RAW):
        yield "GET", f"{path}?{text}", None
    yield "GET", f"{path}?{'&'.join(f'a{number}=1' for number in range(200))}", None


def bodies(route: Route, has: Stock) -> Iterator[Request]:
    """Each member of a right body replaced by each hostile value, and whole bodies that are none."""
    path = path_of(route, has)
    for document in documents():
        yield route.method, path, document
    if route.body is None:
        return
    right = body_of(route, has)
    for name in {*right, *members(route)}:
        for value in in_a_body():
            yield route.method, path, orjson.dumps({**right, name: value})
    for value in in_a_body():
        yield route.method, path, orjson.dumps(value)


def members(route: Route) -> Iterable[str]:
    """The names that its body's model knows."""
    schema: dict[str, Any] = route.body.json_schema() if route.body is not None else {}
    named = schema.get("$ref", "").rpartition("/")[2]
    return schema.get("$defs", {}).get(named, schema).get("properties", {})
