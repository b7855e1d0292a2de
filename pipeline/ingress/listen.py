"""The listening socket with a cap on connections. In: a server of aiohttp's. Out: a socket that never holds too many.

aiohttp has no cap: each open connection costs a descriptor and what it has sent of its headers, and a process that
is out of descriptors cannot even write its spool.
"""

from __future__ import annotations

import asyncio
import resource
from typing import Any, Final, cast

import structlog
from aiohttp import web

from pipeline.ingress import metrics

log = structlog.get_logger(__name__)

OWN = 100  # descriptors kept for files, the database and the broker
FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nContent-Length: 89\r\n"
    b"Retry-After: 1\r\nConnection: close\r\n\r\n"
    b'{"title":"Unavailable","status":503,"detail":"too many connections are open; come again"}'
)


class _Refuse(asyncio.Protocol):
    """Answers 503 whatever is asked, and closes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        metrics.CONNECTIONS_REFUSED.inc()
        speaking = cast(asyncio.Transport, transport)
        speaking.write(FULL)
        speaking.close()


async def listen(runner: web.AppRunner, most: int, **address: Any) -> asyncio.Server:
    """Listen for a runner that is set up; `address` as of `loop.create_server`. Raises OSError.

    At most `most` connections, or what the process' limit of open files leaves, are served at a time.
    """
    server = runner.server
    if server is None:
        raise RuntimeError("the runner is not set up")
    cap = min(most, _files(most + OWN) - OWN)
    if cap < most:
        log.warning("fewer connections than set, for want of open files", connections=cap)

    def protocol() -> asyncio.BaseProtocol:
        return server() if len(server.connections) < cap else _Refuse()

    return await asyncio.get_running_loop().create_server(protocol, **address)


def _files(wanted: int) -> int:
    """How many files may be open; raised to `wanted` where that is allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted and (hard == resource.RLIM_INFINITY or soft < hard):
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft
