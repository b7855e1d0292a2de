"""Tokens, queries and headers at the door, given what nobody means: each answer is a 2xx or a 4xx, and JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import orjson
import pytest

from tests.support.guarding import BASIC, HOOKS, TIMED, guarded, guards
from tests.support.hostile_values import EVERY_TEXT, TIMES, documents, in_a_url
from tests.support.ingress import Door, connector, open_door

HEADERS = (
    *("Idempotency-Key", "Content-Type", "Content-Encoding", "Authorization", "Origin", "X-Forwarded-For"),
    *("X-Sign", "X-Time", "webhook-id", "webhook-timestamp", "webhook-signature", "Accept", "Transfer-Encoding"),
)
CONTENT_TYPES = (
    *(
        "",
        "/",
        "json",
        "text/html",
        "application/xml",
        "image/png",
        "application/json; charset=",
        "multipart/form-data",
    ),
    *("multipart/form-data; boundary=", 'application/json; charset="utf-8', "application/json;" + "a=b;" * 500),
    *("application/x-www-form-urlencoded; charset=nonsense", "application/x-ndjson", "APPLICATION/JSON"),
)
METHODS = (b"POST", b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"CONNECT", b"NONSENSE")
GUARDED = {"t": connector(), "b": guarded(BASIC, id=8), "h": guarded(HOOKS, id=9), "s": guarded(TIMED, id=10)}


def requests() -> Iterator[bytes]:
    """Whole requests, each on a connection of its own."""
    for text in in_a_url():
        yield request(b"/in/" + text.encode())
        yield request(b"/in/t?wait=" + text.encode())
        yield request(b"/in/t?" + text.encode() + b"=1&wait=0.01")
    for token in GUARDED:
        for name in HEADERS:
            for text in (*EVERY_TEXT[::4], *TIMES):
                value = text.encode("utf-8", "surrogatepass").translate(None, b"\r\n\0")
                yield request(b"/in/" + token.encode(), name.encode() + b": " + value)
    for kind in CONTENT_TYPES:
        for body in (b'{"a": 1}', b"a=1", b""):
            yield request(b"/in/t", b"Content-Type: " + kind.encode(), body=body)
    for method in METHODS:
        yield request(b"/in/t", method=method)
        yield request(b"/in/t?wait=1&wait=2", method=method)
    for document in documents():
        yield request(b"/in/t", b"Content-Type: application/json", body=document)


def request(path: bytes, *lines: bytes, method: bytes = b"POST", body: bytes = b'{"a": 1}') -> bytes:
    """One request that ends its connection."""
    head = (method + b" " + path + b" HTTP/1.1", b"Host: x", b"Connection: close", *lines)
    return b"\r\n".join((*head, b"Content-Length: %d" % len(body), b"", b"")) + body


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with open_door(guards=guards(), **GUARDED) as made:
        yield made


async def test_no_value_is_a_fault_of_the_program(door: Door) -> None:
    wrong: list[tuple[bytes, bytes]] = []
    waiting = requests()

    async def send() -> None:
        for content in waiting:
            answer = await door.raw(content)
            if not is_right(answer):
                wrong.append((content[:300], answer[:300]))

    async with asyncio.TaskGroup() as sending:
        for _ in range(16):
            sending.create_task(send())
    assert wrong == []


def is_right(answer: bytes) -> bool:
    """A whole answer that is no 5xx but 501 or 505, which are a client's fault; what is said of a problem is JSON."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    if b"problem+json" in head and body and orjson.loads(body)["status"] != status:
        return False
    return 200 <= status < 500 or status in (501, 505)
