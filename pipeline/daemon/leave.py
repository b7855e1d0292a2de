"""How the door leaves. In: a runner that no longer listens. Out: its connections answered once more, and closed.

A kept-alive connection that is closed while it is idle may be closed under a request that is on its way, which the
client then sees fail. So each answer says that it is the last one on its connection, and who sends nothing more is
waited for as long as at any other time: until the server's `keepalive_timeout` closes the connection.
"""

from __future__ import annotations

import asyncio

import structlog
from aiohttp import web

from pipeline.ingress.app import SERVER
from pipeline.ingress.connection import Connection

log = structlog.get_logger(__name__)

PATIENCE = SERVER["keepalive_timeout"] + 2.0  # seconds; the last to come have so much for their bodies and answers
ALONE = 2.0  # seconds when no other process listens on the port: who would wait for longer is at a terminal
LOOK_AGAIN = 0.05


def polite(app: web.Application, leaving: asyncio.Event) -> web.Application:
    """Once `leaving` is set, each answer is the last one on its connection, and says so."""

    async def last(_: web.Request, response: web.StreamResponse) -> None:
        if leaving.is_set():
            response.headers["Connection"] = "close"  # said here: aiohttp has its own headers ready by now
            response.force_close()

    app.on_response_prepare.append(last)
    return app


async def take_leave(runner: web.AppRunner, leaving: asyncio.Event, patience: float) -> None:
    """Return when the connections have gone, or when after `patience` seconds those that are left are idle.

    Requests in hand, and bodies on their way, have PATIENCE in any case. Nothing is closed from here: a connection of
    aiohttp's that is told to `close()` while it is idle stays open until the runner is cleaned up, and throws away
    whatever its client sends.
    """
    leaving.set()
    if runner.server is not None and runner.server.connections:
        log.info("leaving once the open connections have ended", connections=len(runner.server.connections))
    now = asyncio.get_running_loop().time
    began = now()
    while runner.server is not None:
        await asyncio.sleep(LOOK_AGAIN)  # aiohttp tells nobody; and what the loop has just accepted is shown next turn
        open_, waited = runner.server.connections, now() - began
        if not open_:
            return
        if waited >= patience and all(isinstance(each, Connection) and each.is_idle for each in open_):
            return
        if waited >= PATIENCE:
            log.warning("leaving while requests are under way", connections=len(open_))
            return
