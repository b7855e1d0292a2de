"""Consumers on PostgreSQL that die, freeze, are cut off or leave: what they held comes again, and is counted."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg

from pipeline.engine.topology import Dead
from pipeline.engine.transport import Depth, Message
from pipeline.transport.postgres import PostgresTransport
from tests.contract.postgres.conftest import MAP, opened, take
from tests.support.until import PROCESSES, in_some_try, until

LEASE = 30.0  # seconds, longer than a machine stalls
LEASE_OF_THE_HOLDER = """
SELECT c.lease_until FROM broker_consumer AS c JOIN broker_message AS m ON m.claimed_by = c.id
"""


async def cut_all(server: asyncpg.Connection[asyncpg.Record]) -> None:
    await server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


CHILD = """
import asyncio, sys, structlog
from pipeline.engine.topology import Work
from pipeline.transport.postgres import PostgresTransport

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

async def main(url, lease):
    transport = PostgresTransport(url, lease=float(lease), poll=0.2)
    await transport.open()
    parcels = asyncio.Queue()
    subscription = await transport.subscribe(Work("map"), parcels.put_nowait, lambda: None, 10)
    parcel = await parcels.get()
    print("holding", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await subscription.ack([parcel])
    print("acknowledged", flush=True)
    await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main(*sys.argv[1:]))
"""


@asynccontextmanager
async def child_process(url: str, lease: float = 30.0) -> AsyncIterator[asyncio.subprocess.Process]:
    """Another process, which holds one parcel of `map` when this begins."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD, url, str(lease), stdin=pipe, stdout=pipe)
    try:
        await said(child, "holding")
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def said(child: asyncio.subprocess.Process, line: str) -> None:
    assert child.stdout is not None
    async with asyncio.timeout(PROCESSES):
        assert (await child.stdout.readline()).decode().strip() == line


def tell(child: asyncio.subprocess.Process) -> None:
    assert child.stdin is not None
    child.stdin.write(b"\n")


class TestConsumersThatEnd:
    async def test_what_a_killed_process_held_comes_back_within_two_seconds(
        self, transport: PostgresTransport, database_url: str
    ) -> None:

        async def came_in_time() -> bool:
            await transport.publish([Message(MAP, b"held")])
            async with child_process(database_url) as child:
                subscription, taken = await take(transport)
                child.kill()
                began = time.monotonic()
                parcel = await taken.next()
                took = time.monotonic() - began
            assert (parcel.body, parcel.deliveries) == (b"held", 2)
            await subscription.ack([parcel])
            await subscription.cancel()
            return took < 2.5

        await in_some_try(came_in_time, "back within 2.5 s")

    async def test_what_a_frozen_process_held_comes_back_after_its_lease_and_its_late_ack_is_harmless(
        self, transport: PostgresTransport, database_url: str, server: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        await transport.publish([Message(MAP, b"held")])
        async with child_process(database_url, lease=1.0) as child:
            subscription, taken = await take(transport)
            child.send_signal(signal.SIGSTOP)
            parcel = await taken.next()
            tell(child)
            child.send_signal(signal.SIGCONT)
            await said(child, "acknowledged")
            assert await server.fetchval("SELECT count(*) FROM broker_message") == 1
            await subscription.ack([parcel])
            assert await server.fetchval("SELECT count(*) FROM broker_message") == 0

    async def test_a_revived_consumer_hears_that_it_lost_its_parcels_and_consumes_again(
        self, transport: PostgresTransport, server: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        await transport.publish([Message(MAP, b"one")])
        _, taken = await take(transport)
        await taken.next()
        await server.execute("DELETE FROM broker_consumer")  # as another consumer does when a lease is over
        assert (await taken.next()).deliveries == 2
        assert taken.lost == 1

    async def test_a_cut_connection_heals_and_the_parcels_come_again(
        self, transport: PostgresTransport, server: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        await transport.publish([Message(MAP, b"one")])
        subscription, taken = await take(transport)
        first = await taken.next()
        await cut_all(server)
        again = await taken.next()
        assert (again.body, again.deliveries, taken.lost) == (b"one", 2, 1)
        await subscription.ack([first])
        assert await server.fetchval("SELECT count(*) FROM broker_message") == 1
        await subscription.ack([again])
        assert await server.fetchval("SELECT count(*) FROM broker_message") == 0

    async def test_a_cancelled_consumer_keeps_its_lease_until_it_has_settled(
        self, database_url: str, other: PostgresTransport, server: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        async with opened(database_url, lease=LEASE, poll=0.1) as transport:
            await transport.publish([Message(MAP, b"slow")])
            subscription, taken = await take(transport)
            parcel = await taken.next()
            await subscription.cancel()
            assert (await transport.depths())["work.map"].consumers == 0
            _, others = await take(other)
            end = await server.fetchval(LEASE_OF_THE_HOLDER)

            async def renewed() -> bool:
                return bool(await server.fetchval(LEASE_OF_THE_HOLDER) >= end + timedelta(seconds=1))

            await until(renewed)
            assert others.parcels.empty()
            await subscription.ack([parcel])
            assert taken.lost == 0

    async def test_a_transport_that_closes_gives_back_at_once_and_that_is_no_failed_try(
        self, database_url: str, transport: PostgresTransport, server: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        async with opened(database_url) as leaver:
            await leaver.publish([Message(MAP, b"one")])
            _, taken = await take(leaver)
            await taken.next()
        row = await server.fetchrow("SELECT claimed_by, deliveries - returned AS tries FROM broker_message")
        assert row is not None and tuple(row) == (None, 0)
        assert (await transport.depths())["work.map"].ready == 1

    async def test_depths_do_not_count_the_dead(self, transport: PostgresTransport, database_url: str) -> None:
        await transport.publish([Message(MAP, b"one")])
        async with child_process(database_url) as child:
            assert (await transport.depths())["work.map"] == Depth(ready=0, consumers=1)
            child.kill()

            async def noticed() -> bool:
                return (await transport.depths())["work.map"] == Depth(ready=1, consumers=0)

            await until(noticed)


class TestDeliveryLimit:
    async def test_the_twenty_first_claim_sends_a_message_to_its_dead_queue(
        self, transport: PostgresTransport, server: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        await transport.publish([Message(MAP, b"deadly"), Message(MAP, b"innocent")])
        _, dead = await take(transport, Dead("map"))
        await server.execute("UPDATE broker_message SET deliveries = 19 WHERE body = 'deadly'")
        subscription, taken = await take(transport)
        last, innocent = await taken.next(), await taken.next()
        assert (last.body, last.deliveries) == (b"deadly", 20)
        await subscription.ack([innocent])
        await server.execute("DELETE FROM broker_consumer WHERE id = $1", last.token.session.consumer)
        given_up = await dead.next()
        assert (given_up.body, given_up.deliveries) == (b"deadly", 1)
        assert taken.parcels.empty()

    async def test_a_message_that_is_released_time_and_again_never_reaches_it(
        self, transport: PostgresTransport
    ) -> None:
        await transport.publish([Message(MAP, b"patient")])
        subscription, taken = await take(transport)
        for _ in range(30):
            await subscription.release([await taken.next()])
        assert (await taken.next()).body == b"patient"
        assert (await transport.depths())["dead.map"].ready == 0

    async def test_a_dead_queue_has_no_limit(
        self, transport: PostgresTransport, server: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        await transport.publish([Message(Dead("map"), b"body")])
        await server.execute("UPDATE broker_message SET deliveries = 100")
        _, dead = await take(transport, Dead("map"))
        assert (await dead.next()).deliveries == 101
