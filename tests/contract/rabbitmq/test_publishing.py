"""Publishing to a RabbitMQ that lacks a queue, is full, short of memory, or frozen."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiormq.abc import AbstractChannel

from pipeline.engine.topology import Dead, Work
from pipeline.engine.transport import BrokerUnavailable, Message, Unroutable
from pipeline.transport.rabbitmq import RabbitMQTransport
from tests.contract.rabbitmq.conftest import MAP, TOPOLOGY, Opener, accepted, numbered, published
from tests.support.consuming import Hands, ready
from tests.support.rabbitmq import PrivateRabbitMQ
from tests.support.until import PATIENCE, in_some_try, until


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
        await asyncio.to_thread(
            rabbitmq_node.ctl, "set_policy", prefix, f"^{prefix}work.map$", '{"max-length": 3}', "--apply-to", "queues"
        )
        try:
            await until_refused(transport)
            hands = Hands()
            subscription = await hands.subscribe(transport, MAP)
            waiting = await ready(transport, MAP)
            await subscription.ack(await hands.take(waiting))
            await until(lambda: accepted(transport))
        finally:
            await asyncio.to_thread(rabbitmq_node.ctl, "clear_policy", prefix)

    async def test_an_alarm_stops_publishing_and_never_consuming(
        self, opened: Opener, rabbitmq_node: PrivateRabbitMQ
    ) -> None:
        async with opened() as transport, opened(publish_timeout=2) as hasty:
            await transport.publish(numbered(30))
            hands = Hands()
            subscription = await hands.subscribe(transport, MAP, prefetch=5)
            await asyncio.to_thread(rabbitmq_node.ctl, "set_vm_memory_high_watermark", "absolute", "1MB")
            try:

                async def said() -> bool:
                    started = time.monotonic()
                    with pytest.raises(BrokerUnavailable):
                        await hasty.publish([Message(MAP, b"blocked")])
                    with pytest.raises(BrokerUnavailable, match="memory or disk"):
                        await hasty.publish([Message(MAP, b"blocked")])
                    return time.monotonic() - started < 5

                await in_some_try(said, "two errors within 5 s")
                blocked = asyncio.create_task(transport.publish([Message(MAP, b"patient")]))
                for _ in range(6):
                    await subscription.ack(await hands.take(5))
                assert len(set(hands.bodies)) == 30
                assert await transport.depths()
                assert not blocked.done()
            finally:
                await asyncio.to_thread(rabbitmq_node.ctl, "set_vm_memory_high_watermark", "0.6")
            await blocked
            await until(lambda: accepted(hasty))

    async def test_a_frozen_broker_is_unavailable_and_nobody_is_cancelled(
        self, opened: Opener, rabbitmq_node: PrivateRabbitMQ
    ) -> None:
        async with opened(heartbeat=1) as patient, opened(publish_timeout=1) as hasty:
            hands = Hands()
            await hands.subscribe(patient, MAP)
            await until(lambda: published(patient, b"before"))  # so that nothing but the confirm is waited for
            rabbitmq_node.freeze()
            try:
                waiting = asyncio.create_task(patient.publish([Message(MAP, b"maybe")]))
                cancelled = asyncio.create_task(patient.publish([Message(MAP, b"maybe not")]))
                for _ in range(10):
                    await asyncio.sleep(0)
                cancelled.cancel()  # before the heartbeats are missed
                with pytest.raises(asyncio.CancelledError):
                    await cancelled
                with pytest.raises(BrokerUnavailable, match="within 1 s"):
                    await hasty.publish([Message(MAP, b"maybe")])
                with pytest.raises(BrokerUnavailable):  # by missed heartbeats: aiormq cancels those who wait
                    async with asyncio.timeout(PATIENCE):
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
