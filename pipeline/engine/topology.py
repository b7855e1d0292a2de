"""Who feeds whom, the retry rungs, and `route`: the whole delivery policy as a pure function.

In: the stages, an event's delivery and the outcome it got. Out: where to publish what. Nothing here does I/O.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from pipeline.engine.outcome import DeadLetter, Drop, Forward, Outcome, Retry
from pipeline.engine.stage import Stage
from schemas.event import Event, Failure, Step
from schemas.nearest import nearest


@dataclass(frozen=True, slots=True)
class Work:
    """The queue of one stage."""

    stage: str

    @property
    def queue(self) -> str:
        return f"work.{self.stage}"


@dataclass(frozen=True, slots=True)
class Rung:
    """One delay of the retry ladder; what waits here returns to the work queue of `stage`."""

    seconds: float
    stage: str

    @property
    def queue(self) -> str:
        return rung_queue(self.seconds)


@dataclass(frozen=True, slots=True)
class Dead:
    """The dead-letter queue of one stage."""

    stage: str

    @property
    def queue(self) -> str:
        return f"dead.{self.stage}"


Address = Work | Rung | Dead


def rung_queue(seconds: float) -> str:
    return f"retry.{seconds:g}s"


class Delivery(NamedTuple):
    """How one event arrived at a stage: on which attempt (from 1), and how long its frame had waited."""

    event: Event
    attempt: int = 1
    waited_ms: float = 0.0


class Exit(NamedTuple):
    """One event on its way out of a stage."""

    to: Address
    event: Event
    attempt: int = 1


class TopologyError(ValueError):
    """The stages do not form a chain; the message says which one and why."""


class UnknownStage(LookupError):
    """No stage of the chain has this name; the message names the nearest, or all of them."""


@dataclass(frozen=True)
class Topology:
    """The chain as a value. Build it with `Topology.of`."""

    stages: Mapping[str, Stage]  # in order, from the entry on
    feeds: Mapping[str, tuple[str, ...]]
    rungs: tuple[float, ...]

    @classmethod
    def of(cls, stages: Iterable[Stage], rungs: Iterable[float] = (5, 30, 300, 1800, 7200)) -> Topology:
        """Order the stages by `after`, splice in those with `before`; raises TopologyError."""
        return cls(*_chain(list(stages)), tuple(sorted(rungs)))

    @property
    def entry(self) -> str:
        """The stage that the ingress publishes to."""
        return next(iter(self.stages))

    def check(self, names: Iterable[str]) -> None:
        """See that each is the name of a stage. Raises UnknownStage."""
        for name in names:
            if name not in self.stages:
                raise UnknownStage(unknown_stage(name, self.stages))

    @property
    def max_attempts(self) -> int:
        """The first attempt, and one more per rung."""
        return len(self.rungs) + 1

    @cached_property
    def _ahead(self) -> Mapping[str, tuple[Work, ...]]:
        """The queues that each stage feeds."""
        return {name: tuple(map(Work, fed)) for name, fed in self.feeds.items()}

    def addresses(self) -> list[Address]:
        """Every queue that a transport must declare, targets before sources."""
        works: list[Address] = [Work(name) for name in self.stages]
        dead: list[Address] = [Dead(name) for name in self.stages]
        return [*dead, *works, *(Rung(seconds, self.entry) for seconds in self.rungs)]

    def downstream(self, name: str) -> set[str]:
        """The stages that can be reached from this one."""
        reached: set[str] = set()
        ahead = list(self.feeds[name])
        while ahead:
            if (following := ahead.pop()) not in reached:
                reached.add(following)
                ahead.extend(self.feeds[following])
        return reached

    def hearers(self, name: str) -> list[str]:
        """The nearest stages behind this one that hear of events which end in it."""
        hearing = [s for s in self.downstream(name) if self.stages[s].hears_ends]
        behind = {far for near in hearing for far in self.downstream(near)}
        return [s for s in hearing if s not in behind]

    def rung(self, attempt: int, delay: float | None = None) -> float:
        """The delay before the attempt after `attempt`; at least `delay`, or the longest there is."""
        if delay is None:
            return self.rungs[attempt - 1]
        return next((seconds for seconds in self.rungs if seconds >= delay), self.rungs[-1])

    def exits(
        self, name: str, events: Sequence[Event], outcomes: Sequence[Outcome], steps: Sequence[Step], at: datetime
    ) -> list[Exit]:
        """Where a batch goes now: for each event what `route` says, what is forwarded first."""
        forwarded, others = self.parted(name, events, outcomes, steps, at)
        return self._onward(name, forwarded) + others

    def parted(
        self, name: str, events: Sequence[Event], outcomes: Sequence[Outcome], steps: Sequence[Step], at: datetime
    ) -> tuple[list[Event], list[Exit]]:
        """A batch as `exits` has it, with what is forwarded, to each of the stages that this one feeds, apart.

        At the end of the chain that is nothing.
        """
        goes_on = bool(self.feeds[name])
        forwarded: list[Event] = []
        others: list[Exit] = []
        for event, outcome, step in zip(events, outcomes, steps, strict=True):
            if type(outcome) is Forward:
                if goes_on:
                    forwarded.append(outcome.event.after(step))
            else:
                others += self.route(name, Delivery(event, step.attempt), outcome, step, at)
        return forwarded, others

    def route(self, name: str, delivery: Delivery, outcome: Outcome, step: Step, at: datetime) -> list[Exit]:
        """Where this event goes now. An empty list means that its way ends here.

        Forward goes to the stages this one feeds. Retry waits on a rung with its attempt counted; with its
        attempts spent it is a dead letter. A dead letter goes to this stage's dead queue and, like a dropped
        event, to the nearest stages that hear of ends, so that each accepted event reaches the journal.
        """
        match outcome:
            case Forward(event):
                return self._onward(name, [event.after(step)])
            case Retry() if delivery.attempt < self.max_attempts:
                rung = Rung(self.rung(delivery.attempt, outcome.delay), name)
                return [Exit(rung, delivery.event, delivery.attempt + 1)]
            case Retry(reason, _, error, trace):
                return self.route(name, delivery, DeadLetter(reason, "poison", error=error, trace=trace), step, at)
            case DeadLetter():
                failure = Failure(
                    stage=name,
                    attempts=delivery.attempt,
                    at=at,
                    kind=outcome.kind,
                    reason=outcome.reason,
                    field=outcome.field,
                    value=outcome.value,
                    rule=outcome.rule,
                    error=outcome.error,
                    trace=outcome.trace,
                )
                died = delivery.event.evolve(failure=failure)
                told = (died if outcome.result is None else died.evolve(result=outcome.result)).after(step)
                return [Exit(Dead(name), died), *(Exit(Work(h), told) for h in self.hearers(name))]
            case Drop(reason, result):
                dropped = delivery.event.evolve(
                    result={**(result or {}), "outcome": "dropped", "reason": reason},
                    trail=(*delivery.event.trail, step),
                )
                return [Exit(Work(h), dropped) for h in self.hearers(name)]

    def _onward(self, name: str, events: Iterable[Event]) -> list[Exit]:
        """To each of the stages that this one feeds."""
        return [Exit(work, event) for event in events for work in self._ahead[name]]


def unknown_stage(name: str, stages: Iterable[str]) -> str:
    """What is said of a name that no stage has."""
    names = list(stages)
    near = nearest(name, names)
    meant = f"; did you mean {near!r}? The" if near else "; the"
    return f"no stage {name!r}{meant} stages are {', '.join(names)}"


def _fed_by(stages: list[Stage]) -> dict[str, str | None]:
    """The feeder of each stage. A splice waits for the one that makes its gap, so the order of files is no matter."""
    fed_by = {stage.name: stage.after for stage in stages}
    waiting = [(stage.name, stage.after, stage.before) for stage in stages if stage.before is not None]
    while waiting:
        splice = next((splice for splice in waiting if fed_by[splice[2]] == splice[1]), None)
        if splice is None:
            name, after, before = waiting[0]
            raise TopologyError(
                f"stage {name!r} cannot go between {after!r} and {before!r}: {before!r} is fed by {fed_by[before]!r}"
            )
        waiting.remove(splice)
        fed_by[splice[2]] = splice[0]
    return fed_by


def _chain(stages: list[Stage]) -> tuple[dict[str, Stage], dict[str, tuple[str, ...]]]:
    by_name = {stage.name: stage for stage in stages}
    for name, times in Counter(stage.name for stage in stages).items():
        if times > 1:
            raise TopologyError(f"{times} stages have the same name {name!r}")
    for stage in stages:
        if stage.after is not None and stage.after not in by_name:
            raise TopologyError(f"stage {stage.name!r} comes after {stage.after!r}, which is not a stage")
        if stage.before is not None and stage.before not in by_name:
            raise TopologyError(f"stage {stage.name!r} comes before {stage.before!r}, which is not a stage")
    fed_by = _fed_by(stages)
    entries = [name for name, source in fed_by.items() if source is None]
    if len(entries) != 1:
        raise TopologyError(f"exactly one stage must be fed by the ingress, found {sorted(entries)}")
    feeds = {name: tuple(sorted(n for n, source in fed_by.items() if source == name)) for name in by_name}
    order: list[str] = []
    ahead = entries
    while ahead:
        order.append(name := ahead.pop(0))
        ahead.extend(feeds[name])
    if len(order) != len(by_name):
        raise TopologyError(f"these stages feed each other in a circle: {sorted(set(by_name) - set(order))}")
    return {name: by_name[name] for name in order}, {name: feeds[name] for name in order}
