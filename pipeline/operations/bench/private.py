"""An instance of its own for a run. In: settings. Out: `leadpipe up` in a temporary folder, ended with the run."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import aiohttp

from pipeline.daemon.core import topology_of
from pipeline.daemon.supervisor import plan
from pipeline.settings import PREFIX, Settings, address
from pipeline.store import workers
from pipeline.store.database import Database
from pipeline.store.migrate import migrate
from pipeline.transport.rabbitmq.sweep import sweep

PATIENCE = 200.0  # seconds until everything must be ready
GRACE = 45.0  # seconds it has to drain


class NotReady(Exception):
    """The instance did not come up; the message holds the end of its log."""


def own(settings: Settings, folder: Path, broker: str | None) -> Settings:
    """The settings of a private instance: its own folder, port, database and queues; the rest as it is set."""
    return settings.model_copy(
        update={
            "database_url": None,
            "broker_url": broker,
            "broker_prefix": f"bench-{uuid4().hex[:8]}." if broker else "",
            "data_dir": folder,
            "http_host": "127.0.0.1",
            "http_port": _free_port(),
            "public_url": None,
            "log_level": "warning",
        }
    )


@asynccontextmanager
async def started(settings: Settings) -> AsyncIterator[int]:
    """`leadpipe up` with these settings, `database_url` set; yields its process id once every stage consumes."""
    database = await Database.open(str(settings.database_url), size=1)
    try:
        await migrate(database)
        log = settings.data_dir / "bench.log"
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "pipeline.cli.main",
                "up",
                env=_environment(settings),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            await _ready(settings, database, process, log)
            yield process.pid
        finally:
            await _end(process)
            if settings.broker_url and settings.broker_url.startswith("amqp"):
                await sweep(settings.broker_url, settings.broker_prefix, topology_of(settings))
    finally:
        await database.close()


async def _ready(settings: Settings, database: Database, process: asyncio.subprocess.Process, log: Path) -> None:
    wanted = len(plan(settings))
    try:
        async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as session:
            while process.returncode is None:
                if len(await workers.live(database)) >= wanted and await _answers(session, settings):
                    return
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise NotReady(f"not ready after {PATIENCE:g} s; its log ends:\n{_told(log)}") from None
    raise NotReady(f"it ended with code {process.returncode}; its log ends:\n{_told(log)}")


async def _answers(session: aiohttp.ClientSession, settings: Settings) -> bool:
    try:
        async with session.get(f"http://{address(settings.http_host, settings.http_port)}/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(GRACE):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _environment(settings: Settings) -> dict[str, str]:
    """This process's variables, with what is private about the instance put over them."""
    values = {
        "database_url": settings.database_url,
        "broker_url": settings.broker_url or settings.database_url,
        "broker_prefix": settings.broker_prefix,
        "data_dir": str(settings.data_dir),
        "http_host": settings.http_host,
        "http_port": str(settings.http_port),
        "log_level": settings.log_level,
        "hand_on": str(settings.hand_on),
        "processes": str(settings.processes) if settings.processes else None,
    }
    kept = {name: value for name, value in os.environ.items() if name != f"{PREFIX}PUBLIC_URL"}
    return kept | {PREFIX + name.upper(): value for name, value in values.items() if value is not None}


def _told(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
