"""What a stage decides for one event (a closed set), and the two ways in which a stage may raise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schemas.event import Event, FailureKind


@dataclass(frozen=True, slots=True)
class Forward:
    """Done here: the event, as this stage left it, goes to the stages that this one feeds."""

    event: Event


@dataclass(frozen=True, slots=True)
class Retry:
    """Try this event again later: on the rung of its attempt, or on the first rung of at least `delay` seconds."""

    reason: str
    delay: float | None = None
    error: str | None = None
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Give this event up at once. A rule that said no names the field, the value and itself.

    `result`: what else those that hear of ends are to know of it, as in `Event.result`.
    """

    reason: str
    kind: FailureKind = "rejected"
    field: str | None = None
    value: str | None = None
    rule: str | None = None
    error: str | None = None
    trace: str | None = None
    result: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """Nothing is to be done with this event, and that is no failure; the journal keeps the reason.

    `result`: what else is known of it, as in `Event.result`.
    """

    reason: str
    result: dict[str, Any] | None = None


Outcome = Forward | Retry | DeadLetter | Drop


class Transient(Exception):
    """The world is broken, not the event: the batch waits, no attempt is spent, nothing more is taken."""


class Poison(Exception):
    """This event is broken for good: it goes to the dead letters without another attempt."""
