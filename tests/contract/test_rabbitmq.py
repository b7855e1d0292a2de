"""What is particular to RabbitMQ: its topology, its limits, and every way in which a connection to it goes bad."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiormq
import pytest
from aiormq.abc import AbstractChannel, DeliveredMessage
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engine.topology import Dead, Rung, Work
from pipeline.engine.transport import BrokerUnavailable, Depth, Message, Unroutable
from pipeline.transport.rabbitmq import ConflictingQueue, RabbitMQTransport
from pipeline.transport.rabbitmq.declare import arguments
from pipeline.transport.rabbitmq.feed import settlements
from pipeline.transport.rabbitmq.names import Names
from tests.support.consuming import Hands, chain, ready, until
from tests.support.proxy import Proxy, proxied
from tests.support.rabbitmq import PrivateRabbitMQ, sweep

TOPOLOGY = chain("map", "log")
MAP = Work("map")

Opener = Callable[..., AbstractAsyncContextManager[RabbitMQTransport]]


@pytest.fixture
async def opened(rabbitmq_node: PrivateRabbitMQ, prefix: str) -> AsyncIterator[Opener]:
    """Opens transports on the private node, which the tests here break and mend."""

    @asynccontextmanager
    async def open_(port: int | None = None, **options: Any) -> AsyncIterator[RabbitMQTransport]:
        url = f"amqp://guest:guest@127.0.0.1:{port or rabbitmq_node.port}/"
        transport = RabbitMQTransport(url, prefix=prefix, **{"publish_timeout": 5.0, "heartbeat": 2, **options})
        try:
            await transport.open()
            await transport.declare(TOPOLOGY)
            yield transport
        finally:
            await transport.close()

    yield open_
    await sweep(rabbitmq_node.url, prefix, TOPOLOGY)


@pytest.fixture
async def transport(opened: Opener) -> AsyncIterator[RabbitMQTransport]:
    async with opened() as transport:
        yield transport


@pytest.fixture
async def plain(rabbitmq_node: PrivateRabbitMQ) -> AsyncIterator[AbstractChannel]:
    """An administrator's channel."""
    connection = await aiormq.connect(rabbitmq_node.url)
    yield await connection.channel()
    await connection.close()


@pytest.fixture
async def proxy(rabbitmq_node: PrivateRabbitMQ) -> AsyncIterator[Proxy]:
    async with proxied(rabbitmq_node.port) as proxy:
        yield proxy


def numbered(number: int) -> list[Message]:
    return [Message(MAP, b"%d" % each) for each in range(number)]


class TestTopology:
    def test_queues_are_replicated_and_move_what_they_give_up_at_least_once(self) -> None:
        names = Names("x.")
        assert arguments(MAP, names) == {
            "x-queue-type": "quorum",
            "x-delivery-limit": 20,
            "x-dead-letter-exchange": "x.leadpipe.dead",
            "x-dead-letter-routing-key": "map",
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }
        assert arguments(Rung(0.5, "map"), names) == {
            "x-queue-type": "quorum",
            "x-message-ttl": 500,
            "x-dead-letter-exchange": "x.leadpipe.work",
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }

    async def test_a_queue_with_other_settings_is_named_and_not_retried(
        self, opened: Opener, plain: AbstractChannel, prefix: str
    ) -> None:
        await plain.queue_declare(f"{prefix}work.map", durable=True, arguments={"x-queue-type": "classic"})
        with pytest.raises(ConflictingQueue, match=r"work\.map"):
            async with opened():
                pass

    async def test_a_frame_that_kills_its_takers_ends_in_the_dead_queue(self, transport: RabbitMQTransport) -> None:
        hands = Hands()
        subscription = await hands.subscribe(transport, MAP)
        await transport.publish([Message(MAP, b"lethal")])
        for deliveries in range(1, 22):
            [parcel] = await hands.take()
            assert (parcel.body, parcel.deliveries) == (b"lethal", deliveries)
            await subscription.release([parcel])
        dead = Hands()
        await dead.subscribe(transport, Dead("map"))
        [given_up] = await dead.take()
        assert given_up.body == b"lethal"

    async def test_what_is_published_is_persistent_and_no_two_share_a_message_id(
        self, transport: RabbitMQTransport, plain: AbstractChannel, prefix: str
    ) -> None:
        await transport.publish(numbered(50))
        seen: list[DeliveredMessage] = [await plain.basic_get(f"{prefix}work.map", no_ack=True) for _ in range(50)]
        assert {message.header.properties.delivery_mode for message in seen} == {2}
        assert len({message.header.properties.message_id for message in seen}) == 50


class TestPublishing:
    async def test_a_missing_exchange_is_an_error_for_its_users_only_and_heals_by_declaring(
        self, transport: RabbitMQTransport, plain: AbstractChannel, prefix: str
    ) -> None:
        await plain.exchange_delete(f"{prefix}leadpipe.dead")

        async def publish(to: Work | Dead) -> BaseException | None:
            try:
                await transport.publish([Message(to, b"x")])
            except (BrokerUnavailable, Unroutable) as error:
                return error
            return None

        # The broker closes the channel on the first, and the connection on what was already on its way to it.
        results = await asyncio.gather(*(publish(to) for to in [MAP, Dead("map")] * 20))
        assert not any(isinstance(error, Unroutable) for error in results[::2])
        assert all(results[1::2])
        assert any(isinstance(error, Unroutable) and "leadpipe.dead" in str(error) for error in results[1::2])
        await transport.declare(TOPOLOGY)
        await until(lambda: published(transport, b"x", Dead("map")))

    async def test_a_missing_queue_is_an_error(
        self, transport: RabbitMQTransport, plain: AbstractChannel, prefix: str
    ) -> None:
        await plain.queue_delete(f"{prefix}work.map")
        with pytest.raises(Unroutable, match=r"work\.map"):
            await transport.publish([Message(MAP, b"x")])
        with pytest.raises(Unroutable, match=r"work\.map"):
            await transport.depths()
        await transport.declare(TOPOLOGY)
        await transport.publish([Message(MAP, b"x")])

    async def test_a_full_queue_refuses_and_takes_again_when_it_is_drained(
        self, transport: RabbitMQTransport, rabbitmq_node: PrivateRabbitMQ, prefix: str
    ) -> None:
        rabbitmq_node.ctl("set_policy", prefix, f"^{prefix}work.map$", '{"max-length": 3}', "--apply-to", "queues")
        try:
            await until_refused(transport)
            hands = Hands()
            subscription = await hands.subscribe(transport, MAP)
            waiting = await ready(transport, MAP)
            await subscription.ack(await hands.take(waiting))
            await until(lambda: accepted(transport))
        finally:
            rabbitmq_node.ctl("clear_policy", prefix)

    async def test_an_alarm_stops_publishing_and_never_consuming(
        self, opened: Opener, rabbitmq_node: PrivateRabbitMQ
    ) -> None:
        async with opened(publish_timeout=2) as transport:
            await transport.publish(numbered(30))
            hands = Hands()
            subscription = await hands.subscribe(transport, MAP, prefetch=5)
            rabbitmq_node.ctl("set_vm_memory_high_watermark", "absolute", "1MB")
            try:
                started = time.monotonic()
                with pytest.raises(BrokerUnavailable):
                    await transport.publish([Message(MAP, b"blocked")])
                with pytest.raises(BrokerUnavailable, match="memory or disk"):
                    await transport.publish([Message(MAP, b"blocked")])
                assert time.monotonic() - started < 5
                for _ in range(6):
                    await subscription.ack(await hands.take(5))
                assert len(set(hands.bodies)) == 30
                assert await transport.depths()
            finally:
                rabbitmq_node.ctl("set_vm_memory_high_watermark", "0.6")
            await until(lambda: accepted(transport))

    async def test_a_frozen_broker_is_unavailable_and_nobody_is_cancelled(
        self, opened: Opener, rabbitmq_node: PrivateRabbitMQ
    ) -> None:
        async with opened(heartbeat=1, publish_timeout=30) as patient, opened(publish_timeout=1) as hasty:
            hands = Hands()
            await hands.subscribe(patient, MAP)
            rabbitmq_node.freeze()
            try:
                waiting = asyncio.create_task(patient.publish([Message(MAP, b"maybe")]))
                cancelled = asyncio.create_task(patient.publish([Message(MAP, b"maybe not")]))
                with pytest.raises(BrokerUnavailable, match="within 1 s"):
                    await hasty.publish([Message(MAP, b"maybe")])
                cancelled.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await cancelled
                with pytest.raises(BrokerUnavailable):  # by missed heartbeats: aiormq cancels those who wait
                    async with asyncio.timeout(20):
                        await waiting
            finally:
                rabbitmq_node.thaw()
            await until(lambda: accepted(patient))
            await until(lambda: b"accepted" in hands.bodies)


