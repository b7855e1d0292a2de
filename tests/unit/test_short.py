"""The short way in: nothing goes it that aiohttp reads in another way, and nobody can tell which way a post went."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import StreamReader, web
from aiohttp.http import HttpRequestParser, RawRequestMessage
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.ingress import postbox
from pipeline.ingress.app import SERVER
from pipeline.ingress.listen import listen
from pipeline.ingress.postbox import Postbox
from pipeline.ingress.short import Brief, Post, Short, Tell, head_in
from tests.support.until import PATIENCE, until

HEAD = b"POST /in/t HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n"
BODY = b'{"name":"A"}'
POST = HEAD + BODY
LONG = 600.0  # seconds

NAMES = [
    "Host",
    "host",
    "Content-Length",
    "Content-Type",
    "Transfer-Encoding",
    "Connection",
    "Expect",
    "Upgrade",
    "X-A",
]
VALUES = ["x", "2", "02", "+2", "2, 2", "chunked", "close", "keep-alive", "100-continue", "gzip", "a b"]
STARTS = ["POST /in/t HTTP/1.1", "POST /in/t?a=b%20c&d HTTP/1.1", "POST /in/t HTTP/1.0", "post /in/t HTTP/1.1"]
plain = st.tuples(st.sampled_from(["X-B", "content-type", "X_C", "Accept"]), st.just(": "), st.sampled_from(VALUES))
wild = st.tuples(
    st.sampled_from(NAMES) | st.text("aZ09-_!:\t é", max_size=5),
    st.sampled_from([": ", ":", " : ", ":  "]),
    st.sampled_from(VALUES) | st.text(st.characters(max_codepoint=255), max_size=10),
)
starts = (
    st.just(STARTS[0]) | st.sampled_from(STARTS) | st.text('t?#%\\{"H1.', max_size=9).map("POST /in/{} HTTP/1.1".format)
)


@given(starts, st.lists(plain, max_size=2) | st.lists(plain | wild, max_size=4), st.sampled_from(["\r\n"] * 5 + ["\n"]))
@example("POST /in/t?a=b HTTP/1.1", [("X-A", ": ", "b")], "\r\n")
def test_a_head_is_read_as_aiohttp_reads_it_or_left_to_it(
    start: str, lines: list[tuple[str, str, str]], end: str
) -> None:
    said = {name.lower() for name, _, _ in lines}
    lines = [
        each for each in [("Host", ": ", "x"), ("Content-Length", ": ", "2")] if each[0].lower() not in said
    ] + lines
    text = start + end + "".join(f"{name}{colon}{value}{end}" for name, colon, value in lines) + end
    data = text.encode("latin-1") + b"{}"
    head = head_in(data)
    if head is None:
        return
    with parser() as read:
        (message, payload), *rest = read(data[: head.size + head.length])
    assert rest == []
    assert (message.method, message.path, message.version) == ("POST", head.target, (1, 1))
    assert message.headers == head.headers
    assert not (message.should_close or message.upgrade or message.chunked)
    assert payload.is_eof()
    assert payload.read_nowait() == data[head.size : head.size + head.length]


def test_most_heads_are_read_here() -> None:
    head = head_in(POST)
    assert head is not None
    assert (head.token, head.target, head.size, head.length) == ("t", "/in/t", len(HEAD), len(BODY))
    assert head_in(POST.replace(b"/in/t", b"/in/t?key=a%20b&c")) is not None
    assert head_in(POST.replace(b"Host: x", b"host: x\r\nConnection: Keep-Alive")) is not None


@pytest.mark.parametrize(
    "line",
    [
        b"Connection: close",
        b"Expect: 100-continue",
        b"Content-Encoding: gzip",
        b"Transfer-Encoding: chunked",
        b"Upgrade: websocket",
        b"Content-Length: 12",
        b"content-type: text/plain",
        b"X-A: \xff",
        b"X-A: b\tc",
        b"X-A:b",
        b"X-A:",
        b" folded",
        b"X-A: " + b"b" * 5000,
    ],
)
def test_what_is_special_twice_or_not_plain_is_left_to_aiohttp(line: bytes) -> None:
    assert head_in(POST.replace(b"Host: x", b"Host: x\r\n" + line)) is None


@contextmanager
def parser() -> Iterator[Callable[[bytes], list[tuple[RawRequestMessage, StreamReader]]]]:
    """aiohttp's own, with the server's bounds."""
    loop = asyncio.new_event_loop()
    bounds = {name: SERVER[name] for name in ("max_line_size", "max_field_size", "max_headers", "auto_decompress")}
    own: Any = HttpRequestParser(Mock(), loop, 2**16, **bounds)
    try:
        yield lambda data: own.feed_data(data)[0]
    finally:
        loop.close()


@dataclass
class House:
    """A server whose posts are taken the short way, and kept until they are answered."""

    taken: list[tuple[bytes, Tell]] = field(default_factory=list)
    by_application: list[bytes] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)  # a request has come to the application
    at_once: bool = True  # whether it answers each post by itself
    trouble: Exception | None = None

    def take(self, post: Post, tell: Tell) -> bool:
        if self.trouble is not None:
            raise self.trouble
        if post.body == b"not here":
            return False
        self.taken.append((post.body, tell))
        if self.at_once:
            self.answer()
        return True

    def answer(self, number: int = -1) -> None:
        body, tell = self.taken[number]
        tell(Brief(202, b"took " + body))

    async def serve(self, request: web.Request) -> web.Response:
        self.begun.set()
        self.by_application.append(await request.read())
        return web.Response(body=b"read " + self.by_application[-1])


@dataclass
class Client:
    """One client, and the server's end of its connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server_side: Postbox

    def send(self, *pieces: bytes) -> None:
        """What the server reads, piece by piece."""
        for piece in pieces:
            self.server_side.data_received(piece)

    async def answer(self) -> tuple[int, bytes]:
        """The next answer's status and body."""
        async with asyncio.timeout(PATIENCE):
            head = await self.reader.readuntil(b"\r\n\r\n")
            (length,) = (int(line[16:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length: "))
            return int(head[9:12]), await self.reader.readexactly(length)

    async def is_closed(self) -> bool:
        """Whether nothing more comes, once that is known."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read() == b""


@asynccontextmanager
async def visited(**server: Any) -> AsyncIterator[tuple[House, Client]]:
    """A house with one client, whose connection is idle."""
    house = House()
    app = web.Application()
    app.router.add_route("*", "/in/t", house.serve)
    runner = web.AppRunner(app, **{**SERVER, **server})
    await runner.setup()
    listening = await listen(runner, 100, short=Short(house.take, asyncio.Event()), host="127.0.0.1", port=0)
    reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname()[:2])
    connections = await until(lambda: runner.server and runner.server.connections)
    (connection,) = connections
    assert isinstance(connection, Postbox)
    await until(lambda: connection.is_idle)
    try:
        yield house, Client(reader, writer, connection)
    finally:
        writer.close()
        await listening.close()
        await runner.cleanup()


READ = (200, b"read " + BODY)
TOOK = (202, b"took " + BODY)


async def test_a_post_is_taken_when_its_last_byte_has_come_however_it_is_cut() -> None:
    async with visited() as (house, client):
        for at in range(len(HEAD), len(POST)):
            client.send(POST[:at], POST[at:])
            assert await client.answer() == TOOK
        client.send(HEAD, *(BODY[at : at + 1] for at in range(len(BODY))))
        assert await client.answer() == TOOK
        assert house.by_application == []


async def test_a_head_in_pieces_is_aiohttps_and_so_is_all_that_follows() -> None:
    async with visited() as (house, client):
        client.send(POST[:20], POST[20:])
        assert await client.answer() == READ
        client.send(POST)
        assert await client.answer() == READ
        assert house.taken == []


async def test_what_looks_like_a_post_within_another_request_is_none() -> None:
    async with visited() as (house, client):
        head = b"POST /in/t HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nX-A: b\tc\r\n\r\n" % len(POST)
        client.send(head, POST)
        assert await client.answer() == (200, b"read " + POST)
    async with visited() as (house, client):
        client.send(HEAD.replace(b"12", b"%d" % (len(POST) * 1000)), POST * 600, POST * 400)
        assert await client.answer() == (200, b"read " + POST * 1000)
        assert house.taken == []
        client.send(POST)  # where that one ended is known
        assert await client.answer() == TOOK


async def test_a_body_that_comes_late_is_waited_for_by_aiohttp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postbox, "SOON", 0.001)
    async with visited() as (house, client):
        client.send(HEAD, BODY[:1])
        await until(lambda: house.begun.is_set())
        client.send(BODY[1:])
        assert await client.answer() == READ
        client.send(POST)
        assert await client.answer() == TOOK


async def test_answers_come_in_the_order_of_their_requests() -> None:
    async with visited() as (house, client):
        house.at_once = False
        second = POST.replace(b"A", b"B")
        client.send(POST, second, second)
        assert len(house.taken) == 1
        house.answer()
        assert await client.answer() == TOOK
        assert [await client.answer() for _ in range(2)] == [(200, b'read {"name":"B"}')] * 2


async def test_what_comes_behind_a_post_waits_and_nothing_more_is_read() -> None:
    async with visited() as (house, client):
        house.at_once = False
        client.send(POST, POST[:9], POST[9:])
        transport = client.server_side.transport
        assert transport is not None
        assert not transport.is_reading()
        house.answer()
        assert await client.answer() == TOOK
        assert transport.is_reading()
        assert len(house.taken) == 2
        house.answer()
        assert await client.answer() == TOOK


async def test_requests_in_one_piece_are_answered_in_order() -> None:
    async with visited() as (_, client):
        client.send(POST + POST.replace(b"A", b"B"))
        assert [await client.answer() for _ in range(2)] == [READ, (200, b'read {"name":"B"}')]


async def test_what_cannot_go_the_short_way_goes_the_long_one() -> None:
    async with visited() as (house, client):
        client.send(HEAD.replace(b"12", b"8") + b"not here")
        assert await client.answer() == (200, b"read not here")
        client.send(POST)
        assert await client.answer() == TOOK
        assert len(house.by_application) == 1


async def test_an_answer_with_headers_is_written_by_aiohttp() -> None:
    async with visited() as (house, client):
        house.at_once = False
        client.send(POST, POST)
        house.taken[0][1](web.Response(status=503, body=b"later", headers={"Retry-After": "1"}))
        assert await client.answer() == (503, b"later")
        assert await client.answer() == READ
        assert house.by_application == [BODY]


async def test_a_client_that_does_not_read_is_answered_by_aiohttp(monkeypatch: pytest.MonkeyPatch) -> None:
    async with visited() as (house, client):
        house.at_once = False
        client.send(POST)
        transport = Mock(wraps=client.server_side.transport)
        transport.get_write_buffer_size.side_effect = lambda: 1
        monkeypatch.setattr(client.server_side, "transport", transport)
        house.answer()
        assert await client.answer() == TOOK
        assert house.by_application == []


async def test_a_bug_is_a_500_and_the_request_is_not_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async with visited() as (house, client):
        house.trouble = KeyError("a bug")
        client.send(POST)
        assert (await client.answer())[0] == 500
        assert (house.taken, house.by_application) == ([], [])
        assert "a bug" in caplog.text


async def test_a_client_that_goes_is_not_answered() -> None:
    async with visited() as (house, client):
        house.at_once = False
        client.send(POST)
        client.writer.close()
        await until(lambda: client.server_side.transport is None)
        house.answer()


async def test_a_connection_is_closed_when_it_is_idle_for_too_long_and_never_under_a_post(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with visited(keepalive_timeout=LONG) as (house, client):
        loop = asyncio.get_running_loop()
        now = loop.time
        passed = 0.0
        monkeypatch.setattr(loop, "time", lambda: now() + passed)
        house.at_once = False
        client.send(POST)
        assert not client.server_side.is_idle
        passed += 2 * LONG
        await asyncio.sleep(0)
        client.server_side._process_keepalive()
        house.answer()
        assert await client.answer() == TOOK
        assert client.server_side.is_idle
        passed += 2 * LONG
        assert await client.is_closed()


async def test_no_post_is_taken_on_a_connection_that_is_told_to_close() -> None:
    async with visited() as (house, client):
        house.at_once = False
        client.send(POST)
        client.server_side.close()
        house.answer()
        assert await client.answer() == TOOK
        assert await client.is_closed()


async def test_a_connection_that_is_shut_down_waits_for_the_answer() -> None:
    async with visited() as (house, client):
        house.at_once = False
        client.send(POST)
        ending = asyncio.create_task(client.server_side.shutdown(PATIENCE))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not ending.done()
        house.answer()
        assert await client.answer() == TOOK
        assert await client.is_closed()
        await ending


async def test_a_first_post_that_takes_its_time_is_not_taken_for_a_request_that_never_comes() -> None:
    async with visited() as (house, client):
        house.at_once = False
        client.send(HEAD)
        client.server_side._late()
        client.send(BODY)
        client.server_side._late()
        house.answer()
        assert await client.answer() == TOOK
