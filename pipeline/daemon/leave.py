"""How the door leaves. In: a runner that no longer listens. Out: its connections answered once more, and closed.

A kept-alive connection that is closed while it is idle may be closed under a request that is on its way, which the
client then sees fail. So each answer says that it is the last one on its connection; those whose clients send nothing
more are closed after a while, and only when nothing waits in them unread.
"""

from __future__ import annotations

import asyncio
import os
import socket

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

PATIENCE = 3.0  # seconds in which clients may send one more request on the connections they have
LAST = 2.0  # and then to answer those that came in the meantime
LOOK_AGAIN = 0.05


def polite(app: web.Application, leaving: asyncio.Event) -> web.Application:
    """Once `leaving` is set, each answer is the last one on its connection, and says so."""

    async def last(_: web.Request, response: web.StreamResponse) -> None:
        if leaving.is_set():
            response.force_close()

    app.on_response_prepare.append(last)
    return app


async def take_leave(runner: web.AppRunner, leaving: asyncio.Event) -> None:
    """Return when the connections have gone, or after PATIENCE and LAST."""
    leaving.set()
    now = asyncio.get_running_loop().time
    late = now() + PATIENCE
    while now() < late + LAST:  # aiohttp tells nobody when the last connection has gone
        await asyncio.sleep(LOOK_AGAIN)  # and what the loop has just accepted is shown in its next turn
        if runner.server is None or not runner.server.connections:
            return
        if now() >= late:
            for connection in runner.server.connections:
                if not _has_unread(connection):
                    connection.close()  # after the answer in hand, if there is one


def _has_unread(connection: RequestHandler) -> bool:
    """Whether its client has sent something that this process has not read yet."""
    if connection.transport is None:
        return False
    speaking = connection.transport.get_extra_info("socket")
    try:
        with socket.socket(fileno=os.dup(speaking.fileno())) as copy:
            return bool(copy.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except OSError:  # nothing there, or nobody any more
        return False
