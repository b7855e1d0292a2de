"""Writes the journal. In: events that ended, well or badly. Out: one row for each; the events without their request.

A row is what came in, what became of it, why, and what it took: attempts, and the time spent in each stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

from pipeline.engine.outcome import Forward, Outcome
from pipeline.engine.stage import stage
from pipeline.store import entries, versions
from pipeline.store.database import Connection
from pipeline.store.entries import FINAL, Entry
from pipeline.store.text import storable
from pipeline.tools import Tools
from schemas.event import Event

RECORD = ("lead", "call", "activity", "by", "changed")  # what a result says of the records


@stage(after="upsert", hears_ends=True)
async def log(batch: Sequence[Event], tools: Tools) -> list[Outcome]:
    """The whole batch in one transaction; then what earlier versions of its events died of is settled."""
    results = storable([event.result for event in batch])  # one look at all: there is hardly ever anything to clean
    rows = [entry_of(event, result) for event, result in zip(batch, results, strict=True)]

    tries = count()

    async def write(connection: Connection) -> None:
        await entries.write(connection, rows, datetime.now(UTC), hopeful=next(tries) == 0)

    await tools.database.transaction(write)
    await versions.settle(tools.database, [row.event for row in rows if row.outcome in FINAL])
    return [Forward(event.evolve(raw="")) for event in batch]


def entry_of(event: Event, result: dict[str, Any] | None) -> Entry:
    """The journal row that follows from an event and from what became of it."""
    result = result or {}
    day = result.get("day")
    then = result.get("then") or event.data  # of an event that was applied before: what was in force at that time
    sync = then.get("sync") or {}
    return Entry(
        event=event.id,
        day=event.received_at.astimezone(UTC).date() if day is None else date.fromisoformat(day),
        account=event.account,
        connector=event.connector,
        kind=event.kind,
        received_at=event.received_at,
        occurred_at=event.occurred_at,
        attempts=1 + sum([step.attempt - 1 for step in event.trail]),
        revision=then.get("revision") or event.revision,
        replay=event.replay,
        request=storable(event.raw),
        notes=storable(event.notes) if event.notes else (),
        stages=event.trail,
        lead_sync=sync.get("lead"),
        activity_sync=sync.get("activity"),
        decision=then.get("decision"),
        again=bool(result.get("duplicate")),
        **_ending(event, result),
    )


def _problems(result: dict[str, Any]) -> dict[str, Any]:
    """All that the rules have against an event, where it was more than one thing."""
    problems = result.get("problems", ())
    return {"problems": problems} if len(problems) > 1 else {}


def _ending(event: Event, result: dict[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = {name: result[name] for name in RECORD if name in result}
    if event.failure is not None:
        failure = storable({**asdict(event.failure), "at": event.failure.at.isoformat(), **_problems(result)})
        return {**record, "outcome": "failed", "reason": failure["reason"], "failure": failure}
    if result.get("outcome") == "dropped" or not record:
        reason = result.get("reason", "no stage changed a record")
        return {**record, "outcome": "dropped", "reason": reason}
    return {**record, "outcome": result["outcome"], "reason": result.get("reason")}
