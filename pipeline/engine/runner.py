"""A running stage: take, decide, settle, observe. In: batches of its work queue. Out: frames for the next ones.

Every exit is a publish, then the acknowledgement: a crash between the two duplicates and never loses.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog

from pipeline.engine.consumer import Consumer, Pace
from pipeline.engine.frame import Bounds, pack
from pipeline.engine.inbox import Batch
from pipeline.engine.observe import Observer, report_of
from pipeline.engine.outcome import DeadLetter, Outcome, Poison, Retry, Transient
from pipeline.engine.stage import Stage
from pipeline.engine.topology import Dead, Topology, Work
from pipeline.engine.transport import Message, Transport
from schemas.event import Event, Step

log = structlog.get_logger(__name__)


class Runner:
    """Runs one stage over its work queue until `stop`."""

    def __init__(
        self,
        stage: Stage,
        topology: Topology,
        transport: Transport,
        tools: Any,
        pace: Pace = Pace(),
        bounds: Bounds = Bounds(),
        observers: Sequence[Observer] = (),
    ) -> None:
        self.stage = stage
        self.consumer = Consumer(Work(stage.name), transport, self._handle, pace)
        self._topology = topology
        self._transport = transport
        self._tools = tools
        self._bounds = bounds
        self._observers = observers

    async def run(self) -> None:
        """Work until `stop`."""
        await self.consumer.run()

    async def stop(self) -> None:
        """Finish the batch in hand, give the rest back."""
        await self.consumer.stop()

    async def _handle(self, batch: Batch) -> None:
        started = time.perf_counter()
        events = [delivery.event for delivery in batch.deliveries]
        outcomes = await self.consumer.patiently(partial(decide, self.stage, events, self._tools))
        spent_ms = (time.perf_counter() - started) * 1000
        messages = self._messages(batch, outcomes, spent_ms)
        await self.consumer.patiently(partial(self._transport.publish, messages))
        waited_ms = max((delivery.waited_ms for delivery in batch.deliveries), default=0.0)
        report = report_of(self.stage.name, outcomes, time.perf_counter() - started, waited_ms)
        for observer in self._observers:
            observer(report)

    def _messages(self, batch: Batch, outcomes: list[Outcome], spent_ms: float) -> list[Message]:
        """The frames that follow from a decided batch; an unreadable frame goes to the dead letters as it is."""
        now = datetime.now(UTC)
        exits = [
            exit
            for delivery, outcome in zip(batch.deliveries, outcomes, strict=True)
            for exit in self._topology.route(
                self.stage.name,
                delivery,
                outcome,
                Step(self.stage.name, delivery.attempt, round(delivery.waited_ms, 2), round(spent_ms, 2)),
                now,
            )
        ]
        unreadable = [Message(Dead(self.stage.name), parcel.body) for parcel, _ in batch.unreadable]
        for _, error in batch.unreadable:
            log.error("unreadable frame", stage=self.stage.name, error=str(error))
        return [*pack(exits, now.timestamp(), self._bounds), *unreadable]


async def decide(stage: Stage, events: Sequence[Event], tools: Any) -> list[Outcome]:
    """One outcome per event, in order. A batch that raises is halved until the culprit is alone.

    Transient passes through: it is about the world, and the whole batch waits for it.
    """
    if not events:
        return []
    try:
        outcomes = await stage.run(events, tools)
        if len(outcomes) != len(events):
            raise RuntimeError(f"stage {stage.name!r} returned {len(outcomes)} outcomes for {len(events)} events")
        return outcomes
    except Transient:
        raise
    except Exception as error:
        if len(events) > 1:
            middle = len(events) // 2
            return [
                *await decide(stage, events[:middle], tools),
                *await decide(stage, events[middle:], tools),
            ]
        return [_verdict(error)]


def _verdict(error: Exception) -> Outcome:
    """What an exception means for the one event that raised it."""
    name = f"{type(error).__name__}: {error}"
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, Poison):
        return DeadLetter(str(error), "poison", error=name, trace=trace)
    return Retry(f"the stage raised {name}", error=name, trace=trace)
