"""Publishing to PostgreSQL: delays, addresses that nobody has, any bytes, prefixes, a database without tables."""

from __future__ import annotations

import time

import asyncpg
import pytest

from pipeline.engine.topology import Address, Dead, Rung, Work
from pipeline.engine.transport import BrokerUnavailable, Message, Unroutable
from pipeline.store.migrate import MigrationError
from pipeline.transport.postgres import PostgresTransport
from tests.contract.postgres.conftest import MAP, TOPOLOGY, opened, take
from tests.support.postgres import PrivatePostgres


class TestDelay:
    async def test_a_message_on_a_rung_becomes_visible_when_its_time_has_come(self, database_url: str) -> None:
        async with opened(database_url, poll=3600.0) as transport:  # so it does not wait for the next poll
            _, taken = await take(transport)
            began = time.monotonic()
            await transport.publish([Message(Rung(0.3, "map"), b"later"), Message(MAP, b"now")])
            assert (await taken.next()).body == b"now"
            assert (await taken.next()).body == b"later"
            assert time.monotonic() - began >= 0.3

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
