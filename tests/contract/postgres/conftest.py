"""PostgreSQL as the broker: transports on a fresh database, hands that take, and the administrator's view."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from pipeline.engine.stage import Stage
from pipeline.engine.topology import Address, Topology, Work
from pipeline.engine.transport import Parcel, Subscription
from pipeline.transport.postgres import PostgresTransport
from tests.support.until import PATIENCE


async def _no_work(batch: Any, tools: Any) -> list[Any]:
    return []


TOPOLOGY = Topology.of([Stage("map", _no_work), Stage("log", _no_work, after="map")], rungs=(0.3, 60))
MAP = Work("map")


class Taken:
    """A consumer's hands: what was delivered, and how often it was told that the connection was lost."""

    def __init__(self) -> None:
        self.parcels: asyncio.Queue[Parcel] = asyncio.Queue()
        self.lost = 0

    def lose(self) -> None:
        self.lost += 1

    async def next(self, within: float = PATIENCE) -> Parcel:
        async with asyncio.timeout(within):
            return await self.parcels.get()


async def take(transport: PostgresTransport, source: Address = MAP, prefetch: int = 10) -> tuple[Subscription, Taken]:
    taken = Taken()
    return await transport.subscribe(source, taken.parcels.put_nowait, taken.lose, prefetch), taken


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[PostgresTransport]:
    transport = PostgresTransport(url, **options)
    await transport.open()
    try:
        await transport.declare(TOPOLOGY)
        yield transport
    finally:
        await transport.close()


@pytest.fixture
async def transport(database_url: str) -> AsyncIterator[PostgresTransport]:
    async with opened(database_url) as transport:
        yield transport


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[PostgresTransport]:
    """A second process, as far as the broker can tell."""
    async with opened(database_url) as transport:
        yield transport


@pytest.fixture
async def server(database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """The administrator's view of the database."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()
