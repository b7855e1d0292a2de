"""A connection with a short way for posts. In: what a client sends. Out: posts taken and answered in its protocol.

aiohttp has one task for each connection, which waits for the next request, handles it in a second task, and writes the
answer. Here a post is taken as soon as its last byte has come, and answered when that is told, while the task waits on
and aiohttp's parser has seen nothing of it. To aiohttp the connection is busy meanwhile.

What the parser is given instead is counted, because only a request's first byte can begin a short way: once it cannot
be told where the parser's request ends, the connection is aiohttp's for good.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from pipeline.ingress.connection import Connection
from pipeline.ingress.short import Brief, Post, Short, head_in

SOON = 0.05  # seconds that the rest of a body may take, which many clients send apart from the head
SMALL = 16 * 1024  # bytes of a post that goes the short way: it is kept until it is answered


class Postbox(Connection):
    """A connection whose posts go the short way where they can.

    While one does, `_parked` is the future that aiohttp's task waits on, put where aiohttp does not see it, and `_came`
    is what has come of the post. It is `_post` once it is whole.
    """

    __slots__ = ("_behind", "_came", "_lacks", "_parked", "_post", "_rest", "_short", "_told")

    def __init__(self, server: web.Server, headers: float, short: Short, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(server, headers, loop=loop)
        self._short = short
        self._lacks: int | None = 0  # bytes that the request in the parser lacks; None: nobody knows any more
        self._parked: asyncio.Future[None] | None = None
        self._came = b""
        self._rest: asyncio.TimerHandle | None = None  # until when the rest of it may come
        self._post: Post | None = None
        self._behind = b""  # what has come behind it
        self._told: web.Response | Exception | None = None  # what has become of the request that the parser is given
        handle = server.request_handler

        async def handle_or_tell(request: web.BaseRequest) -> web.StreamResponse:
            told, self._told = self._told, None
            if isinstance(told, Exception):
                raise told
            return await handle(request) if told is None else told

        self._request_handler = handle_or_tell

    def data_received(self, data: bytes) -> None:
        if not data or self._lacks is None or self._close or self._force_close:
            super().data_received(data)
        elif self._post is not None:
            self._put_behind(data)
        elif self._parked is not None:
            self._read(self._came + data)
        elif self._lacks or self._waiter is None or self._waiter.done() or self._messages:
            self._give(data)
        else:
            self._read(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._unpark()
        super().connection_lost(exc)

    def _read(self, data: bytes) -> None:
        """A request from its first byte on."""
        head = None if self._short.leaving.is_set() else head_in(data)
        if head is None or not len(data) <= head.size + head.length <= SMALL:
            self._unpark()
            self._give(data)
            return
        lacks = head.size + head.length - len(data)
        self._park(data)
        if not lacks:
            self._take(Post(head, data[head.size :], self))
        elif self._rest is None:
            self._rest = self._loop.call_later(SOON, self._go_long_way)

    def _take(self, post: Post) -> None:
        self._post = post
        try:
            if not self._short.take(post, self._answer):
                self._go_long_way()
        except Exception as error:
            if self._post is not post:
                raise
            self._told = error
            self._go_long_way()

    def _answer(self, answer: Brief | web.Response) -> None:
        """Answer the post, unless its client has gone."""
        transport = self.transport
        if self._post is None or transport is None:
            return
        if isinstance(answer, Brief) and not transport.get_write_buffer_size():
            self._unpark()
            self._request_count += 1
            transport.write(answer.as_sent())
            self._stay()
        else:  # it has headers, or the client does not read its answers, and is made to wait
            self._told = answer.response() if isinstance(answer, Brief) else answer
            self._go_long_way()

    def _go_long_way(self) -> None:
        """Let aiohttp have the request, as if it had just come."""
        came = self._came
        self._unpark()
        self._give(came)
        self._catch_up()

    def _stay(self) -> None:
        """What aiohttp does after an answer: the connection stays open for a time, and what came behind is next."""
        if self._close or self._force_close:
            self.force_close()
            return
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)
        self._catch_up()

    def _give(self, data: bytes) -> None:
        """Leave it to aiohttp, and keep count of where its request ends."""
        if self._lacks == 0:
            head = head_in(data)
            self._lacks = None if head is None else head.size + head.length
        if self._lacks is not None:
            self._lacks = None if len(data) > self._lacks else self._lacks - len(data)
        super().data_received(data)

    def _put_behind(self, data: bytes) -> None:
        """Keep what comes before the post is answered, and let nothing more come."""
        if not self._behind and self.transport is not None:
            self.transport.pause_reading()
        self._behind += data

    def _catch_up(self) -> None:
        """Read what came behind."""
        behind, self._behind = self._behind, b""
        if behind and self.transport is not None:
            self.transport.resume_reading()
            self.data_received(behind)

    def _park(self, came: bytes) -> None:
        """Begin or go on with the short way."""
        self._came = came
        if self._parked is None:
            self._parked, self._waiter = self._waiter, None
            self._request_in_progress = True

    def _unpark(self) -> None:
        """End the short way, if it had begun: aiohttp has its task back, which waits as it did before."""
        if self._parked is None:
            return
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        self._post = None
        self._came = b""
        self._waiter, self._parked = self._parked, None
        self._request_in_progress = False
        if self._handler_waiter is not None and not self._handler_waiter.done():
            self._handler_waiter.set_result(None)
