"""What one consuming channel has handed out. In: deliveries and settlements. Out: parcels, acks on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from aiormq.abc import AbstractChannel, DeliveredMessage

from pipeline.engine.transport import BrokerUnavailable, Parcel
from pipeline.transport.rabbitmq.link import asking

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Token:
    """A delivery tag means something on its own channel only."""

    feed: Feed
    tag: int


class Feed:
    """One consumer on one channel, until either ends.

    Delivery tags of a channel only grow, so one ack with `multiple` settles a whole prefix of what is unsettled.
    """

    def __init__(self, queue: str, channel: AbstractChannel, deliver: Callable[[Parcel], None], timeout: float) -> None:
        self.channel = channel
        self.delivered = 0
        self.unsettled: dict[int, None] = {}  # tags, ascending
        self.ended = asyncio.Event()
        self._queue = queue
        self._deliver = deliver
        self._timeout = timeout
        self._settling = asyncio.Lock()
        self._consumer = ""
        channel.closing.add_done_callback(lambda _: self.ended.set())
        # The queue was deleted, its leader moved, or (RabbitMQ 4.3) an ack came too late: the channel stays open,
        # and nothing would ever come through it again.
        channel.on_consumer_cancel_callbacks.add(lambda _: self.ended.set())

    async def start(self, prefetch: int) -> None:
        """Begin to deliver."""
        await self.channel.basic_qos(prefetch_count=prefetch)
        consuming = await self.channel.basic_consume(self._queue, self._take)
        self._consumer = str(consuming.consumer_tag)

    async def stop(self) -> None:
        """Deliver no more; the channel stays, for settling."""
        await self.channel.basic_cancel(self._consumer)

    async def ack(self, tags: Collection[int]) -> None:
        await self._settle(tags, self.channel.basic_ack)

    async def release(self, tags: Collection[int]) -> None:
        """Requeue by nack: unlike reject, RabbitMQ 4.3 does not count it towards the delivery limit."""
        await self._settle(tags, partial(self.channel.basic_nack, requeue=True))

    async def _take(self, message: DeliveredMessage) -> None:
        """Called by the library, in a task that dies with the connection: so it only hands on."""
        tag = message.delivery_tag
        if tag is None or self.ended.is_set():
            return
        headers = message.header.properties.headers or {}
        before = headers.get("x-delivery-count", 0)
        self.delivered += 1
        self.unsettled[tag] = None
        self._deliver(Parcel(message.body, Token(self, tag), int(str(before)) + 1))

    async def _settle(self, tags: Collection[int], send: Callable[..., Awaitable[Any]]) -> None:
        """Settle on a living channel; on a lost one do nothing, the broker delivers again.

        One at a time, and a tag is forgotten only when its frame is on the way: a `multiple` that overtook another
        settlement would settle it too, and with the wrong verdict.
        """
        async with self._settling:
            frames = settlements(self.unsettled, set(tags))
            if self.ended.is_set():
                log.info("not settled, the channel is gone", queue=self._queue, frames=len(tags))
                return
            try:
                async with asking("settling", self._timeout):
                    for at, (tag, multiple) in enumerate(frames):
                        await send(tag, multiple=multiple, wait=at == len(frames) - 1)
            except BrokerUnavailable as error:
                self.ended.set()
                log.warning("not settled, the broker delivers again", queue=self._queue, reason=str(error))
            except BaseException:
                self.ended.set()
                raise
            for tag in tags:
                self.unsettled.pop(tag, None)


def settlements(unsettled: Collection[int], tags: set[int]) -> list[tuple[int, bool]]:
    """The fewest settlements for `tags`: (tag, multiple). One for the prefix of `unsettled` that is all in `tags`."""
    through = 0
    rest: list[tuple[int, bool]] = []
    in_prefix = True
    for tag in unsettled:
        in_prefix = in_prefix and tag in tags
        if in_prefix:
            through = tag
        elif tag in tags:
            rest.append((tag, False))
    return [(through, True), *rest] if through else rest
