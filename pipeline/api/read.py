"""Requests, checked. In: HTTP. Out: the arguments of a route's function, or a Refusal that lists everything wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson
from aiohttp import web
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipeline.api.answer import Refusal
from pipeline.api.route import Route, several_of
from pipeline.operations.errors import Problem
from pipeline.store.text import REFUSED
from schemas.words import rule

BIG = 64 * 1024  # bytes; a larger body is read by a thread, not by the loop that takes events in
SLOWEST = 30.0  # seconds for a body to arrive
DEEPEST = 100  # levels of a document
QUERY_FIELDS = 50
SECRET = ("secret", "token", "password", "key")  # a value whose name holds one of these is not told back


def segments(request: web.Request) -> list[str]:
    """The parts of the path below the API's root, each decoded by itself, so that `%2F` is part of a name."""
    _, _, *parts = request.rel_url.raw_path.split("/")
    return [unquote(part, errors="surrogateescape") for part in parts]


def query_values(route: Route, query: str) -> Any:
    """The query, as it was sent, as the route's model."""
    try:
        pairs = parse_qsl(
            query,
            keep_blank_values=True,
            errors="strict",
            max_num_fields=QUERY_FIELDS,
        )
    except ValueError:
        raise Refusal(422, "the query is not UTF-8, or has too many parts") from None
    given: dict[str, Any] = dict(pairs)
    many = several_of(route.query)
    problems = [
        Problem(name, "is given more than once")
        for name in given
        if name not in many and sum(n == name for n, _ in pairs) > 1
    ]
    given |= {name: [value for n, value in pairs if n == name] for name in many & given.keys()}
    problems += [
        Problem(name, "holds a character that cannot be stored: U+0000 or a lone surrogate")
        for name, v in pairs
        if REFUSED.search(name + v)
    ]
    if problems:
        raise Refusal(422, "the query is not valid", problems)
    try:
        return route.query.model_validate(given)
    except ValidationError as error:
        raise Refusal(422, "the query is not valid", problems_of(error, route.query)) from None


async def body_sent(route: Route, request: web.Request) -> bytes | None:
    """The body as it was sent, as far as the route takes it; None: the route has none."""
    if route.body is None:
        return None
    if request.content_type not in route.takes or "Content-Encoding" in request.headers:
        types = ", ".join(route.takes)
        named = "Accept-Patch" if request.method == "PATCH" else "Accept"
        raise Refusal(415, f"send {' or '.join(route.takes)}, not compressed", headers={named: types})
    return await _received(request, route.largest)


async def body_value(route: Route, text: bytes) -> Any:
    """The body as the route's model."""
    return _value(route, text) if len(text) <= BIG else await asyncio.to_thread(_value, route, text)


def _value(route: Route, text: bytes) -> Any:
    if route.body is None:
        raise AssertionError(f"{route.name} has no body")
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"the body is not JSON: {error}") from None
    if _is_too_deep(value):
        raise Refusal(400, f"the body is nested deeper than {DEEPEST} levels")
    if not route.free and (wrong := list(_unstorable(value, ()))):
        raise Refusal(422, "the body is not valid", [Problem(place(loc), "holds U+0000") for loc in wrong])
    try:
        return route.body.validate_json(text, strict=True)
    except ValidationError as error:
        raise Refusal(422, "the body is not valid", problems_of(error, route.body_type)) from None


def problems_of(error: ValidationError, model: Any) -> list[Problem]:
    """Everything that a model did not like."""
    return [_problem(each, model) for each in error.errors(include_url=False)]


def place(location: Iterable[int | str]) -> str | None:
    """`map[2].to` for ("map", 2, "to"); None for the whole."""
    shown = ""
    for part in location:
        shown += f"[{part}]" if isinstance(part, int) else f".{part}"
    return shown.removeprefix(".") or None


def _problem(each: ErrorDetails, model: Any) -> Problem:
    where = place(each["loc"])
    told = each["type"] != "missing" and not any(word in (where or "").lower() for word in SECRET)
    return Problem(where, rule(each, model), each["input"] if told else None)


async def _received(request: web.Request, largest: int) -> bytes:
    large = Refusal(413, f"the body is larger than {largest} bytes, which is the most that this call takes")
    if (request.content_length or 0) > largest:
        raise large
    body = bytearray()
    try:
        async with asyncio.timeout(SLOWEST):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > largest:
                    raise large
    except TimeoutError:
        raise Refusal(408, f"the body did not arrive within {SLOWEST:g} seconds") from None
    return bytes(body)


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [member for holder in level for member in _members(holder) if isinstance(member, dict | list)]
        if not level:
            return False
    return True


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _unstorable(value: Any, at: tuple[int | str, ...]) -> Iterable[tuple[int | str, ...]]:
    """The places of texts that PostgreSQL refuses."""
    if isinstance(value, str):
        if REFUSED.search(value):
            yield at
    elif isinstance(value, dict):
        for name, member in value.items():
            if REFUSED.search(name):
                yield at
            yield from _unstorable(member, (*at, name))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _unstorable(member, (*at, index))
