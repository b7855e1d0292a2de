"""A stage of the harness: writes down every delivery of every event, so that repeated ones can be counted."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.engine.outcome import Forward, Outcome
from pipeline.engine.stage import stage
from pipeline.tools import Tools
from schemas.event import Event


@stage(after="upsert", before="log")
async def witness(batch: Sequence[Event], tools: Tools) -> list[Outcome]:
    """One row per delivery."""
    await tools.database.execute(
        "INSERT INTO chaos_delivery (event) SELECT unnest($1::uuid[])", [event.id for event in batch]
    )
    return [Forward(event) for event in batch]
