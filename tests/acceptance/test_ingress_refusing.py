"""`/in/{token}` over real HTTP: what is refused and how, also when it is large, slow, broken or anything at all."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import orjson
import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.ingress.app import SERVER
from pipeline.ingress.connection import HEADERS
from pipeline.ingress.limits import Limits
from tests.support.hostile import MEBIBYTE, bomb_of
from tests.support.ingress import connector, open_door
from tests.support.until import until

JSON = "application/json"


@pytest.mark.parametrize(
    ("body", "headers", "status", "title", "where"),
    [
        (b'{"a": 1', {}, 400, "Malformed JSON", {}),
        (b'{"a": 1}\n{"a": \n{"a": 3}', {"content_type": "application/x-ndjson"}, 400, "Malformed JSON", {"line": 2}),
        (b'[{"a": 1}, {"a": 2}, 3]', {}, 400, "Not an event", {"element": 2}),
        (b'{"a": 1}\n[{}, "x"]', {}, 400, "Not an event", {"line": 2, "element": 1}),
        (b'"text"', {}, 400, "Not an event", {}),
        (b"null", {}, 400, "Not an event", {}),
        (b'[{"a": 1}, {"a": "' + b"x" * 1000 + b'"}]', {}, 413, "Too large", {"element": 1}),
        (b"[" + b"{}," * 20 + b"{}]", {}, 413, "Too large", {}),
        (b"x" * 5001, {}, 413, "Too large", {}),
        (gzip.compress(b" " * 5001, mtime=0), {"content_encoding": "gzip"}, 413, "Too large", {}),
        (b"{}", {"content_encoding": "gzip"}, 400, "Malformed gzip", {}),
        (gzip.compress(b"{}", mtime=0)[:-2], {"content_encoding": "gzip"}, 400, "Malformed gzip", {}),
        (b"{}", {"content_encoding": "br"}, 415, "Unsupported content", {}),
        (b"{}", {"content_encoding": "deflate"}, 415, "Unsupported content", {}),
        (b"--x--", {"content_type": "multipart/form-data; boundary=x"}, 400, "Malformed form", {}),
        (b"{}", {"content_type": "application/json; charset=klingon"}, 415, "Unsupported content", {}),
        (b'{"a": "\xff"}', {"content_type": "application/json; charset=utf-8"}, 400, "Not in its charset", {}),
        (b"nothing", {"content_type": "text/plain"}, 400, "Neither JSON nor a form", {}),
        (b"<lead/>", {"content_type": "application/xml"}, 415, "Unsupported content", {}),
        (b"<lead/>", {}, 415, "Unsupported content", {}),
        (b"{}", {"Idempotency_Key": ""}, 400, "Bad idempotency key", {"field": "Idempotency-Key"}),
        (b"{}", {"webhook_id": "x" * 256}, 400, "Bad idempotency key", {"field": "webhook-id"}),
    ],
)
async def test_a_refusal_names_the_rule_and_takes_nothing(
    body: bytes, headers: dict[str, str], status: int, title: str, where: dict[str, Any]
) -> None:
    async with open_door(limits=Limits(body=5000, event=900, events=20)) as door:
        got, problem, answered = await door.post(body, **headers)
        assert got == status
        assert answered["Content-Type"] == "application/problem+json"
        assert problem.pop("detail")
        assert problem == {"title": title, "status": status, **where}
        assert await door.events() == []
        assert (await door.post(b"{}"))[0] == 202  # and the next one passes


async def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent() -> None:
    async with open_door() as door:
        answer = await door.raw(b"POST /in/t HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_gzip_bomb_is_refused_at_the_cap() -> None:
    async with open_door() as door:
        bomb = bomb_of(200 * MEBIBYTE)
        status, problem, _ = await door.post(bomb, content_encoding="gzip")
        assert (status, problem["title"]) == (413, "Too large")


async def test_a_body_that_does_not_end_is_given_up() -> None:
    async with open_door(limits=Limits(body_seconds=0.05)) as door:
        answer = await door.raw(b"POST /in/t HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"Too slow" in answer


async def test_a_body_in_chunks_without_end_is_refused_at_the_cap() -> None:
    async with open_door(limits=Limits(body=5000)) as door:
        head = b"POST /in/t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        answer = await door.raw(head + b"3e8\r\n%b\r\n" % (b" " * 1000) * 6)
        assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_header_that_does_not_end_is_given_up() -> None:
    async with open_door(keepalive=0.05) as door:
        assert await door.raw(b"POST /in/t HTTP/1.1\r\nHost: x\r\nX-Slow: ") == b""


def test_the_server_is_given_bounds() -> None:
    assert HEADERS <= 15 < SERVER["keepalive_timeout"] <= 20  # aiohttp's own client keeps a connection for 15 s
    assert not SERVER["auto_decompress"]
    assert SERVER["access_log"] is None


async def test_large_bodies_that_arrive_together_have_a_bound() -> None:
    async with open_door(limits=Limits(held=10_000)) as door:
        head = b"POST /in/t HTTP/1.1\r\nHost: x\r\nContent-Length: 9001\r\n\r\n" + b" " * 9000
        _, slow = await asyncio.open_connection("127.0.0.1", door.port)
        slow.write(head)
        await until(lambda: door.ingress._receiver.held == 9000)
        answer = await door.raw(head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        assert answer.startswith(b"HTTP/1.1 503 ")
        slow.close()
        await until(lambda: door.ingress._receiver.held == 0)


async def test_a_producer_that_goes_in_the_middle_of_its_body_leaves_nothing() -> None:
    async with open_door() as door:
        _, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(b"POST /in/t HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
        await until(lambda: door.ingress._receiver.held == 1)
        writer.close()
        await until(lambda: door.ingress._receiver.held == 0)
        assert await door.events() == []


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /in/t HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        b"POST /in/t HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST /in/t HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}",
        b"POST /in/t HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"POST /in/t HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 9000 + b"\r\n\r\n",
        b"POST /in/t HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"POST /in/t HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
async def test_broken_http_is_a_400_and_its_text_is_not_logged(
    request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_door() as door:
        answer = await door.raw(request_)
        assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
        assert "/in/t" not in caplog.text


async def test_a_refusal_is_one_log_line_without_token_or_content() -> None:
    async with open_door(topsecret=connector()) as door:
        with structlog.testing.capture_logs() as lines:
            await door.post(b'{"phone": +919611795983}', token="topsecret", query="?accessKey=topsecret")
        assert len(lines) == 1
        assert {"connector": "site", "status": 400, "why": "Malformed JSON"}.items() <= lines[0].items()
        assert "topsecret" not in str(lines)
        assert "9611795983" not in str(lines)


content_types = st.sampled_from(
    ["", JSON, "application/x-ndjson", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ";="]
)


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=200)
            | st.text(max_size=50).map(lambda text: orjson.dumps({"a": text.encode("utf-8", "replace").decode()})),
            content_types,
            st.sampled_from(["", "gzip", "br"]),
            st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=20),
        ),
        max_size=20,
    )
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_posted_is_never_a_500(requests: list[tuple[bytes, str, str, str]]) -> None:
    async def post_all() -> set[int]:
        statuses = set()
        async with open_door() as door:
            for body, content_type, encoding, key in requests:
                headers = {"content_encoding": encoding} if encoding else {}
                status, _, _ = await door.post(body, content_type=content_type, webhook_id=key, **headers)
                statuses.add(status)
        return statuses

    assert all(200 <= status < 500 for status in asyncio.run(post_all()))
