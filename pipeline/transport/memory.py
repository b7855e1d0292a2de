"""A broker in this process's memory, for unit tests: nothing survives it. Keeps the whole contract but durability."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from pipeline.engine.topology import Address, Rung, Topology, Work
from pipeline.engine.transport import BrokerUnavailable, Depth, Message, Parcel, Subscription, Unroutable


@dataclass(slots=True)
class _Queue:
    ready: deque[tuple[bytes, int]] = field(default_factory=deque)  # body, deliveries so far
    consumers: list[MemorySubscription] = field(default_factory=list)


class MemoryTransport:
    """The contract, in memory. `connected = False` plays a broker that is away; `cut()` a lost connection."""

    def __init__(self) -> None:
        self.connected = True
        self._queues: dict[str, _Queue] = {}
        self._timers: set[asyncio.TimerHandle] = set()

    async def open(self) -> None:
        self._reach()

    async def declare(self, topology: Topology) -> None:
        self._reach()
        for address in topology.addresses():
            self._queues.setdefault(address.queue, _Queue())

    async def publish(self, messages: Sequence[Message]) -> None:
        self._reach()
        for message in messages:
            if message.to.queue not in self._queues:
                raise Unroutable(f"queue {message.to.queue!r} does not exist")
        for message in messages:
            self._put(message.to, message.body)

    async def subscribe(
        self, source: Address, deliver: Callable[[Parcel], None], lost: Callable[[], None], prefetch: int
    ) -> Subscription:
        self._reach()
        queue = self._queues[source.queue]
        subscription = MemorySubscription(queue, deliver, lost, prefetch)
        queue.consumers.append(subscription)
        feed(queue)
        return subscription

    async def depths(self) -> dict[str, Depth]:
        self._reach()
        return {name: Depth(len(queue.ready), len(queue.consumers)) for name, queue in self._queues.items()}

    async def close(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self.cut()

    def cut(self) -> None:
        """Lose the connection and get it back: what is unsettled returns to its queue, consumers stay."""
        for queue in self._queues.values():
            for consumer in queue.consumers:
                consumer.lose()
            feed(queue)

    def _reach(self) -> None:
        if not self.connected:
            raise BrokerUnavailable("the broker is away")

    def _put(self, to: Address, body: bytes) -> None:
        queue = self._queues[to.queue]
        queue.ready.append((body, 0))
        if isinstance(to, Rung):
            loop = asyncio.get_running_loop()
            timer = loop.call_later(to.seconds, self._climb_down, queue, Work(to.stage), body)
            self._timers.add(timer)
        else:
            feed(queue)

    def _climb_down(self, rung: _Queue, back: Work, body: bytes) -> None:
        rung.ready.remove((body, 0))
        self._put(back, body)


class MemorySubscription:
    """One consumer of one queue."""

    def __init__(
        self, queue: _Queue, deliver: Callable[[Parcel], None], lost: Callable[[], None], prefetch: int
    ) -> None:
        self._queue = queue
        self._deliver = deliver
        self._lost = lost
        self._prefetch = prefetch
        self._tags = count(1)
        self._unsettled: dict[int, Parcel] = {}

    @property
    def free(self) -> bool:
        return len(self._unsettled) < self._prefetch

    def hand(self, body: bytes, deliveries: int) -> None:
        parcel = Parcel(body, next(self._tags), deliveries)
        self._unsettled[parcel.token] = parcel
        self._deliver(parcel)

    def lose(self) -> None:
        self._return(list(self._unsettled.values()))
        self._lost()

    async def ack(self, parcels: Sequence[Parcel]) -> None:
        for parcel in parcels:
            self._unsettled.pop(parcel.token, None)
        feed(self._queue)

    async def release(self, parcels: Sequence[Parcel]) -> None:
        self._return(parcels)
        feed(self._queue)

    async def cancel(self) -> None:
        if self in self._queue.consumers:
            self._queue.consumers.remove(self)

    def _return(self, parcels: Sequence[Parcel]) -> None:
        for parcel in reversed(parcels):
            if self._unsettled.pop(parcel.token, None):
                self._queue.ready.appendleft((parcel.body, parcel.deliveries))


def feed(queue: _Queue) -> None:
    """Hand out what is ready to whoever has room for it."""
    for consumer in list(queue.consumers):
        while queue.ready and consumer.free:
            consumer.hand(*_count(queue.ready.popleft()))


def _count(entry: tuple[bytes, int]) -> tuple[bytes, int]:
    body, deliveries = entry
    return body, deliveries + 1
