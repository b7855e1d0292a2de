"""The listening socket with a cap on connections. In: a server of aiohttp's. Out: a port, never with too many of them.

aiohttp has no cap: each open connection costs a descriptor and what it has sent of its headers, and a process that
is out of descriptors cannot even write its spool.
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

import structlog
from aiohttp import web

from pipeline.ingress import metrics
from pipeline.ingress.connection import HEADERS, Connection
from pipeline.ingress.deafen import deafen
from pipeline.ingress.postbox import Postbox
from pipeline.ingress.short import Short

log = structlog.get_logger(__name__)

HANDSHAKE = 0.25  # seconds for one that has begun to end: a round trip between continents; below a client's second
OWN = 100  # descriptors kept for files, the database and the broker
FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nContent-Length: 101\r\n"
    b"Retry-After: 1\r\nConnection: close\r\n\r\n"
    b'{"title":"Unavailable","status":503,"detail":"too many connections are open; send the request again"}'
)


class _Refuse(asyncio.Protocol):
    """Answers 503 whatever is asked, and closes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        metrics.CONNECTIONS_REFUSED.inc()
        speaking = cast(asyncio.Transport, transport)
        speaking.write(FULL)
        speaking.close()


class Listening:
    """A port that is listened on."""

    def __init__(self, server: asyncio.Server, protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        self._server = server
        self._protocol = protocol

    @property
    def sockets(self) -> tuple[Any, ...]:
        """What `asyncio.Server.sockets` says."""
        return tuple(self._server.sockets)

    async def close(self) -> None:
        """Listen no more; who has connected by now is served, and who knocks meanwhile comes to the next process.

        With SO_REUSEPORT each process has a queue of its own. When its socket is closed, the kernel resets the
        connections that wait in it, and those whose handshake is under way, although another process listens on the
        port. So the last of them are let in before: who begins one now is not heard, and asks again after a second.
        """
        loop = asyncio.get_running_loop()
        copies = [socket.socket(fileno=os.dup(each.fileno())) for each in self._server.sockets]
        deaf = [deafen(copy) for copy in copies]
        if any(deaf):
            await asyncio.sleep(HANDSHAKE)
        self._server.close()
        came: list[socket.socket] = []
        for copy in copies:
            with copy:
                came += _waiting(copy)
        await asyncio.gather(*(loop.connect_accepted_socket(self._protocol, each) for each in came))


def _waiting(listening: socket.socket) -> Iterator[socket.socket]:
    """The connections that nobody has accepted yet."""
    listening.setblocking(False)
    while True:
        try:
            connection, _ = listening.accept()
        except ConnectionAbortedError:  # this one has gone again
            continue
        except BlockingIOError:
            return
        connection.setblocking(False)
        yield connection


async def listen(
    runner: web.AppRunner, most: int, headers: float = HEADERS, short: Short | None = None, **address: Any
) -> Listening:
    """Listen for a runner that is set up; `address` as of `loop.create_server`. Raises OSError.

    At most `most` connections, or what the process' limit of open files leaves, are served at a time. One that has
    brought no request after `headers` seconds is closed. Posts go the `short` way where there is one.
    """
    loop = asyncio.get_running_loop()
    server = runner.server
    if server is None:
        raise RuntimeError("the runner is not set up")
    cap = min(most, _files(most + OWN) - OWN)
    if cap < most:
        log.warning("fewer connections than LEADPIPE_HTTP_CONNECTIONS; raise the limit of open files", connections=cap)

    def protocol() -> asyncio.BaseProtocol:
        if len(server.connections) >= cap:
            return _Refuse()
        return Connection(server, headers, loop=loop) if short is None else Postbox(server, headers, short, loop=loop)

    return Listening(await loop.create_server(protocol, **address), protocol)


def _files(wanted: int) -> int:
    """How many files may be open; raised to `wanted` where that is allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted and (hard == resource.RLIM_INFINITY or soft < hard):
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft
