"""The contract that every transport keeps: durable queues of frames, batch-shaped.

Implementations live in `pipeline.transport`; one suite, `tests/contract`, holds them all to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.engine.outcome import Transient
from pipeline.engine.topology import Address, Topology


class BrokerUnavailable(Transient):
    """The broker cannot be reached, or did not answer in time. What was being published may or may not be in it."""


class Unroutable(Exception):
    """A message was published to a queue that does not exist: the topology was not declared, or was deleted."""


@dataclass(frozen=True, slots=True)
class Message:
    """One frame to publish."""

    to: Address
    body: bytes


@dataclass(frozen=True, slots=True)
class Parcel:
    """One frame as it was delivered. `deliveries` counts from 1; above 1 it was handed out before and not settled."""

    body: bytes
    token: Any
    deliveries: int = 1


@dataclass(frozen=True, slots=True)
class Depth:
    """What a queue holds: `ready` messages (a message is a frame), and who consumes it."""

    ready: int
    consumers: int


class Subscription(Protocol):
    """A running consumer of one queue."""

    async def ack(self, parcels: Sequence[Parcel]) -> None:
        """Settle for good. On a lost connection this does nothing: the broker delivers them again."""

    async def release(self, parcels: Sequence[Parcel]) -> None:
        """Give back, to be delivered again at once, here or elsewhere."""

    async def cancel(self) -> None:
        """Take no more. Parcels in hand can still be settled."""


class Transport(Protocol):
    """A broker.

    Every call raises BrokerUnavailable when the broker is away and never waits for ever. A lost connection
    heals by itself: subscriptions come back, and `lost` is called so that the consumer can forget the
    parcels it holds, which the broker will deliver again.
    """

    async def open(self) -> None:
        """Connect."""

    async def declare(self, topology: Topology) -> None:
        """Make every queue of the topology exist. Idempotent; safe from several processes at once."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Return when the broker has every message on disk; raise Unroutable or BrokerUnavailable otherwise."""

    async def subscribe(
        self, source: Address, deliver: Callable[[Parcel], None], lost: Callable[[], None], prefetch: int
    ) -> Subscription:
        """Hand parcels of a work or dead queue to `deliver`, at most `prefetch` unsettled at a time."""

    async def depths(self) -> dict[str, Depth]:
        """What each declared queue holds now, by queue name."""

    async def close(self) -> None:
        """Disconnect. Unsettled parcels go back to the broker."""
