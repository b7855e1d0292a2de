"""A running stage: take, decide, settle, observe. In: batches of its work queue. Out: frames for the next ones.

Every exit is a publish, then the acknowledgement: a crash between the two duplicates and never loses. Stages that run
in one process hand a batch on in memory: what leaves the last of them is published, and only then is the frame that
the first one took acknowledged. So the broker holds every event until its successor is durable, hop or no hop.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog

from pipeline.engine.consumer import Consumer, Pace
from pipeline.engine.frame import Bounds, pack
from pipeline.engine.inbox import Batch
from pipeline.engine.observe import Observer, Report, report_of, tell
from pipeline.engine.outcome import DeadLetter, Drop, Forward, Outcome, Poison, Retry, Transient
from pipeline.engine.quarantine import RENEWED, Trial, decide_apart
from pipeline.engine.stage import Stage
from pipeline.engine.topology import Dead, Delivery, Exit, Topology, Work
from pipeline.engine.transport import Message, Transport
from schemas.event import Event, Step

log = structlog.get_logger(__name__)

Patience = Callable[[Callable[[], Awaitable[list[Outcome]]]], Awaitable[list[Outcome]]]

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
        self._here = {stage.name: self}

    async def run(self) -> None:
        """Work until `stop`."""
        await self.consumer.run()

    async def stop(self) -> None:
        """Finish the batch in hand, give the rest back."""
        await self.consumer.stop()

    async def _handle(self, batch: Batch) -> None:
        if self._trial is not None and batch.handed_out >= RENEWED:
            await self._renew(batch)
        else:
            await self._work(batch)

    def hand_on_to(self, runners: Iterable[Runner]) -> None:
        """Let these, of the same process and topology, work at once on what this stage has for them."""
        self._here = {runner.stage.name: runner for runner in runners} | {self.stage.name: self}

    async def _work(self, batch: Batch) -> None:
        reports: list[tuple[Runner, Report]] = []
        exits = await self._through(batch, reports)
        try:
            frames = pack(exits, time.time(), self._bounds)
        except (TypeError, ValueError):
            reports.clear()
            frames = await self._one_hop(batch, reports)
        for _, error in batch.unreadable:
            log.error("unreadable frame", stage=self.stage.name, error=str(error))
        messages = [*frames, *(Message(Dead(self.stage.name), parcel.body) for parcel, _ in batch.unreadable)]
        if messages:
            await self.consumer.patiently(partial(self._transport.publish, messages))
        for runner, report in reports:
            tell(runner._observers, report)

    async def _through(self, batch: Batch, reports: list[tuple[Runner, Report]]) -> list[Exit]:
        """What leaves this process once every stage here has had its turn, in the order of the chain."""
        waiting: dict[str, list[Event]] = {self.stage.name: _events(batch)}
        leaving: list[Exit] = []
        for name in self._topology.stages:
            if name not in waiting:
                continue
            runner, events = self._here[name], waiting.pop(name)
            outcomes, spent_ms = await runner._decide(events, self.consumer.patiently, apart=batch.suspicious)
            taken = batch.deliveries if runner is self else []
            reports.append((runner, _report(name, taken, outcomes, spent_ms)))
            steps = _steps(name, taken, spent_ms) if runner is self else _steps_at_once(name, len(events), spent_ms)
            forwarded, others = self._topology.parted(name, events, outcomes, steps, datetime.now(UTC))
            for fed in self._topology.feeds[name]:
                if fed in self._here:
                    waiting.setdefault(fed, []).extend(forwarded)
                else:
                    leaving += [Exit(Work(fed), event) for event in forwarded]
            for exit in others:
                if type(exit.to) is Work and exit.to.stage in self._here:
                    waiting.setdefault(exit.to.stage, []).append(exit.event)
                else:
                    leaving.append(exit)
        return leaving

    async def _one_hop(self, batch: Batch, reports: list[tuple[Runner, Report]]) -> list[Message]:
        """The frames after this stage alone, for a batch in which a stage has put what JSON cannot carry.

        That event alone gets another outcome, as if the stage had raised on it; the others go on by the broker. What
        the stages behind have done already they will do again, to no effect.
        """
        name, events = self.stage.name, _events(batch)
        outcomes, spent_ms = await self._decide(events, self.consumer.patiently, apart=batch.suspicious)
        steps = _steps(name, batch.deliveries, spent_ms)
        outcomes = [self._portable(*each) for each in zip(events, outcomes, steps, strict=True)]
        reports.append((self, _report(name, batch.deliveries, outcomes, spent_ms)))
        now = datetime.now(UTC)
        return pack(self._topology.exits(name, events, outcomes, steps, now), now.timestamp(), self._bounds)

    async def _decide(
        self, events: Sequence[Event], patiently: Patience, *, apart: bool
    ) -> tuple[list[Outcome], float]:
        """This stage's outcomes, and the milliseconds they took."""
        started = time.perf_counter()
        if self._trial is not None and apart:
            outcomes = await decide_apart(self.stage.name, events, self._trial, patiently)
        else:
            outcomes = await patiently(partial(decide, self.stage, events, self._tools))
        return outcomes, (time.perf_counter() - started) * 1000

    async def _renew(self, batch: Batch) -> None:
        """Send the frame anew: it has been handed out often, and the broker would soon give up a good one."""
        anew = [Message(Work(self.stage.name), parcel.body) for parcel in batch.parcels]
        await self.consumer.patiently(partial(self._transport.publish, anew))
        log.info("frame sent anew", stage=self.stage.name, deliveries=batch.handed_out)

    def _portable(self, event: Event, outcome: Outcome, step: Step) -> Outcome:
        """The outcome, if what follows from it can travel; else the verdict on what stands in the way."""
        try:
            exits = self._topology.route(
                self.stage.name, Delivery(event, step.attempt), outcome, step, datetime.now(UTC)
            )
            pack(exits, 0.0, self._bounds)
        except (TypeError, ValueError) as error:
            return verdict_on(error)
        return outcome


