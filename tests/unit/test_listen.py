"""The listening port: who has connected when it closes is served, whoever else listens there."""

from __future__ import annotations

import asyncio
import socket

from aiohttp import web

from pipeline.ingress.listen import listen

WAITING = 20


async def test_connections_that_nobody_has_accepted_yet_are_served() -> None:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="served")

    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    listening = await listen(runner, 100, host="127.0.0.1", port=0, reuse_port=True, backlog=WAITING)
    port = listening.sockets[0].getsockname()[1]
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(WAITING)]  # the loop accepts none meanwhile
    for client in clients:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    await listening.close()

    for client in clients:
        reader, writer = await asyncio.open_connection(sock=client)
        assert (await reader.read()).endswith(b"served")
        writer.close()
    await runner.cleanup()
