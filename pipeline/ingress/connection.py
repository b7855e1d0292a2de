"""One client's connection. In: aiohttp's server. Out: its connection, closed in time, and never under a request.

aiohttp has one number of seconds for two things: for headers that do not end, and for a kept-alive connection that is
idle. The first must be short, the second longer than the clients' own, or they meet connections that are just closed.
And it looks at the clock alone: where the loop lags, a request may have come that is not read yet.
"""

from __future__ import annotations

import asyncio
import os
import socket

from aiohttp import web

HEADERS = 15.0  # seconds from the connection to the end of its first request's headers
LOOK_AGAIN = 0.1


class Connection(web.RequestHandler):
    """Closed without a word if it has brought no request in time."""

    __slots__ = ("_headers", "_no_request")

    def __init__(self, server: web.Server, headers: float, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(server, loop=loop, **server._kwargs)  # as the server makes its own
        self._headers = headers
        self._no_request: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a request, and none has come."""
        return self._waiter is not None and not self._waiter.done() and not self._has_unread()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._no_request = self._loop.call_later(self._headers, self._late)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._no_request is not None:
            self._no_request.cancel()
        super().connection_lost(exc)

    def _late(self) -> None:
        if self._request_count or self._request_in_progress:
            self._no_request = None
        elif self._has_unread():
            self._no_request = self._loop.call_later(LOOK_AGAIN, self._late)
        else:
            self.force_close()

    def _process_keepalive(self) -> None:
        """What aiohttp does when a connection may have been idle for too long."""
        if self._has_unread():
            self._keepalive_handle = self._loop.call_later(LOOK_AGAIN, self._process_keepalive)
        else:
            super()._process_keepalive()

    def _has_unread(self) -> bool:
        """Whether its client has sent something that this process has not read yet."""
        if self.transport is None:
            return False
        try:
            with socket.socket(fileno=os.dup(self.transport.get_extra_info("socket").fileno())) as copy:
                return bool(copy.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except OSError:  # nothing there, or nobody any more
            return False
