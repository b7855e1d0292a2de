"""Dead letters leave the broker: one consumer per `dead.<stage>` queue. In: its frames. Out: rows in the store.

A frame that the broker itself gave up on (its delivery limit was reached) carries no failure yet. Its events get
one here and are routed like any dead letter, so that the journal hears of them too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import structlog

from pipeline.engine.consumer import Consumer, Pace
from pipeline.engine.frame import Bounds, pack
from pipeline.engine.inbox import Batch
from pipeline.engine.outcome import DeadLetter, Transient
from pipeline.engine.topology import Dead, Exit, Topology
from pipeline.engine.transport import Transport
from schemas.event import Event, Step

log = structlog.get_logger(__name__)

Keep = Callable[[str, Sequence[Event], Sequence[bytes]], Awaitable[None]]

GIVEN_UP = DeadLetter(
    "the broker gave this event up: the processes that took it ended without settling it",
    kind="poison",
    error="DeliveryLimitReached",
)


class Drain:
    """Moves the dead letters of one stage into the store.

    `keep(stage, events, unreadable)` must be idempotent: a frame can come twice.
    """

    def __init__(
        self,
        stage: str,
        topology: Topology,
        transport: Transport,
        keep: Keep,
        pace: Pace = Pace(),
        bounds: Bounds = Bounds(),
    ) -> None:
        self.consumer = Consumer(Dead(stage), transport, self._handle, pace)
        self._stage = stage
        self._topology = topology
        self._transport = transport
        self._keep = keep
        self._bounds = bounds

    async def run(self) -> None:
        """Drain until `stop`."""
        await self.consumer.run()

    async def stop(self) -> None:
        """Finish the batch in hand, give the rest back."""
        await self.consumer.stop()

    async def _handle(self, batch: Batch) -> None:
        now = datetime.now(UTC)
        told = [delivery.event for delivery in batch.deliveries if self._told(delivery.event)]
        untold = [delivery for delivery in batch.deliveries if not self._told(delivery.event)]
        exits = [
            exit
            for delivery in untold
            for exit in self._topology.route(
                self._stage, delivery, GIVEN_UP, Step(self._stage, delivery.attempt, 0.0, 0.0), now
            )
        ]
        if exits:
            messages = pack(exits, now.timestamp(), self._bounds)
            await self.consumer.patiently(partial(self._transport.publish, messages))
        bodies = [parcel.body for parcel, _ in batch.unreadable]
        if told or bodies:
            await self.consumer.patiently(partial(self._put_away, told, bodies))

    async def _put_away(self, events: Sequence[Event], bodies: Sequence[bytes]) -> None:
        """Keep them. An event that the store refuses is kept as the bytes it travels in, and blocks no other."""
        try:
            await self._keep(self._stage, events, bodies)
        except Transient:
            raise
        except Exception as error:
            if not events:
                raise
            if len(events) > 1:
                middle = len(events) // 2
                await self._put_away(events[:middle], bodies)
                await self._put_away(events[middle:], [])
                return
            log.error("dead letter kept as bytes", stage=self._stage, id=events[0].id, error=type(error).__name__)
            [message] = pack([Exit(Dead(self._stage), events[0])], 0.0, self._bounds)
            await self._keep(self._stage, [], [*bodies, message.body])

    def _told(self, event: Event) -> bool:
        """Whether this stage itself gave the event up; a stage that hears ends is handed others' failures too."""
        return event.failure is not None and event.failure.stage == self._stage
