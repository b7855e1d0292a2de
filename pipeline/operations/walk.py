"""The chain, walked for show. In: events, and what stages may do. Out: what each stage made of each event.

The stages are the real ones, run as the runner runs them. One that promises less than is asked for here is passed by:
the event goes on as it was, and the walk says so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from pipeline.engine.outcome import DeadLetter, Drop, Forward, Outcome, Retry
from pipeline.engine.runner import decide
from pipeline.engine.stage import Effects, Stage
from pipeline.engine.topology import Topology
from pipeline.operations.errors import Invalid
from pipeline.store.catalog import Catalog, Known
from pipeline.store.rehearsal import Rehearsal
from pipeline.tools import Tools
from schemas.connector import Connector
from schemas.event import Event

NO_VERSION = -1  # of a catalog that knows what it was told
PASSED_BY = "not run, because the stage does not declare its effects; the event goes on without it"


@dataclass(frozen=True, slots=True)
class Seen:
    """One event at one stage. `outcome` is None where the stage was passed by."""

    stage: str
    event: Event  # as it came
    outcome: Outcome | None


@dataclass(slots=True)
class Way:
    """The way of one event. `event` is what the last stage that ran made of it, `end` what ended it early."""

    event: Event
    seen: list[Seen] = field(default_factory=list)
    end: DeadLetter | Drop | Retry | None = None


def tools_of(trial: Rehearsal, connector: Connector) -> Tools:
    """Tools that know this one connector, as it is, whatever the database says of it."""
    catalog = Catalog(trial)
    catalog.take(Known(NO_VERSION, [connector]))
    return Tools(trial, catalog)


async def walk(
    topology: Topology, tools: Tools, database: Rehearsal, batch: Sequence[Event], allowed: Collection[Effects]
) -> list[Way]:
    """The ways of a batch through all stages, in order. Raises Transient; Invalid if a stage breaks its promise."""
    ways = [Way(event) for event in batch]
    at: dict[str, list[tuple[Way, Event]]] = {topology.entry: [(way, way.event) for way in ways]}
    for name, stage in topology.stages.items():
        here = at.pop(name, [])
        for way, event in await _through(stage, tools, database, here, allowed):
            for following in topology.feeds[name]:
                at.setdefault(following, []).append((way, event))
    return ways


async def _through(
    stage: Stage,
    tools: Tools,
    database: Rehearsal,
    here: Sequence[tuple[Way, Event]],
    allowed: Collection[Effects],
) -> list[tuple[Way, Event]]:
    """What goes on behind this stage."""
    if stage.effects not in allowed:
        for way, event in here:
            way.seen.append(Seen(stage.name, event, None))
        return list(here)
    outcomes = await decide(stage, [event for _, event in here], tools)
    if database.breached:
        raise Invalid(f"stage {stage.name!r} writes, though it declares effects={stage.effects!r}; correct that")
    ahead = []
    for (way, event), outcome in zip(here, outcomes, strict=True):
        way.seen.append(Seen(stage.name, event, outcome))
        if isinstance(outcome, Forward):
            way.event = outcome.event
            ahead.append((way, outcome.event))
        else:
            way.end = outcome
    return ahead
