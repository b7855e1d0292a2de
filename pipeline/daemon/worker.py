"""A stage process: the runners of its stages, and the drains of their dead letters. Ends drained, within 30 s."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import structlog

from pipeline.daemon.beat import Beat
from pipeline.daemon.core import opened
from pipeline.daemon.heap import settle
from pipeline.daemon.housekeeping import keep_house
from pipeline.daemon.metrics import StageMetrics
from pipeline.daemon.signals import stop_requested
from pipeline.daemon.trial import ProcessTrial, TrialChild
from pipeline.engine.drain import Drain
from pipeline.engine.observe import log_batch
from pipeline.engine.runner import Runner
from pipeline.engine.topology import UnknownStage
from pipeline.settings import Settings
from pipeline.store import dead_letters

__all__ = ["UnknownStage", "work"]

log = structlog.get_logger(__name__)
GRACE = 30.0  # seconds from the request to stop to the end


async def work(settings: Settings, names: Sequence[str], *, supervised: bool = False, port: int | None = None) -> None:
    """Run these stages until asked to stop, telling how they do on `port`, if one is given.

    Raises UnknownStage, Stopped, and whatever a bug of ours raises.
    """
    stop = stop_requested(supervised=supervised)
    async with opened(settings, stop=stop) as core:
        core.topology.check(names)
        beat, child = Beat(core.database), TrialChild(settings)
        runners = []
        for name in names:
            observers = (log_batch, StageMetrics(name), beat.observe)
            stage = core.topology.stages[name]
            trial = ProcessTrial(name, child)
            runner = Runner(stage, core.topology, core.transport, core.tools, core.pace, core.bounds, observers, trial)
            runners.append(runner)
            beat.watch(runner)
        if settings.hand_on:
            for runner in runners:
                runner.hand_on_to(runners)
        keep = partial(dead_letters.keep, core.database)
        drains = [Drain(name, core.topology, core.transport, keep, core.pace, core.bounds) for name in names]
        companions = [beat.run(), keep_house(core.database, settings)]
        if port is not None:
            from pipeline.daemon.admin import serve_admin  # aiohttp is a fifth of a stage's start

            companions.append(serve_admin(core, runners, port))
        settle()
        log.info("working", stages=list(names))
        try:
            await _until(stop, [*runners, *drains], companions)
        finally:
            await child.close()
        log.info("drained", stages=list(names))


async def _until(
    stop: asyncio.Event, consumers: Sequence[Runner | Drain], companions: Sequence[Coroutine[Any, Any, None]]
) -> None:
    """Run consumers and their companions until `stop` or until one of them fails; then drain the consumers."""
    beside = [asyncio.create_task(companion) for companion in companions]
    working = [asyncio.create_task(consumer.run()) for consumer in consumers]
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([stopping, *working, *beside], return_when=asyncio.FIRST_COMPLETED)
        async with asyncio.timeout(GRACE):
            await asyncio.gather(*(consumer.stop() for consumer in consumers))
            await asyncio.gather(*working)
    finally:
        for task in [stopping, *beside, *working]:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
