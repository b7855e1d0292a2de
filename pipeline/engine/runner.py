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
from pipeline.engine.observe import Observer, report_of, tell
from pipeline.engine.outcome import DeadLetter, Drop, Forward, Outcome, Poison, Retry, Transient
from pipeline.engine.quarantine import RENEWED, Trial, decide_apart
from pipeline.engine.stage import Stage
from pipeline.engine.topology import Dead, Delivery, Exit, Topology, Work
from pipeline.engine.transport import Message, Transport
from schemas.event import Event, Step

log = structlog.get_logger(__name__)

LONGEST_TEXT = 2_000  # characters kept of an exception's text
LONGEST_TRACE = 20_000  # and of its trace


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
        trial: Trial | None = None,
    ) -> None:
        """With a `trial`, frames that may have killed are worked on in it."""
        self.stage = stage
        self.consumer = Consumer(Work(stage.name), transport, self._handle, pace)
        self._topology = topology
        self._transport = transport
        self._tools = tools
        self._bounds = bounds
        self._observers = observers
        self._trial = trial

    async def run(self) -> None:
        """Work until `stop`."""
        try:
            await self.consumer.run()
        finally:
            if self._trial is not None:
                await self._trial.close()

    async def stop(self) -> None:
        """Finish the batch in hand, give the rest back."""
        await self.consumer.stop()

    async def _handle(self, batch: Batch) -> None:
        if self._trial is not None and batch.handed_out >= RENEWED:
            await self._renew(batch)
        else:
            await self._work(batch)

    async def _work(self, batch: Batch) -> None:
        started = time.perf_counter()
        events = [delivery.event for delivery in batch.deliveries]
        outcomes = await self._decide(batch, events)
        spent_ms = (time.perf_counter() - started) * 1000
        outcomes, messages = self._settle(batch, outcomes, spent_ms)
        if messages:
            await self.consumer.patiently(partial(self._transport.publish, messages))
        waited_ms = max((delivery.waited_ms for delivery in batch.deliveries), default=0.0)
        report = report_of(self.stage.name, outcomes, time.perf_counter() - started, waited_ms)
        tell(self._observers, report)

    async def _decide(self, batch: Batch, events: Sequence[Event]) -> list[Outcome]:
        if self._trial is not None and batch.suspicious:
            return await decide_apart(self.stage.name, events, self._trial, self.consumer.patiently)
        return await self.consumer.patiently(partial(decide, self.stage, events, self._tools))

    async def _renew(self, batch: Batch) -> None:
        """Send the frame anew: it has been handed out often, and the broker would soon give up a good one."""
        anew = [Message(Work(self.stage.name), parcel.body) for parcel in batch.parcels]
        await self.consumer.patiently(partial(self._transport.publish, anew))
        log.info("frame sent anew", stage=self.stage.name, deliveries=batch.handed_out)

    def _settle(self, batch: Batch, outcomes: list[Outcome], spent_ms: float) -> tuple[list[Outcome], list[Message]]:
        """The frames that follow from a decided batch; an unreadable frame goes to the dead letters as it is.

        A stage may have put something into an event that JSON cannot carry. That event alone gets another
        outcome, as if the stage had raised on it.
        """
        now = datetime.now(UTC)
        try:
            frames = pack(self._exits(batch.deliveries, outcomes, spent_ms, now), now.timestamp(), self._bounds)
        except (TypeError, ValueError):
            outcomes = [
                self._portable(delivery, outcome) for delivery, outcome in zip(batch.deliveries, outcomes, strict=True)
            ]
            frames = pack(self._exits(batch.deliveries, outcomes, spent_ms, now), now.timestamp(), self._bounds)
        for _, error in batch.unreadable:
            log.error("unreadable frame", stage=self.stage.name, error=str(error))
        return outcomes, [*frames, *(Message(Dead(self.stage.name), parcel.body) for parcel, _ in batch.unreadable)]

    def _exits(
        self, deliveries: Sequence[Delivery], outcomes: Sequence[Outcome], spent_ms: float, now: datetime
    ) -> list[Exit]:
        return [
            exit
            for delivery, outcome in zip(deliveries, outcomes, strict=True)
            for exit in self._topology.route(
                self.stage.name,
                delivery,
                outcome,
                Step(self.stage.name, delivery.attempt, round(delivery.waited_ms, 2), round(spent_ms, 2)),
                now,
            )
        ]

    def _portable(self, delivery: Delivery, outcome: Outcome) -> Outcome:
        """The outcome, if what follows from it can travel; else the verdict on what stands in the way."""
        try:
            pack(self._exits([delivery], [outcome], 0.0, datetime.now(UTC)), 0.0, self._bounds)
        except (TypeError, ValueError) as error:
            return verdict_on(error)
        return outcome


async def decide(stage: Stage, events: Sequence[Event], tools: Any) -> list[Outcome]:
    """One outcome per event, in order. A batch that raises is halved until the culprit is alone.

    Transient passes through: it is about the world, and the whole batch waits for it.
    """
    if not events:
        return []
    try:
        outcomes = await stage.run(events, tools)
        _check(stage, events, outcomes)
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
        return [verdict_on(error)]


def _check(stage: Stage, events: Sequence[Event], outcomes: Sequence[object]) -> None:
    """One outcome for each event, and each forwarded event is the one that came: anything else would lose one."""
    if len(outcomes) != len(events):
        raise RuntimeError(f"stage {stage.name!r} returned {len(outcomes)} outcomes for {len(events)} events")
    for event, outcome in zip(events, outcomes, strict=True):
        if not isinstance(outcome, Forward | Retry | DeadLetter | Drop):
            raise TypeError(f"stage {stage.name!r} returned {type(outcome).__name__}, which is no outcome")
        if isinstance(outcome, Forward) and outcome.event.id != event.id:
            raise RuntimeError(f"stage {stage.name!r} forwarded another event in the place of {event.id}")


def verdict_on(error: Exception) -> Outcome:
    """What an exception means for the one event that raised it."""
    text = _sound(str(error), LONGEST_TEXT)
    name = f"{type(error).__name__}: {text}"
    trace = _sound("".join(traceback.format_exception(error)), LONGEST_TRACE)
    if isinstance(error, Poison):
        return DeadLetter(text, "poison", error=name, trace=trace)
    return Retry(f"the stage raised {name}", error=name, trace=trace)


def _sound(text: str, longest: int) -> str:
    """The text as any store can hold it: no lone surrogate, no NUL, and of a long one its beginning and its end."""
    if len(text) > longest:
        text = f"{text[: longest // 2]} … {text[-longest // 2 :]}"
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
