"""How the door leaves: no request is cut, whenever it comes on a connection that is open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from pytest import MonkeyPatch

from pipeline.daemon.leave import polite, take_leave
from pipeline.ingress.app import SERVER
from pipeline.ingress.listen import Listening, listen
from pipeline.ingress.short import Brief, Post, Short, Tell
from tests.support.until import PATIENCE

POST = b"POST /in/t HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n"
BODY = b'{"name":"A"}'
BRIEF = 0.05  # seconds of patience


@dataclass
class Client:
    """One connection, kept alive."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, content: bytes) -> str:
        """Send this; the head of the answer, once all of it is there."""
        self.writer.write(content)
        async with asyncio.timeout(PATIENCE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            await self.reader.readuntil(b"served")
        return head

    async def is_closed(self) -> bool:
        """Whether nothing more comes, once that is known."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read() == b""


@dataclass
class House:
    """A server as the door's, that answers posts once `gate` is open."""

    runner: web.AppRunner
    listening: Listening
    leaving: asyncio.Event
    gate: asyncio.Event
    begun: asyncio.Event
    clients: list[Client] = field(default_factory=list)

    async def visit(self) -> Client:
        """A client whose connection is idle after one answer."""
        client = Client(*await asyncio.open_connection(*self.listening.sockets[0].getsockname()))
        self.clients.append(client)
        assert "Connection: close" not in await client.ask(POST + BODY)
        return client

    async def leave(self, patience: float) -> None:
        await self.listening.close()
        await take_leave(self.runner, self.leaving, patience)


@asynccontextmanager
async def opened(**server: Any) -> AsyncIterator[House]:
    leaving, gate, begun = asyncio.Event(), asyncio.Event(), asyncio.Event()
    gate.set()

    async def serve(request: web.Request) -> web.Response:
        begun.set()
        await request.read()
        await gate.wait()
        return web.Response(text="served")

    async def served(tell: Tell) -> None:
        begun.set()
        await gate.wait()
        tell(Brief(200, b"served"))

    def take(_: Post, tell: Tell) -> bool:
        in_hand.append(asyncio.create_task(served(tell)))
        return True

    in_hand: list[asyncio.Task[None]] = []
    app = web.Application()
    app.router.add_post("/in/t", serve)
    runner = web.AppRunner(polite(app, leaving), **{**SERVER, **server})
    await runner.setup()
    listening = await listen(runner, 100, short=Short(take, leaving), host="127.0.0.1", port=0)
    house = House(runner, listening, leaving, gate, begun)
    try:
        yield house
    finally:
        for client in house.clients:
            client.writer.close()
        await listening.close()
        await runner.cleanup()


async def test_a_request_on_a_connection_that_was_idle_all_the_time_is_answered_as_the_last_one() -> None:
    async with opened() as house:
        clients = [await house.visit() for _ in range(3)]
        await house.leave(BRIEF)  # as long as it waits: they are idle still, and open
        for client in clients:
            assert "Connection: close" in await client.ask(POST + BODY)
            assert await client.is_closed()


async def test_a_body_that_is_on_its_way_is_waited_for() -> None:
    async with opened() as house:
        client = await house.visit()
        house.begun.clear()
        client.writer.write(POST + BODY[:5])
        await house.begun.wait()
        leaving = asyncio.create_task(house.leave(BRIEF))
        assert not (await asyncio.wait({leaving}, timeout=4 * BRIEF))[0]  # no longer for those that are idle alone
        assert "200 OK" in await client.ask(BODY[5:])
        await leaving


async def test_headers_that_are_on_their_way_are_waited_for() -> None:
    async with opened() as house:
        client = await house.visit()
        client.writer.write(POST[:30])
        await house.leave(BRIEF)
        assert "Connection: close" in await client.ask(POST[30:] + BODY)


async def test_a_request_in_hand_is_answered_and_so_is_the_next_one_on_its_connection() -> None:
    async with opened() as house:
        client = await house.visit()
        house.gate.clear()
        house.begun.clear()
        asked = asyncio.create_task(client.ask(POST + BODY))
        await house.begun.wait()
        leaving = asyncio.create_task(house.leave(60))
        await house.leaving.wait()
        house.gate.set()
        assert "200 OK" in await asked
        assert "Connection: close" in await client.ask(POST + BODY)
        await leaving  # the last connection has gone: its patience is not used up


async def test_connections_whose_clients_send_nothing_more_are_closed_as_at_any_other_time(
    monkeypatch: MonkeyPatch,
) -> None:
    async with opened() as house:
        clients = [await house.visit() for _ in range(3)]
        leaving = asyncio.create_task(house.leave(60))
        await house.leaving.wait()
        loop = asyncio.get_running_loop()
        now = loop.time
        monkeypatch.setattr(loop, "time", lambda: now() + SERVER["keepalive_timeout"])
        assert [await client.is_closed() for client in clients] == [True] * 3
        await leaving  # its patience is not used up
