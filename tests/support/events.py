"""Events as the stages hand them on, for tests of one stage alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.engine.outcome import Forward, Outcome
from pipeline.engine.stage import Stage
from pipeline.store.catalog import Catalog
from pipeline.store.database import Database
from pipeline.store.ids import new_id
from pipeline.tools import Tools
from schemas.event import Event

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ACCOUNT = 1  # "default"
CONNECTOR = 1


def at(minutes: float) -> datetime:
    """A time near noon of the test's day."""
    return NOON + timedelta(minutes=minutes)


def mapped(
    lead: dict[str, Any] | None = None,
    *,
    minute: float = 0,
    also: Sequence[Sequence[str]] = (),
    defaults: dict[str, Any] | None = None,
    call: dict[str, Any] | None = None,
    activity: dict[str, Any] | None = None,
    **changes: Any,
) -> Event:
    """An event as `map` leaves it: searched by phone, then by e-mail, as far as the lead has them."""
    lead = lead or {}
    data: dict[str, Any] = {
        "lead": lead,
        "defaults": defaults or {},
        "keys": {
            "search": [[space, lead[space]] for space in ("phone", "email") if lead.get(space)],
            "also": [list(key) for key in also],
        },
    }
    data |= {name: value for name, value in (("call", call), ("activity", activity)) if value is not None}
    event = Event(
        id=new_id(),
        account=ACCOUNT,
        connector=CONNECTOR,
        kind="lead",
        received_at=NOON,
        raw='{"a": 1}',
        occurred_at=at(minute),
        data=data,
    )
    return event.evolve(**changes)


def tools_of(database: Database) -> Tools:
    """What a stage is handed."""
    return Tools(database, Catalog(database))


async def run(stage: Stage, database: Database, *batch: Event) -> list[Outcome]:
    """The stage's outcomes for this batch."""
    return await stage.run(batch, tools_of(database))


async def results(stage: Stage, database: Database, *batch: Event) -> list[dict[str, Any]]:
    """The results that the stage gave to events which it forwarded, all of them."""
    return [result_of(outcome) for outcome in await run(stage, database, *batch)]


def result_of(outcome: Outcome) -> dict[str, Any]:
    """The result in a forwarded event."""
    assert isinstance(outcome, Forward), outcome
    assert outcome.event.result is not None
    return outcome.event.result
