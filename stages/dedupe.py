"""Finds the lead that an event is about. In: `data.keys` from map. Out: `data.match`; or the rule that says no.

A source may name the lead by its id here; else the connector's primary key is looked up, then its secondary key, then
its other search keys in their order. `upsert` looks again under its locks; here the events that can never pass are held
back early, and the journal can say how a lead was found. Keys that name two leads are a conflict: the event is held
until a person has decided whose it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.engine.outcome import DeadLetter, Forward, Outcome
from pipeline.engine.stage import stage
from pipeline.lookup import connectors_of
from pipeline.store import identity
from pipeline.store.behaviour import is_idle
from pipeline.store.chosen import chosen
from pipeline.store.matching import NO_KEY, Refusal, keys_of, match
from pipeline.tools import Tools
from schemas.event import Event
from schemas.normal.values import ValueRejected
from schemas.rejected import Problem
from stages.rejection import no_connector


@stage(after="map", effects="none")
async def dedupe(batch: Sequence[Event], tools: Tools) -> list[Outcome]:
    """One look-up for the whole batch."""
    wanted = [keys_of(event.account, event.data["keys"]["search"]) for event in batch]
    owners = await identity.find(tools.database, {key for keys in wanted for key in keys})
    decided = await chosen(tools.database, batch)
    outcomes: list[Outcome] = []
    for event, search in zip(batch, wanted, strict=True):
        if is_idle(event):
            outcomes.append(Forward(event))  # nothing will come of it, and upsert remembers that
            continue
        lead = decided.get(event.id)
        if not search and lead is None:
            outcomes.append(await _without_key(event, tools))
            continue
        found = match(search, owners, lead)
        if isinstance(found, Refusal):
            outcomes.append(refused(found))
        else:
            data = {**event.data, "match": {"lead": found.lead, "by": found.by}}
            outcomes.append(Forward(event.evolve(data=data)))
    return outcomes


def refused(refusal: Refusal) -> DeadLetter:
    """The outcome of an event whose keys the rules refuse."""
    return DeadLetter(refusal.reason, refusal.kind, field=refusal.field, value=refusal.value, rule=refusal.rule)


async def _without_key(event: Event, tools: Tools) -> DeadLetter:
    """Names the key that was sent and cannot be one, with its value; where none was sent, the first."""
    connector = (await connectors_of([event], tools.catalog))[event.connector]
    if connector is None:
        return no_connector(event)
    names = connector.keys
    said = {**event.data.get("defaults", {}), **event.data.get("lead", {})}
    problems = [
        Problem(ValueRejected(name, said[name], _why(name, event))) for name in names if said.get(name) is not None
    ]
    why = f" ({'; '.join(map(str, problems))})" if problems else ""
    return DeadLetter(
        f"no valid value in {' or '.join(names)}, so no lead can be found or made for this event{why}",
        field=problems[0].field if problems else names[0],
        value=problems[0].value if problems else None,
        rule=NO_KEY,
        result={"problems": [problem.told() for problem in problems]} if problems else None,
    )


def _why(name: str, event: Event) -> str:
    """What was noted of the value of this field."""
    label = f"lead.{name}: "
    noted = (note.removeprefix(label).partition(";")[0] for note in event.notes if note.startswith(label))
    return next(noted, "it identifies nobody")
