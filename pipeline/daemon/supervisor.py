"""`leadpipe up`: one ingress and the stage processes on this machine. Restarts what dies; stops all in order."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import IO

import structlog

from pipeline.daemon.core import broker_url, topology_of
from pipeline.settings import PREFIX, Settings

log = structlog.get_logger(__name__)
GRACE = 32.0  # seconds a process gets to drain before it is killed
STEADY = 10.0  # seconds after which a process that runs counts as started well


@dataclass
class Child:
    """One process that is kept running: its name, its command line, and how often it fell in a row."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: IO[bytes] | None = None
    process: asyncio.subprocess.Process | None = None
    falls: int = field(default=0)

    async def keep_running(self, stop: asyncio.Event) -> None:
        """Run it, again and again, until `stop`. Waits longer, up to five seconds, the more often it falls."""
        while not stop.is_set():
            started = time.monotonic()
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "pipeline.cli.main",
                *self.arguments,
                "--supervised",
                stdin=asyncio.subprocess.PIPE,
                stderr=self.log,
                env=dict(self.environment),
                start_new_session=True,  # Ctrl-C on the terminal reaches the supervisor alone, which stops in order
            )
            if stop.is_set():  # asked for while it was being started
                return await self.end()
            code = await self.process.wait()
            if stop.is_set():
                return None
            self.falls = 0 if time.monotonic() - started > STEADY else self.falls + 1
            pause = min(0.1 * 2**self.falls, 5.0)
            log.warning("restarting", child=self.name, exit=code, pause=pause)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await stop.wait()
        return None

    async def end(self) -> None:
        """Ask it to drain; kill it if it has not ended after the grace period."""
        if self.process is None or self.process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(GRACE):
                await self.process.wait()
        except TimeoutError:
            log.error("killed", child=self.name, because=f"it did not end within {GRACE:g} s")
            self.process.kill()
            await self.process.wait()


async def supervise(
    settings: Settings,
    stop: asyncio.Event,
    on_start: Callable[[asyncio.Event], None] | None = None,
    log_to: IO[bytes] | None = None,
) -> None:
    """Keep the daemon's processes running until `stop` is set; then the ingress ends first, the stages drain after.

    `settings.database_url` must be set. `on_start` is called once the processes are being started, with the event
    that asks for the stop. The log of the processes goes to standard error, or to `log_to`.
    """
    environment = _environment(settings)
    ingress = Child("ingress", ["ingress"], environment, log_to)
    stages = [
        Child(f"work {number}: {' '.join(names)}", ["work", *names], environment, log_to)
        for number, names in enumerate(plan(settings), 1)
    ]
    running = [asyncio.create_task(child.keep_running(stop)) for child in (*stages, ingress)]
    if on_start is not None:
        on_start(stop)
    asked = asyncio.create_task(stop.wait())
    await asyncio.wait([asked, *running], return_when=asyncio.FIRST_COMPLETED)
    stop.set()  # also when a process cannot be started at all
    log.info("stopping")
    await ingress.end()
    await asyncio.gather(*(child.end() for child in stages))
    await asyncio.gather(asked, *running)


def plan(settings: Settings) -> list[list[str]]:
    """Which stages share a process: all of them in each, as many processes as suit the cores.

    Where stages do not hand on, the chain is cut into as many pieces instead.
    """
    names = list(topology_of(settings).stages)
    wanted = settings.processes or max(2, (os.cpu_count() or 2) - 1)
    if settings.hand_on:
        return [names] * wanted
    count = min(wanted, len(names))
    size, extra = divmod(len(names), count)
    lengths = [size + (place < extra) for place in range(count)]
    starts = [sum(lengths[:place]) for place in range(count)]
    return [names[start : start + length] for start, length in zip(starts, lengths, strict=True)]


def _environment(settings: Settings) -> dict[str, str]:
    """What the children are told: the settings in force, and a folder for the metrics that they share."""
    metrics = settings.data_dir.resolve() / "metrics"
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(parents=True)
    values = {
        "database_url": str(settings.database_url),
        "broker_url": broker_url(settings),
        "data_dir": str(settings.data_dir.resolve()),
    }
    return dict(
        chain(
            os.environ.items(),
            ((PREFIX + name.upper(), value) for name, value in values.items()),
            [("PROMETHEUS_MULTIPROC_DIR", str(metrics))],
        )
    )