async def until_refused(transport: RabbitMQTransport) -> None:
    for _ in range(50):
        try:
            await transport.publish([Message(MAP, b"x")])
        except BrokerUnavailable as error:
            assert "refused" in str(error) and "full" in str(error)
            return
    raise AssertionError("the full queue took 50 messages")


async def accepted(transport: RabbitMQTransport) -> bool:
    try:
        await transport.publish([Message(MAP, b"accepted")])
    except BrokerUnavailable:
        return False
    return True


class TestLosses:
    async def test_after_a_cut_an_ack_does_nothing_and_everything_comes_again(
        self, opened: Opener, proxy: Proxy
    ) -> None:
        async with opened(proxy.port) as transport:
            hands = Hands()
            subscription = await hands.subscribe(transport, MAP)
            await transport.publish(numbered(10))
            stale = await hands.take(10)
            proxy.cut()
            await subscription.ack(stale[:5])
            await subscription.release(stale[5:])
            again = await hands.take(10)
            assert hands.lost == 1
            assert sorted((parcel.body, parcel.deliveries) for parcel in again) == [(b"%d" % n, 2) for n in range(10)]
            await subscription.ack(stale)  # the same delivery tags as `again`, of a channel that is gone
            await subscription.release(again)
            assert {parcel.deliveries for parcel in await hands.take(10)} == {3}

    async def test_consumers_and_publishers_survive_many_cuts(
        self, opened: Opener, proxy: Proxy, transport: RabbitMQTransport
    ) -> None:
        async with opened(proxy.port) as cut_off:
            hands = Hands()
            subscription = await hands.subscribe(cut_off, MAP)
            for round_ in range(5):
                proxy.cut()
                body = b"round %d" % round_
                await until(lambda body=body: published(cut_off, body))
                await until(lambda body=body: body in hands.bodies)
                await subscription.ack(hands.all)
            assert hands.lost == 5
            assert (await transport.depths())[MAP.queue].consumers == 1

    async def test_a_deleted_queue_comes_back_with_its_consumer(
        self, transport: RabbitMQTransport, plain: AbstractChannel, prefix: str
    ) -> None:
        hands = Hands()
        subscription = await hands.subscribe(transport, MAP)
        await transport.publish([Message(MAP, b"gone with it")])
        doomed = await hands.take()
        await plain.queue_delete(f"{prefix}work.map")
        await until(lambda: published(transport, b"after"))
        await until(lambda: b"after" in hands.bodies)
        await subscription.ack(doomed)
        assert hands.lost == 1

    async def test_the_watchdog_replaces_a_consumer_that_the_broker_has_forgotten(self, opened: Opener) -> None:
        async with opened(watch_interval=0.2) as transport:
            hands = Hands()
            subscription = await hands.subscribe(transport, MAP)
            await subscription.feed.stop()  # type: ignore[attr-defined]  # the broker's side only
            await transport.publish([Message(MAP, b"x")])
            assert [parcel.body for parcel in await hands.take()] == [b"x"]
            assert hands.lost == 1

    async def test_the_watchdog_leaves_a_slow_consumer_alone(self, opened: Opener) -> None:
        async with opened(watch_interval=0.05) as transport:
            full, idle = Hands(), Hands()
            await full.subscribe(transport, MAP, prefetch=1)
            await idle.subscribe(transport, Work("log"))
            await transport.publish(numbered(3))
            await full.take()
            for _ in range(30):  # many looks go by
                await transport.depths()
                await asyncio.sleep(0.02)
            assert full.lost == idle.lost == 0

    async def test_a_consumer_can_be_cancelled_while_the_broker_is_away(self, opened: Opener, proxy: Proxy) -> None:
        async with opened(proxy.port, publish_timeout=1) as transport:
            hands = Hands()
            subscription = await hands.subscribe(transport, MAP)
            await transport.publish(numbered(2))
            parcels = await hands.take(2)
            proxy.swallow()
            proxy.cut()
            await until(lambda: hands.lost == 1)
            async with asyncio.timeout(5):
                await subscription.cancel()
                await subscription.release(parcels)

    @pytest.mark.parametrize("how", ["stop_app", "kill"])
    async def test_nothing_confirmed_is_lost_when_the_broker_restarts_under_load(
        self, opened: Opener, rabbitmq_node: PrivateRabbitMQ, how: str
    ) -> None:
        async with opened() as producer, opened() as worker:
            confirmed: set[bytes] = set()
            hands = Hands()
            subscription = await hands.subscribe(worker, MAP, prefetch=20)
            over = asyncio.Event()
            producing = asyncio.create_task(produce(producer, confirmed, over))
            working = asyncio.create_task(acknowledge(hands, subscription))
            await until(lambda: len(confirmed) > 200)
            await asyncio.to_thread(crash, rabbitmq_node, how)
            before = len(confirmed)
            await until(lambda: len(confirmed) > before + 200, within=30)
            over.set()
            await producing
            await until(lambda: confirmed <= set(hands.bodies), within=20)
            await until(lambda: drained(worker), within=20)
            working.cancel()
            assert hands.lost == 1


