"""A stage of the harness that takes a second for each batch, beside the shipped chain."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pipeline.engine.outcome import Forward, Outcome
from pipeline.engine.stage import stage
from pipeline.tools import Tools
from schemas.event import Event


@stage(after="upsert")
async def slow(batch: Sequence[Event], tools: Tools) -> list[Outcome]:
    """Nothing but time."""
    await asyncio.sleep(1.0)
    return [Forward(event) for event in batch]
