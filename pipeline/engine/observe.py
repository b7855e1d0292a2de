"""What the machine tells of itself: one report per batch, handed to observers (metrics, the log, a test's signal).

| report attribute | meaning |
|---|---|
| stage       | which stage handled the batch |
| outcomes    | how many events got each outcome: forward, retry, dead_letter, drop |
| seconds     | the stage's time for the batch |
| waited_ms   | the longest time that an event of the batch had waited in the queue |
| errors      | distinct reasons of retries and dead letters, without any value of the event |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import structlog

from pipeline.engine.outcome import DeadLetter, Drop, Forward, Outcome, Retry

log = structlog.get_logger(__name__)

NAMES: dict[type[Outcome], str] = {Forward: "forward", Retry: "retry", DeadLetter: "dead_letter", Drop: "drop"}


@dataclass(frozen=True, slots=True)
class Report:
    """One batch that was settled."""

    stage: str
    events: int
    seconds: float
    waited_ms: float
    outcomes: Counter[str]
    errors: tuple[str, ...] = field(default=())


Observer = Callable[[Report], None]


def tell(observers: Iterable[Observer], report: Report) -> None:
    """Hand the report to each; one that raises is logged and harms neither the others nor the batch."""
    for observer in observers:
        try:
            observer(report)
        except Exception:
            log.exception("observer failed", stage=report.stage)


def report_of(stage: str, outcomes: list[Outcome], seconds: float, waited_ms: float) -> Report:
    """The report of a batch."""
    kinds = Counter(map(type, outcomes))
    failed = bool(kinds.keys() - {Forward, Drop})
    errors = {_cause(outcome) for outcome in outcomes if isinstance(outcome, Retry | DeadLetter)} if failed else set()
    return Report(
        stage=stage,
        events=len(outcomes),
        seconds=seconds,
        waited_ms=waited_ms,
        outcomes=Counter({NAMES[kind]: count for kind, count in kinds.items()}),
        errors=tuple(sorted(errors)),
    )


def log_batch(report: Report) -> None:
    """One line per batch; at debug level unless something failed."""
    line = log.warning if report.errors else log.debug
    line(
        "batch",
        stage=report.stage,
        events=report.events,
        ms=round(report.seconds * 1000, 1),
        waited_ms=round(report.waited_ms, 1),
        **report.outcomes,
        **({"errors": report.errors} if report.errors else {}),
    )


def _cause(outcome: Retry | DeadLetter) -> str:
    """The kind of error, with nothing of the person in it: the rule, or the exception's class."""
    if isinstance(outcome, DeadLetter) and outcome.rule:
        return f"{outcome.field}: {outcome.rule}" if outcome.field else outcome.rule
    name = (outcome.error or "").partition(":")[0]
    return name if name.replace(".", "").isidentifier() else "unnamed"
