"""What is declared at RabbitMQ: queues, their limits, and what becomes of a frame that kills its takers."""

from __future__ import annotations

import pytest
from aiormq.abc import AbstractChannel, DeliveredMessage

from pipeline.engine.topology import Dead, Rung
from pipeline.engine.transport import Message
from pipeline.transport.rabbitmq import ConflictingQueue, RabbitMQTransport
from pipeline.transport.rabbitmq.declare import arguments
from pipeline.transport.rabbitmq.names import Names
from tests.contract.rabbitmq.conftest import MAP, Opener, numbered
from tests.support.consuming import Hands


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
