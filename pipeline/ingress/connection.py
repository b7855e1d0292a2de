"""One client's connection. In: aiohttp's server. Out: its connection, with a deadline of its own for the first request.

aiohttp has one number of seconds for two things: for headers that do not end, and for a kept-alive connection that is
idle. The first must be short, the second longer than the clients' own, or they meet connections that are just closed.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

HEADERS = 15.0  # seconds from the connection to the end of its first request's headers


class Connection(web.RequestHandler):
    """Closed without a word if it has brought no request in time."""

    __slots__ = ("_headers", "_no_request")

    def __init__(self, server: web.Server, headers: float, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(server, loop=loop, **server._kwargs)  # as the server makes its own
        self._headers = headers
        self._no_request: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._no_request = self._loop.call_later(self._headers, self._late)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._no_request is not None:
            self._no_request.cancel()
        super().connection_lost(exc)

    def _late(self) -> None:
        self._no_request = None
        if not self._request_count:
            self.force_close()
