"""Messages into the broker. In: messages. Out: all of them confirmed, or an error that says what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aio_pika import DeliveryMode
from aiormq import spec
from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelNotFoundEntity, DeliveryError, PublishError

from pipeline.engine.transport import BrokerUnavailable, Message, Unroutable
from pipeline.transport.rabbitmq.link import Link, asking, translated
from pipeline.transport.rabbitmq.names import Names

GRACE = 1.0  # seconds that a publish waits for a broker which has said that it is out of memory or disk


class Publisher:
    """Publishes on one long-lived channel: opened when needed, and again after an error has closed it."""

    def __init__(self, link: Link, names: Names, timeout: float) -> None:
        self._link = link
        self._names = names
        self._timeout = timeout
        self._channel: AbstractChannel | None = None
        self._opening = asyncio.Lock()

    async def publish(self, messages: Sequence[Message]) -> None:
        """Return when the broker has confirmed every message, which a quorum queue does once it is on disk.

        After a BrokerUnavailable some of them may be in it nonetheless.
        """
        async with asking("publishing", self._timeout):
            channel = await self._open()
            await _unblocked(channel)
            results = await asyncio.gather(
                *(self._send(channel, message) for message in messages), return_exceptions=True
            )
        failures = [
            self._meaning(message, result)
            for message, result in zip(messages, results, strict=True)
            if result is not None
        ]
        for failure in sorted(failures, key=lambda failure: isinstance(failure, BrokerUnavailable)):
            raise failure

    async def _send(self, channel: AbstractChannel, message: Message) -> None:
        """One publish. No message id: aiormq pairs returns with publishes by it, so each must be its own."""
        exchange, key = self._names.route(message.to)
        confirmation = await channel.basic_publish(
            message.body,
            exchange=exchange,
            routing_key=key,
            properties=spec.Basic.Properties(
                content_type="application/json", delivery_mode=DeliveryMode.PERSISTENT.value
            ),
            mandatory=True,
        )
        if not isinstance(confirmation, spec.Basic.Ack):
            raise BrokerUnavailable(f"the broker answered a publish with {confirmation!r} instead of a confirm")

    def _meaning(self, message: Message, error: BaseException) -> BaseException:
        queue = self._names.queue(message.to)
        exchange, _ = self._names.route(message.to)
        if isinstance(error, PublishError):  # returned, as mandatory asks
            return Unroutable(f"queue {queue!r} does not exist")
        if isinstance(error, DeliveryError):  # a negative confirm
            return BrokerUnavailable(f"the broker refused a message for queue {queue!r}: it is full or has no leader")
        if isinstance(error, ChannelNotFoundEntity) and f"'{exchange}'" in str(error):
            return Unroutable(f"exchange {exchange!r} does not exist")
        return translated(error, "publishing", self._timeout)

    async def _open(self) -> AbstractChannel:
        async with self._opening:
            if self._channel is None or self._channel.is_closed:
                self._channel = await self._link.channel(confirms=True)
            return self._channel


async def _unblocked(channel: AbstractChannel) -> None:
    """Wait a moment for a broker that has blocked its publishers; what is written meanwhile would come out twice."""
    try:
        async with asyncio.timeout(GRACE):
            await channel.connection.ready()
    except TimeoutError:
        raise BrokerUnavailable("the broker takes no messages: it is short of memory or disk") from None
