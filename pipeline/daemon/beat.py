"""A process tells the database that it lives and how its stages do, every two seconds, for `leadpipe stages`."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections import Counter
from typing import Any

import structlog

from pipeline.engine.observe import Report
from pipeline.engine.outcome import Transient
from pipeline.engine.runner import Runner
from pipeline.store import workers
from pipeline.store.database import Database

log = structlog.get_logger(__name__)
EVERY = 2.0  # seconds


class Beat:
    """Counts what the stages of this process do, and writes it down."""

    def __init__(self, database: Database) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._database = database
        self._runners: list[Runner] = []
        self._done: Counter[str] = Counter()
        self._last: Counter[str] = Counter()
        self._waited: dict[str, float] = {}
        self._at = time.monotonic()

    def watch(self, runner: Runner) -> None:
        """Tell of this runner too."""
        self._runners.append(runner)

    def observe(self, report: Report) -> None:
        """An observer of the runners."""
        self._done[report.stage] += report.events
        self._waited[report.stage] = report.waited_ms

    async def run(self) -> None:
        """Beat until cancelled; then take this process off the list."""
        try:
            while True:
                try:
                    await workers.beat(self._database, self.name, socket.gethostname(), os.getpid(), self._stages())
                except Transient as error:
                    log.debug("no beat", error=str(error))
                await asyncio.sleep(EVERY)
        finally:
            try:
                await workers.leave(self._database, self.name)
            except Transient as error:
                log.debug("left without saying so", error=str(error))

    def _stages(self) -> dict[str, Any]:
        now = time.monotonic()
        seconds, self._at = max(now - self._at, 0.001), now
        stages = {
            runner.stage.name: {
                "done": self._done[runner.stage.name],
                "rate": round((self._done[runner.stage.name] - self._last[runner.stage.name]) / seconds, 1),
                "in_hand": runner.consumer.in_hand,
                "waited_ms": round(self._waited.get(runner.stage.name, 0.0), 1),
                "waiting": runner.consumer.waiting,
            }
            for runner in self._runners
        }
        self._last = self._done.copy()
        return stages
