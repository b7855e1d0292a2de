"""The contract of `pipeline.engine.transport`, held against every implementation. A new one joins by one fixture."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from pipeline.engine.topology import Dead, Rung, Work
from pipeline.engine.transport import BrokerUnavailable, Depth, Message, Parcel, Transport, Unroutable
from pipeline.transport.memory import MemoryTransport
from pipeline.transport.postgres import PostgresTransport
from pipeline.transport.rabbitmq import RabbitMQTransport
from tests.support.consuming import Hands, chain, ready
from tests.support.rabbitmq import sweep
from tests.support.until import in_some_try, until

TOPOLOGY = chain("map", "upsert", "log")
MAP, UPSERT = Work("map"), Work("upsert")
QUICK, SLOW = 0.2, 60.0  # the rungs of `chain`
TIMEOUT = 5.0  # seconds within which a broker that is away must have been noticed


@dataclass(frozen=True)
class Features:
    """Where implementations differ, honestly and by design."""

    durable: bool = True  # what was confirmed outlives every connection
    shared: bool = True  # several transports, in several processes, see the same queues


class Broker:
    """One implementation under test: makes transports on the same queues."""

    def __init__(self, make: Callable[[], Transport], features: Features, away: Callable[[Transport], Awaitable[None]]):
        self.features = features
        self.away = away  # takes the broker away from a transport
        self._make = make
        self._opened: list[Transport] = []

    async def connect(self) -> Transport:
        """A transport as another process would have it: opened, and the topology declared."""
        transport = self._make()
        await transport.open()
        await transport.declare(TOPOLOGY)
        self._opened.append(transport)
        return transport

    async def close(self) -> None:
        for transport in self._opened:
            await transport.close()


async def closed(transport: Transport) -> None:
    await transport.close()


@pytest.fixture
async def memory() -> AsyncIterator[Broker]:
    transport = MemoryTransport()

    async def away(_: Transport) -> None:
        transport.connected = False

    broker = Broker(lambda: transport, Features(durable=False, shared=False), away)
    yield broker
    await broker.close()


@pytest.fixture
async def rabbitmq(amqp_url: str, prefix: str) -> AsyncIterator[Broker]:
    broker = Broker(
        lambda: RabbitMQTransport(amqp_url, prefix=prefix, publish_timeout=TIMEOUT, watch_interval=1),
        Features(),
        closed,
    )
    yield broker
    await broker.close()
    await sweep(amqp_url, prefix, TOPOLOGY)


@pytest.fixture
async def postgres_broker(database_url: str, prefix: str) -> AsyncIterator[Broker]:
    broker = Broker(lambda: PostgresTransport(database_url, prefix=prefix, timeout=TIMEOUT), Features(), closed)
    yield broker
    await broker.close()


@pytest.fixture(params=["memory", "rabbitmq", "postgres_broker"])
def broker(request: pytest.FixtureRequest) -> Broker:
    found: Broker = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def transport(broker: Broker) -> Transport:
    return await broker.connect()


def numbered(number: int, to: Work | Dead | Rung = MAP) -> list[Message]:
    return [Message(to, b"%d" % each) for each in range(number)]


def bodies(parcels: list[Parcel]) -> list[bytes]:
    return [parcel.body for parcel in parcels]


class TestPublishing:
    async def test_what_is_published_arrives_once_with_its_first_delivery_counted(self, transport: Transport) -> None:
        hands = Hands()
        await hands.subscribe(transport, MAP)
        await transport.publish([Message(MAP, b"one")])
        [parcel] = await hands.take()
        assert (parcel.body, parcel.deliveries) == (b"one", 1)

    async def test_publishing_nothing_is_allowed(self, transport: Transport) -> None:
        await transport.publish([])

    async def test_one_call_serves_several_addresses(self, transport: Transport) -> None:
        to_map, to_upsert, to_dead = Hands(), Hands(), Hands()
        await to_map.subscribe(transport, MAP)
        await to_upsert.subscribe(transport, UPSERT)
        await to_dead.subscribe(transport, Dead("map"))
        await transport.publish([Message(MAP, b"a"), Message(Dead("map"), b"b"), Message(UPSERT, b"c")])
        assert bodies(await to_map.take()) == [b"a"]
        assert bodies(await to_upsert.take()) == [b"c"]
        assert bodies(await to_dead.take()) == [b"b"]
        assert [len(hands.all) for hands in (to_map, to_upsert, to_dead)] == [1, 1, 1]

    @pytest.mark.parametrize(
        "body",
        [b"", b"\x00", bytes(range(256)), b'{"v":1}', "naïve ☎".encode(), b"\xff\xfe\xed", b"x" * 1_000_000],
        ids=["empty", "NUL", "every byte", "JSON", "UTF-8", "not UTF-8", "1 MB"],
    )
    async def test_a_body_arrives_byte_for_byte(self, transport: Transport, body: bytes) -> None:
        hands = Hands()
        await hands.subscribe(transport, MAP)
        await transport.publish([Message(MAP, body)])
        assert bodies(await hands.take()) == [body]

    async def test_five_hundred_at_once_all_arrive(self, transport: Transport) -> None:
        hands = Hands()
        await hands.subscribe(transport, MAP, prefetch=500)
        await transport.publish(numbered(500))
        assert sorted(bodies(await hands.take(500))) == sorted(b"%d" % each for each in range(500))

    async def test_callers_at_the_same_time_do_not_disturb_each_other(self, transport: Transport) -> None:
        hands = Hands()
        await hands.subscribe(transport, MAP, prefetch=200)
        await asyncio.gather(*(transport.publish([message]) for message in numbered(200)))
        assert len(set(bodies(await hands.take(200)))) == 200

    async def test_a_queue_that_was_never_declared_is_an_error(self, transport: Transport) -> None:
        with pytest.raises(Unroutable, match="nowhere"):
            await transport.publish([Message(Work("nowhere"), b"x")])
        with pytest.raises(Unroutable, match="nowhere"):
            await transport.publish([Message(MAP, b"x"), Message(Dead("nowhere"), b"x"), Message(UPSERT, b"x")])

    async def test_a_rung_that_was_never_declared_is_an_error_and_the_next_publish_works(
        self, transport: Transport
    ) -> None:
        with pytest.raises(Unroutable):
            await transport.publish([Message(Rung(17, "nowhere"), b"x")])
        await transport.publish([Message(MAP, b"x")])
        assert await ready(transport, MAP) == 1

    async def test_an_error_of_one_caller_is_not_told_to_another(self, transport: Transport) -> None:
        async def wrong() -> None:
            with pytest.raises(Unroutable):
                await transport.publish([Message(Work("nowhere"), b"x")])

        await asyncio.gather(*(transport.publish([message]) for message in numbered(50)), *(wrong() for _ in range(50)))
        await until(lambda: has_ready(transport, 50))

    async def test_confirmed_means_stored(self, broker: Broker) -> None:
        first = await broker.connect()
        await first.publish(numbered(3))
        if broker.features.durable:
            await first.close()
        hands = Hands()
        await hands.subscribe(await broker.connect(), MAP)
        assert bodies(await hands.take(3)) == [b"0", b"1", b"2"]

    async def test_a_broker_that_is_away_is_said_to_be_within_the_timeout(
        self, broker: Broker, transport: Transport
    ) -> None:
        await broker.away(transport)

        async def said() -> bool:
            started = time.monotonic()
            with pytest.raises(BrokerUnavailable):
                await transport.publish([Message(MAP, b"x")])
            with pytest.raises(BrokerUnavailable):
                await transport.depths()
            with pytest.raises(BrokerUnavailable):
                await transport.subscribe(MAP, lambda parcel: None, lambda: None, 1)
            return time.monotonic() - started < 3 * TIMEOUT

        await in_some_try(said, "three errors within the timeout")


async def has_ready(transport: Transport, number: int) -> bool:
    return await ready(transport, MAP) == number


class TestConsuming:
    async def test_acknowledged_is_gone_and_the_rest_comes_back(self, broker: Broker) -> None:
        first = await broker.connect()
        hands = Hands()
        subscription = await hands.subscribe(first, MAP)
        await first.publish(numbered(4))
        parcels = await hands.take(4)
        await subscription.ack([parcels[0], parcels[2]])
        await first.close()
        second = await broker.connect()
        if broker.features.shared:
            await hands.subscribe(second, MAP)
        again = await hands.take(2)
        assert {(parcel.body, parcel.deliveries) for parcel in again} == {(b"1", 2), (b"3", 2)}

    async def test_parcels_can_be_settled_in_any_order(self, transport: Transport) -> None:
        hands = Hands()
        subscription = await hands.subscribe(transport, MAP)
        await transport.publish(numbered(20))
        parcels = await hands.take(20)
        await subscription.ack(parcels[15:])
        await subscription.release(parcels[3:5])
        await subscription.ack(parcels[:3])
        await asyncio.gather(*(subscription.ack([parcel]) for parcel in reversed(parcels[5:15])))
        again = await hands.take(2)
        assert sorted(bodies(again)) == [b"3", b"4"]
        await subscription.ack(again)
        await subscription.cancel()
        await until(lambda: depth_is(transport, Depth(0, 0)))

    async def test_acknowledging_twice_harms_nothing(self, transport: Transport) -> None:
        hands = Hands()
        subscription = await hands.subscribe(transport, MAP)
        await transport.publish(numbered(2))
        parcels = await hands.take(2)
        await subscription.ack(parcels[:1])
        await subscription.ack(parcels)
        await subscription.release(parcels)
        await transport.publish([Message(MAP, b"next")])
        assert bodies(await hands.take()) == [b"next"]
        assert hands.lost == 0

    async def test_released_comes_again_at_once(self, transport: Transport) -> None:
        hands = Hands()
        subscription = await hands.subscribe(transport, MAP)

        async def came_at_once() -> bool:
            await transport.publish([Message(MAP, b"x")])
            [parcel] = await hands.take()
            started = time.monotonic()
            await subscription.release([parcel])
            [again] = await hands.take()
            took = time.monotonic() - started
            assert (again.body, again.deliveries) == (b"x", 2)
            await subscription.ack([again])
            return took < 2

        await in_some_try(came_at_once, "what was released within 2 s")

    async def test_prefetch_bounds_what_is_unsettled_and_settling_lets_more_in(self, transport: Transport) -> None:
        hands = Hands()
        subscription = await hands.subscribe(transport, MAP, prefetch=5)
        await transport.publish(numbered(20))
        parcels = await hands.take(5)
        await until(lambda: has_ready(transport, 15))
        assert len(hands.all) == 5
        await subscription.ack(parcels[:2])
        await hands.take(2)
        await until(lambda: has_ready(transport, 13))
        assert len(hands.all) == 7

    async def test_two_consumers_share_a_queue_and_nothing_goes_to_both(self, broker: Broker) -> None:
        one, two = Hands(), Hands()
        first, second = await broker.connect(), await broker.connect()
        holds_one = await one.subscribe(first, MAP, prefetch=10)
        holds_two = await two.subscribe(second, MAP, prefetch=10)
        await first.publish(numbered(100))
        while len(one.all) + len(two.all) < 100:
            await asyncio.gather(settle_what_came(one, holds_one), settle_what_came(two, holds_two))
        assert Counter(one.bodies + two.bodies) == Counter(b"%d" % each for each in range(100))
        assert len(one.all) >= 10 and len(two.all) >= 10

    async def test_after_cancel_nothing_is_delivered_and_what_is_in_hand_can_be_settled(
        self, transport: Transport
    ) -> None:
        hands = Hands()
        subscription = await hands.subscribe(transport, MAP, prefetch=3)
        await transport.publish(numbered(5))
        parcels = await hands.take(3)
        await subscription.cancel()
        await subscription.cancel()
        await subscription.ack(parcels[:2])
        await subscription.release(parcels[2:])
        await until(lambda: depth_is(transport, Depth(3, 0)))
        assert len(hands.all) == 3

    async def test_a_queue_can_be_consumed_again_after_a_cancel(self, transport: Transport) -> None:
        first, second = Hands(), Hands()
        subscription = await first.subscribe(transport, MAP)
        await subscription.cancel()
        await second.subscribe(transport, MAP)
        await transport.publish([Message(MAP, b"x")])
        assert bodies(await second.take()) == [b"x"]
        assert not first.all

    async def test_what_waits_is_delivered_oldest_first(self, transport: Transport) -> None:
        await transport.publish(numbered(30))
        hands = Hands()
        await hands.subscribe(transport, MAP)
        assert bodies(await hands.take(30)) == [b"%d" % each for each in range(30)]


async def settle_what_came(hands: Hands, subscription: object) -> None:
    """Acknowledge what arrived within a moment."""
    try:
        parcels = await hands.take(within=0.05)
    except TimeoutError:
        return
    await subscription.ack(parcels)  # type: ignore[attr-defined]


async def depth_is(transport: Transport, depth: Depth) -> bool:
    return (await transport.depths())[MAP.queue] == depth


class TestRungsAndDead:
    async def test_a_rung_brings_each_stage_its_own_back_after_the_delay(self, transport: Transport) -> None:
        to_map, to_upsert = Hands(), Hands()
        await to_map.subscribe(transport, MAP)
        await to_upsert.subscribe(transport, UPSERT)

        async def came_in_time() -> bool:
            started = time.monotonic()
            await transport.publish([Message(Rung(QUICK, "map"), b"m"), Message(Rung(QUICK, "upsert"), b"u")])
            [mapped], [upserted] = await to_map.take(), await to_upsert.take()
            took = time.monotonic() - started
            assert (mapped.body, upserted.body) == (b"m", b"u")
            assert took >= QUICK - 0.02
            assert mapped.deliveries == upserted.deliveries == 1
            return took < QUICK + 3

        await in_some_try(came_in_time, f"back within {QUICK + 3} s")

    async def test_a_slow_rung_does_not_hold_up_a_quick_one(self, transport: Transport) -> None:
        hands = Hands()
        await hands.subscribe(transport, MAP)
        await transport.publish([Message(Rung(SLOW, "map"), b"slow"), Message(Rung(QUICK, "map"), b"quick")])
        assert bodies(await hands.take()) == [b"quick"]
        assert await ready(transport, Rung(SLOW, "map")) == 1

    async def test_a_frame_can_climb_the_same_rung_again_and_again(self, transport: Transport) -> None:
        hands = Hands()
        subscription = await hands.subscribe(transport, MAP)
        for _ in range(3):
            await transport.publish([Message(Rung(QUICK, "map"), b"again")])
            await subscription.ack(await hands.take())
        assert hands.bodies == [b"again"] * 3

    async def test_the_dead_queue_holds_until_it_is_consumed(self, transport: Transport) -> None:
        await transport.publish([Message(Dead("map"), b"dead")])
        assert await ready(transport, Dead("map")) == 1
        hands = Hands()
        subscription = await hands.subscribe(transport, Dead("map"))
        for deliveries in range(1, 30):  # no delivery limit here: there is nowhere further to go
            [parcel] = await hands.take()
            assert (parcel.body, parcel.deliveries) == (b"dead", deliveries)
            await subscription.release([parcel])
        await subscription.ack(await hands.take())


class TestDeclaring:
    async def test_again_and_at_once_is_harmless(self, broker: Broker) -> None:
        transports = [await broker.connect() for _ in range(3)]
        await transports[0].publish([Message(MAP, b"x")])
        await asyncio.gather(*(transport.declare(TOPOLOGY) for transport in transports for _ in range(3)))
        assert await ready(transports[0], MAP) == 1

    async def test_depths_name_every_queue(self, transport: Transport) -> None:
        assert await transport.depths() == {address.queue: Depth(0, 0) for address in TOPOLOGY.addresses()}

    async def test_depths_count_what_is_ready_and_who_consumes(self, transport: Transport) -> None:
        await transport.publish([*numbered(3), *numbered(2, Dead("upsert"))])
        await Hands().subscribe(transport, UPSERT)
        depths = await transport.depths()
        assert depths[MAP.queue] == Depth(3, 0)
        assert depths[UPSERT.queue] == Depth(0, 1)
        assert depths[Dead("upsert").queue] == Depth(2, 0)
