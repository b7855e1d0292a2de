"""The topology as exchanges, quorum queues and bindings. In: a channel and a topology. Out: all of it exists.

Arguments of a queue cannot change once it exists; a new arrangement needs new names. Targets are declared before the
sources that dead-letter into them: a missing target would stall its source for three minutes at a time, silently.
"""

from __future__ import annotations

from typing import Any

from aio_pika import ExchangeType
from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelPreconditionFailed

from pipeline.engine.topology import Address, Dead, Rung, Topology, Work
from pipeline.transport.rabbitmq.names import Names

QUORUM = {"x-queue-type": "quorum"}
# The default moves at most once: what is being dead-lettered when the broker dies would be lost. At-least-once
# holds only together with reject-publish; with the default overflow it falls back without a word.
# https://www.rabbitmq.com/docs/quorum-queues#dead-lettering
SAFELY = {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
DELIVERIES = 20  # then the broker gives a frame up; the default of RabbitMQ 4, and none at all in 3
UNLIMITED = 1_000_000_000  # RabbitMQ 4 reads -1 as none, RabbitMQ 3 as fewer than one


class ConflictingQueue(Exception):
    """An exchange or queue of this name exists with other arguments; only deleting it, or another prefix, helps."""


async def declare(channel: AbstractChannel, topology: Topology, names: Names) -> None:
    """Make every exchange, queue and binding exist; raises ConflictingQueue."""
    try:
        await channel.exchange_declare(names.dead, exchange_type=ExchangeType.DIRECT.value, durable=True)
        await channel.exchange_declare(names.work, exchange_type=ExchangeType.TOPIC.value, durable=True)
        for address in topology.addresses():
            if isinstance(address, Rung):
                await channel.exchange_declare(
                    names.rung(address), exchange_type=ExchangeType.FANOUT.value, durable=True
                )
            await channel.queue_declare(names.queue(address), durable=True, arguments=arguments(address, names))
            exchange, key = names.route(address)
            await channel.queue_bind(names.queue(address), exchange, key)
    except ChannelPreconditionFailed as error:
        raise ConflictingQueue(
            f"the broker holds this name with other settings ({error}); delete it once it is empty, or set a prefix"
        ) from error


def arguments(address: Address, names: Names) -> dict[str, Any]:
    """The arguments of one queue."""
    match address:
        case Work(stage):
            return (
                QUORUM
                | SAFELY
                | {
                    "x-delivery-limit": DELIVERIES,
                    "x-dead-letter-exchange": names.dead,
                    "x-dead-letter-routing-key": stage,
                }
            )
        case Rung(seconds):  # no dead-letter routing key: each frame returns by the key it came with
            return (
                QUORUM
                | SAFELY
                | {
                    "x-message-ttl": round(seconds * 1000),
                    "x-dead-letter-exchange": names.work,
                }
            )
        case Dead():
            return QUORUM | {"x-delivery-limit": UNLIMITED}
