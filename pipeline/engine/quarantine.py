"""Events that may kill the process which works on them. In: a suspicious batch and a trial. Out: an outcome for each.

A frame that was handed out again and again may hold an event that ends its process: by a segfault, by all the
memory, by `os._exit`. Such a frame is worked on in a trial, a process apart, whose end is seen and costs nobody else
anything. After a frame that kills its trial, its events are tried one by one (halving would start a process, a second
each, for every half that holds the culprit). The innocent, also those that were only in the same process by chance,
come out of their trial with the outcome they always had.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Protocol

import orjson
import structlog

from pipeline.engine.frame import event_of
from pipeline.engine.outcome import DeadLetter, Drop, Forward, Outcome, Retry
from schemas.event import Event

log = structlog.get_logger(__name__)

CONVINCED = 2  # trials that one event alone must end; one end can be an accident
RENEWED = 10  # deliveries after which a frame is sent anew, so that the broker's limit is not reached by outages alone

Patiently = Callable[[Callable[[], Awaitable[list[Outcome]]]], Awaitable[list[Outcome]]]


class Died(Exception):
    """The process that worked on these events ended; the message says how."""


class Trial(Protocol):
    """A process apart that runs one stage."""

    async def run(self, events: Sequence[Event]) -> list[Outcome]:
        """The stage's outcomes for this batch, in order. Raises Died, or Transient as the stage would."""


async def decide_apart(stage: str, events: Sequence[Event], trial: Trial, patiently: Patiently) -> list[Outcome]:
    """One outcome per event, in order; who ends the trial alone, again and again, is poison."""
    if len(events) != 1:
        try:
            return await patiently(partial(trial.run, events))
        except Died as error:
            log.warning("trial ended", stage=stage, events=len(events), how=str(error))
        return [outcome for event in events for outcome in await decide_apart(stage, [event], trial, patiently)]
    for _ in range(CONVINCED):
        try:
            return await patiently(partial(trial.run, events))
        except Died as error:
            log.warning("trial ended", stage=stage, events=1, how=str(error))
            how = str(error)
    log.error("poison", stage=stage, id=events[0].id, how=how)
    return [DeadLetter(f"the process that worked on it ended {CONVINCED} times: {how}", "poison", error=f"Died: {how}")]


_KINDS: dict[str, type[Outcome]] = {kind.__name__: kind for kind in (Forward, Retry, DeadLetter, Drop)}


def dump_outcome(outcome: Outcome) -> bytes:
    """An outcome as JSON, on its way out of a trial; TypeError if its event holds what JSON cannot carry."""
    return orjson.dumps({"kind": type(outcome).__name__, "of": outcome}, option=orjson.OPT_UTC_Z)


def outcome_of(document: dict[str, Any]) -> Outcome:
    """An outcome from its decoded JSON."""
    fields = document["of"]
    if document["kind"] == "Forward":
        return Forward(event_of(fields["event"]))
    return _KINDS[document["kind"]](**fields)
