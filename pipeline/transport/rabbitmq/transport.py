"""The contract of `pipeline.engine.transport`, kept by RabbitMQ: three connections and what is done on each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from pipeline.engine.topology import Address, Topology
from pipeline.engine.transport import Depth, Message, Parcel, Subscription, Unroutable
from pipeline.transport.rabbitmq.control import Control
from pipeline.transport.rabbitmq.link import Link
from pipeline.transport.rabbitmq.names import Names
from pipeline.transport.rabbitmq.publisher import Publisher
from pipeline.transport.rabbitmq.subscription import RabbitMQSubscription
from pipeline.transport.rabbitmq.watchdog import watch


class RabbitMQTransport:
    """RabbitMQ 3.10 to 4.x, without plugins.

    Publishing and consuming have a connection each: a broker short of memory stops reading from connections that
    publish, and consumers must be able to drain it. `heartbeat` (seconds; one in the URL wins) decides how soon a
    dead peer is noticed, after about three of them; `publish_timeout` (seconds) bounds every call; `watch_interval`
    (seconds) is how often consumers are looked after. The URL is AMQP's, TLS and its options as aiormq reads them.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "",
        heartbeat: int = 10,
        publish_timeout: float = 10.0,
        watch_interval: float = 10.0,
    ) -> None:
        self._names = Names(prefix)
        self._timeout = publish_timeout
        self._watch_interval = watch_interval
        self._publishing = Link(url, "publishing", heartbeat, publish_timeout)
        self._consuming = Link(url, "consuming", heartbeat, publish_timeout)
        self._controlling = Link(url, "control", heartbeat, publish_timeout)
        self._publisher = Publisher(self._publishing, self._names, publish_timeout)
        self._control = Control(self._controlling, self._names, publish_timeout)
        self._topology: Topology | None = None
        self._subscriptions: set[RabbitMQSubscription] = set()
        self._watchdog: asyncio.Task[None] | None = None

    async def open(self) -> None:
        await self._publishing.connect()
        await self._controlling.connect()

    async def declare(self, topology: Topology) -> None:
        await self._control.declare(topology)
        self._topology = topology

    async def publish(self, messages: Sequence[Message]) -> None:
        if messages:
            await self._publisher.publish(messages)

    async def subscribe(
        self, source: Address, deliver: Callable[[Parcel], None], lost: Callable[[], None], prefetch: int
    ) -> Subscription:
        subscription = RabbitMQSubscription(
            self._names.queue(source),
            self._consuming,
            deliver,
            lost,
            prefetch,
            self._timeout,
            restore=self._restore,
            forget=self._subscriptions.discard,
        )
        await subscription.start()
        self._subscriptions.add(subscription)
        if self._watchdog is None:
            self._watchdog = asyncio.create_task(watch(self._subscriptions, self._control.depth, self._watch_interval))
        return subscription

    async def depths(self) -> dict[str, Depth]:
        """By queue name without the prefix; raises Unroutable for a declared queue that is gone."""
        depths: dict[str, Depth] = {}
        for address in self._topology.addresses() if self._topology else ():
            depth = await self._control.depth(self._names.queue(address))
            if depth is None:
                raise Unroutable(f"queue {self._names.queue(address)!r} does not exist")
            depths[address.queue] = depth
        return depths

    async def close(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
            await asyncio.wait([self._watchdog])
        for subscription in list(self._subscriptions):
            await subscription.abandon()
        self._subscriptions.clear()
        await asyncio.gather(self._publishing.close(), self._consuming.close(), self._controlling.close())

    async def _restore(self) -> None:
        if self._topology is not None:
            await self._control.declare(self._topology)
