"""The listening port: who has connected when it closes is served, whoever else listens there."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from aiohttp import web
from pytest import MonkeyPatch

from pipeline.ingress.listen import Listening, listen

WAITING = 20
ASKED = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def _listening(answer: str, port: int = 0) -> tuple[web.AppRunner, Listening]:
    """A server that answers with this text; others may listen on its port."""

    async def say(_: web.Request) -> web.Response:
        return web.Response(text=answer)

    app = web.Application()
    app.router.add_get("/", say)
    runner = web.AppRunner(app)
    await runner.setup()
    return runner, await listen(runner, 100, host="127.0.0.1", port=port, reuse_port=True, backlog=WAITING)


async def test_connections_that_nobody_has_accepted_yet_are_served() -> None:
    runner, listening = await _listening("served")
    port = listening.sockets[0].getsockname()[1]
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(WAITING)]  # the loop accepts none meanwhile
    for client in clients:
        client.sendall(ASKED)

    await listening.close()

    for client in clients:
        reader, writer = await asyncio.open_connection(sock=client)
        assert (await reader.read()).endswith(b"served")
        writer.close()
    await runner.cleanup()


async def test_who_knocks_just_before_a_port_closes_is_served_by_the_next_process(monkeypatch: MonkeyPatch) -> None:
    leaving, listening = await _listening("the one that leaves")
    port = listening.sockets[0].getsockname()[1]
    staying, next_ = await _listening("the one that stays", port)
    knocking: list[socket.socket] = []
    accept = socket.socket.accept

    def accept_and_see_them_knock_then(it: socket.socket) -> tuple[socket.socket, Any]:
        """The queue is seen empty; what comes then would come to a port that closes in the next moment."""
        try:
            return accept(it)
        except BlockingIOError:
            for _ in range(0 if knocking else WAITING):  # half of them at the port that closes
                client = socket.socket()
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", port))
                knocking.append(client)
            raise

    monkeypatch.setattr(socket.socket, "accept", accept_and_see_them_knock_then)
    await listening.close()

    answers = await asyncio.gather(*map(_ask, knocking))
    assert len(answers) == WAITING
    assert all(answer.endswith(b"the one that stays") for answer in answers)
    await next_.close()
    await leaving.cleanup()
    await staying.cleanup()


async def _ask(client: socket.socket) -> bytes:
    """What comes back on a connection that is still being made."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(client, ASKED)
    reader, writer = await asyncio.open_connection(sock=client)
    try:
        return await reader.read()
    finally:
        writer.close()