def _events(batch: Batch) -> list[Event]:
    return [delivery.event for delivery in batch.deliveries]


def _steps(stage: str, deliveries: Sequence[Delivery], spent_ms: float) -> list[Step]:
    """What each event's trail gets; events that arrived alike, as those of one frame do, share theirs."""
    spent = round(spent_ms, 2)
    made: dict[tuple[int, float], Step] = {}
    steps = []
    for _, attempt, waited_ms in deliveries:
        step = made.get((attempt, waited_ms))
        if step is None:
            step = made[attempt, waited_ms] = Step(stage, attempt, round(waited_ms, 2), spent)
        steps.append(step)
    return steps


def _steps_at_once(stage: str, events: int, spent_ms: float) -> list[Step]:
    """The same for events that were handed on in memory: each is on its first attempt, and none has waited."""
    return [Step(stage, 1, 0.0, round(spent_ms, 2))] * events


def _report(stage: str, taken: Sequence[Delivery], outcomes: list[Outcome], spent_ms: float) -> Report:
    """`taken`: what came from the broker; what was handed on in memory has not waited."""
    waited_ms = max((delivery.waited_ms for delivery in taken), default=0.0)
    return report_of(stage, outcomes, spent_ms / 1000, waited_ms)


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
        if (world := _transient_in(error)) is not None:
            raise world from error
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
        if isinstance(outcome, Forward):
            if outcome.event.id != event.id:
                raise RuntimeError(f"stage {stage.name!r} forwarded another event in the place of {event.id}")
        elif not isinstance(outcome, Retry | DeadLetter | Drop):
            raise TypeError(f"stage {stage.name!r} returned {type(outcome).__name__}, which is not an outcome")


def _transient_in(error: Exception) -> Transient | None:
    """The trouble of the world that came in a group, as it does out of a TaskGroup; it counts before all else."""
    if isinstance(error, Transient):
        return error
    if isinstance(error, ExceptionGroup):
        return next((found for each in error.exceptions if (found := _transient_in(each)) is not None), None)
    return None


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
