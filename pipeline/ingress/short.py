"""The short way in. In: what a client has sent. Out: a post that can be taken as it is, or nothing: the long way then.

aiohttp takes a request through its parser, two tasks, a request, a response and an application. A post that is like
nearly all of them is spared that. Its head is read by rules far stricter than HTTP's: whatever is not plainly written,
is there twice, or asks for anything special is aiohttp's to read, to serve or to refuse. So nothing is taken here that
aiohttp would read in another way; `tests/unit/test_short.py` holds both against each other.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final, NamedTuple, Protocol

from aiohttp import web
from aiohttp.hdrs import CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING, UPGRADE
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

LONGEST: Final = 4_096  # bytes of a head
UNUSUAL: Final = (TRANSFER_ENCODING, CONTENT_ENCODING, EXPECT, UPGRADE)
_HEAD: Final = re.compile(
    rb"POST (/in/([A-Za-z0-9_-]{1,200})(?:\?[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*)?) HTTP/1\.1\r\n"
    rb"((?:[A-Za-z0-9_-]+: [!-~](?:[ -~]*[!-~])?\r\n){1,64})\r\n"
)
_LINE: Final = re.compile(r"([^:]+): (.*)\r\n")
_LENGTH: Final = re.compile(r"0|[1-9][0-9]{0,8}")


class Head(NamedTuple):
    """The head of a post: of so many bytes, with a body of `length` behind it."""

    size: int
    length: int
    token: str
    target: str
    headers: CIMultiDictProxy[str]


class Asked(Protocol):
    """What is known of a request beside its body; `aiohttp.web.BaseRequest` is one."""

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """As they were sent."""

    @property
    def raw_path(self) -> str:
        """Path and query, as they were sent."""

    @property
    def rel_url(self) -> URL:
        """The same, read."""

    @property
    def query(self) -> Mapping[str, str]:
        """The query, decoded."""

    @property
    def remote(self) -> str | None:
        """The address at the other end of the connection."""


class Post:
    """A post of events that goes the short way."""

    __slots__ = ("_connection", "body", "headers", "raw_path", "token")

    def __init__(self, head: Head, body: bytes, connection: web.RequestHandler) -> None:
        self.token = head.token
        self.headers = head.headers
        self.raw_path = head.target
        self.body = body
        self._connection = connection

    @property
    def rel_url(self) -> URL:
        return URL(self.raw_path, encoded=True)

    @property
    def query(self) -> Mapping[str, str]:
        return self.rel_url.query

    @property
    def remote(self) -> str | None:
        peer = self._connection.peername
        return str(peer[0]) if isinstance(peer, tuple) else peer


class Brief(NamedTuple):
    """A JSON answer without further headers."""

    status: int
    body: bytes

    def as_sent(self) -> bytes:
        """All of it, as HTTP/1.1 on a connection that stays open."""
        return _answer_head(self.status, int(time.time())) % (len(self.body), self.body)

    def response(self) -> web.Response:
        """The same for the long way."""
        return web.Response(status=self.status, body=self.body, headers={"Content-Type": "application/json"})


Tell = Callable[[Brief | web.Response], None]
Take = Callable[[Post, Tell], bool]  # False: it must go the long way; else its answer is told, once


class Short(NamedTuple):
    """Who takes posts that go the short way, until the process is `leaving`."""

    take: Take
    leaving: asyncio.Event


def head_in(data: bytes) -> Head | None:
    """The head that this begins with, if it is whole, and that of a post like nearly all of them."""
    end = data.find(b"\r\n\r\n", 0, LONGEST)
    return None if end < 0 else _head(data[: end + 4])


@lru_cache(maxsize=1_000)  # a source's heads differ in the length of the body, if at all, unless they are signed
def _head(data: bytes) -> Head | None:
    found = _HEAD.fullmatch(data)
    if found is None:
        return None
    lines = _LINE.findall(found[3].decode("ascii"))
    headers = CIMultiDict(lines)
    length = headers.get(CONTENT_LENGTH, "")
    if len({name.lower() for name, _ in lines}) < len(lines) or any(name in headers for name in UNUSUAL):
        return None
    if HOST not in headers or headers.get(CONNECTION, "keep-alive").lower() != "keep-alive":
        return None
    if _LENGTH.fullmatch(length) is None:
        return None
    return Head(len(data), int(length), found[2].decode(), found[1].decode(), CIMultiDictProxy(headers))


@lru_cache(maxsize=4)
def _answer_head(status: int, now: int) -> bytes:
    """The status line and headers at this second, to be filled with the body's length and the body."""
    phrase = HTTPStatus(status).phrase
    return (
        f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/json\r\nDate: {formatdate(now, usegmt=True)}\r\n"
        "Content-Length: %d\r\n\r\n%b"
    ).encode()
