"""A stage of the harness that a marked event ends: the process that works on it is gone, without a word."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

from pipeline.engine.outcome import Forward, Outcome
from pipeline.engine.stage import stage
from pipeline.tools import Tools
from schemas.event import Event


@stage(after="normalize", before="map")
async def hazard(batch: Sequence[Event], tools: Tools) -> list[Outcome]:
    """Forward all, or die."""
    for event in batch:
        if '"hazard":"exit"' in event.raw:
            await note(tools, event)
            os._exit(9)
        if '"hazard":"signal"' in event.raw:
            await note(tools, event)
            os.kill(os.getpid(), signal.SIGSEGV)
        if '"hazard":"raise"' in event.raw:
            raise ValueError("a bug of this stage")
    return [Forward(event) for event in batch]


async def note(tools: Tools, event: Event) -> None:
    """So that the harness can count how often it was handed to a stage."""
    await tools.database.execute("INSERT INTO chaos_hazard (event) VALUES ($1::uuid)", event.id)
