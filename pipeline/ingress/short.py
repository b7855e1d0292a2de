"""The short way in. In: aiohttp's server with the application behind it. Out: posts of events that go past the latter.

aiohttp's parser, connections, bounds and deadlines stay in front of both ways. What posts are spared is the
application's routing, and most of what a response object does. Whatever is unusual about a request, or about the state
that the process is in, takes the long way.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

from aiohttp import HttpVersion11, StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.hdrs import EXPECT
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

TARGET: Final = re.compile(r"/in/([A-Za-z0-9_-]{1,200})(?:\?|\Z)")

Receive = Callable[[web.BaseRequest, str], Awaitable[web.StreamResponse]]


class Post(web.BaseRequest):
    """A post of events that goes the short way, and the token of its URL."""

    token: str


class Brief(web.StreamResponse):
    """A JSON answer without further headers, which to a `Post` is written in one piece."""

    def __init__(self, status: int, body: bytes) -> None:
        self._status = status
        self._told = body
        self._long: web.Response | None = None

    @property
    def status(self) -> int:
        return self._status

    @property
    def keep_alive(self) -> bool | None:
        return True if self._long is None else self._long.keep_alive

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        transport = request.transport
        # who does not read the answers fills the buffer, and is made to wait by the long way
        if type(request) is Post and transport is not None and not transport.get_write_buffer_size():
            transport.write(_head(self._status, int(time.time())) % (len(self._told), self._told))
            return None
        self._long = web.Response(status=self._status, body=self._told, headers={"Content-Type": "application/json"})
        return await self._long.prepare(request)

    async def write_eof(self, data: bytes = b"") -> None:
        if self._long is not None:
            await self._long.write_eof(data)


def shorten(server: web.Server, receive: Receive, leaving: asyncio.Event) -> None:
    """Let posts of events go to `receive`, with their token, until the process is `leaving`."""
    handle, make = server.request_handler, server.request_factory
    loop = asyncio.get_running_loop()

    def request(
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        token = None if leaving.is_set() else _token(message)
        if token is None:
            return make(message, payload, protocol, writer, task)
        post = Post(message, payload, protocol, writer, task, loop)
        post.token = token
        return post

    def answer(request: Any) -> Awaitable[web.StreamResponse]:
        return receive(request, request.token) if type(request) is Post else handle(request)

    server.request_factory = request
    server.request_handler = answer


def _token(message: RawRequestMessage) -> str | None:
    """The token of a post that is like nearly all of them."""
    if message.method != "POST" or message.should_close or message.version != HttpVersion11 or message.upgrade:
        return None
    found = TARGET.match(message.path)
    return None if found is None or EXPECT in message.headers else found[1]


@lru_cache(maxsize=4)
def _head(status: int, now: int) -> bytes:
    """The status line and headers at this second, to be filled with the body's length and the body."""
    phrase = HTTPStatus(status).phrase
    return (
        f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/json\r\nDate: {formatdate(now, usegmt=True)}\r\n"
        "Content-Length: %d\r\n\r\n%b"
    ).encode()