def crash(node: PrivateRabbitMQ, how: str) -> None:
    if how == "kill":
        node.restart()
    else:
        node.stop_app()
        node.start_app()


async def produce(transport: RabbitMQTransport, confirmed: set[bytes], over: asyncio.Event) -> None:
    number = 0
    while not over.is_set():
        batch = [b"%d" % each for each in range(number, number + 20)]
        number += 20
        try:
            await transport.publish([Message(MAP, body) for body in batch])
            confirmed.update(batch)
        except BrokerUnavailable:
            await asyncio.sleep(0.1)


async def acknowledge(hands: Hands, subscription: Any) -> None:
    while True:
        await subscription.ack(await hands.take(within=60))


async def published(transport: RabbitMQTransport, body: bytes, to: Work | Dead = MAP) -> bool:
    try:
        await transport.publish([Message(to, body)])
    except (BrokerUnavailable, Unroutable):
        return False
    return True


async def drained(transport: RabbitMQTransport) -> bool:
    return (await transport.depths())[MAP.queue] == Depth(0, 1)


class TestConnecting:
    async def test_nobody_listening_is_said_at_once_and_again_without_hammering(self, unused_tcp_port: int) -> None:
        transport = RabbitMQTransport(f"amqp://guest:secret-word@127.0.0.1:{unused_tcp_port}/")
        for _ in range(3):
            with pytest.raises(BrokerUnavailable) as caught:
                await transport.open()
            assert "secret-word" not in str(caught.value)
        await transport.close()

    async def test_a_peer_that_never_answers_is_given_up_after_the_timeout(self, proxy: Proxy) -> None:
        proxy.swallow()
        transport = RabbitMQTransport(f"amqp://guest:guest@127.0.0.1:{proxy.port}/", publish_timeout=0.5)
        with pytest.raises(BrokerUnavailable, match=r"within 0\.5 s"):
            await transport.open()
        await transport.close()

    async def test_wrong_credentials_are_said_without_repeating_them(self, rabbitmq_node: PrivateRabbitMQ) -> None:
        transport = RabbitMQTransport(f"amqp://guest:secret%2Fword@127.0.0.1:{rabbitmq_node.port}/")
        with pytest.raises(BrokerUnavailable, match=r"(?i)refused|login") as caught:
            await transport.open()
        assert "secret" not in str(caught.value)
        await transport.close()

    async def test_close_leaves_no_task_behind(self, opened: Opener) -> None:
        before = asyncio.all_tasks()
        async with opened() as transport:
            await Hands().subscribe(transport, MAP)
            await transport.publish(numbered(10))
        await until(lambda: asyncio.all_tasks() <= before)


@given(st.data())
def test_settlements_settle_exactly_what_was_meant(data: st.DataObject) -> None:
    unsettled = sorted(data.draw(st.sets(st.integers(1, 40))))
    meant = data.draw(st.sets(st.sampled_from(unsettled))) if unsettled else set()
    strangers = data.draw(st.sets(st.integers(41, 50)))
    left = set(unsettled)
    for tag, multiple in settlements(unsettled, meant | strangers):
        assert tag in left, "RabbitMQ closes the channel on a tag it does not know"
        left -= {each for each in left if each <= tag} if multiple else {tag}
    assert left == set(unsettled) - meant
