"""One client's connection: it ends when nothing comes, and never under a request that has come."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from pipeline.ingress.listen import listen
from tests.support.until import PATIENCE

ASKED = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
SHORT, LONG = 60.0, 600.0  # seconds


@asynccontextmanager
async def served(headers: float, keepalive: float) -> AsyncIterator[tuple[str, int]]:
    """The address of a server with these patiences."""

    async def say(_: web.Request) -> web.Response:
        return web.Response(text="served")

    app = web.Application()
    app.router.add_get("/", say)
    runner = web.AppRunner(app, keepalive_timeout=keepalive)
    await runner.setup()
    listening = await listen(runner, 100, headers, host="127.0.0.1", port=0)
    try:
        yield listening.sockets[0].getsockname()
    finally:
        await listening.close()
        await runner.cleanup()


async def answered(client: socket.socket) -> bool:
    """Whether an answer is the next that comes."""
    async with asyncio.timeout(PATIENCE):
        return (await asyncio.get_running_loop().sock_recv(client, 1000)).endswith(b"served")


async def visit(address: tuple[str, int]) -> socket.socket:
    """A client whose connection has been accepted."""
    client = socket.create_connection(address)
    client.setblocking(False)
    return client


def let_pass(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """The loop lags: when it looks at the clock next, so much time has gone by."""
    loop = asyncio.get_running_loop()
    now = loop.time
    monkeypatch.setattr(loop, "time", lambda: now() + seconds)


@pytest.mark.parametrize("begun", [b"", ASKED[:10]])
async def test_one_that_brings_no_request_in_time_is_closed(begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(headers=SHORT, keepalive=LONG) as address:
        with await visit(address) as idle, await visit(address) as silent:
            silent.sendall(begun)
            idle.sendall(ASKED)
            assert await answered(idle)
            let_pass(monkeypatch, SHORT)
            assert not await answered(silent)
            idle.sendall(ASKED)  # who has asked once may be idle for longer
            assert await answered(idle)


async def test_one_that_is_idle_for_too_long_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(headers=SHORT, keepalive=LONG) as address:
        with await visit(address) as idle:
            idle.sendall(ASKED)
            assert await answered(idle)
            let_pass(monkeypatch, LONG)
            assert not await answered(idle)


@pytest.mark.parametrize("asked_before", [False, True])
async def test_a_request_that_comes_just_before_it_would_end_is_answered(
    asked_before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(headers=SHORT, keepalive=SHORT) as address:
        with await visit(address) as client, await visit(address) as other:
            other.sendall(ASKED)
            assert await answered(other)  # so the first one has been accepted too
            if asked_before:
                client.sendall(ASKED)
                assert await answered(client)
            asyncio.get_running_loop().call_later(SHORT / 2, client.sendall, ASKED)
            let_pass(monkeypatch, 2 * SHORT)  # then it comes, and the end of its connection is the next that is due
            assert await answered(client)
