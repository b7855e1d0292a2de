"""A process that waits for the world before it begins: asked to stop, it ends, and nothing it waited for holds it."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest

from pipeline.store.migrate import LOCK
from tests.support.daemon import Leadpipe, installed
from tests.support.ports import free_port
from tests.support.postgres import PrivatePostgres
from tests.support.until import until_blocking

SECONDS = 20.0  # far less than any wait of ours, far more than it takes
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
WAITS = ("database away", "database hangs", "migrations missing", "broker away")


@contextmanager
def world(wait: str, postgres: PrivatePostgres, folder: Path) -> Iterator[Leadpipe]:
    """An installation that lacks this."""
    away = f"127.0.0.1:{free_port()}"
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and says nothing
        url, broker = f"postgresql://u@{away}/x", None
        if wait == "database hangs":
            url = f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/x"
        elif wait == "migrations missing":
            url = postgres.named("postgres")
        elif wait == "broker away":
            url, broker = asyncio.run(postgres.create()), f"amqp://u@{away}/"
        with installed(folder, url, broker) as leadpipe:
            yield leadpipe


@pytest.mark.parametrize("wait", WAITS)
def test_a_process_that_waits_to_start_ends_when_it_is_asked_to(
    wait: str, postgres: PrivatePostgres, tmp_path: Path
) -> None:
    with world(wait, postgres, tmp_path) as leadpipe:
        commands = [["work", "normalize", "log"], *([["ingress"]] if wait != "broker away" else [])]
        for command in commands:
            for number in SIGNALS if wait == WAITS[0] else SIGNALS[:1]:
                process = leadpipe.start(*command)
                waits(leadpipe, wait, process)
                process.send_signal(number)
                assert process.wait(SECONDS) == 0, leadpipe.log()
        assert "Traceback" not in leadpipe.log()


def waits(leadpipe: Leadpipe, wait: str, process: subprocess.Popen[bytes]) -> None:
    """Return once the process waits."""
    if wait == "database hangs":
        port = int(leadpipe.environment["LEADPIPE_DATABASE_URL"].rpartition(":")[2].partition("/")[0])
        running = psutil.Process(process.pid)
        until_blocking(lambda: any(each.raddr and each.raddr.port == port for each in running.net_connections()))
    else:
        before = leadpipe.log().count("waiting to start")
        until_blocking(lambda: leadpipe.log().count("waiting to start") > before, "a wait")


def test_up_that_waits_for_the_migrations_of_another_ends_when_it_is_asked_to(
    postgres: PrivatePostgres, tmp_path: Path
) -> None:
    url = asyncio.run(postgres.create())
    with held(url), installed(tmp_path, url) as leadpipe:
        process = leadpipe.start("up")
        until_blocking(lambda: asyncio.run(waiters(url)), "a process that waits for the lock")
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0, leadpipe.log()
        assert "Traceback" not in leadpipe.log()
        assert '"listening"' not in leadpipe.log()
    asyncio.run(postgres.drop(url))


def test_a_command_that_is_ended_says_so_by_its_exit_code(postgres: PrivatePostgres, tmp_path: Path) -> None:
    url = asyncio.run(postgres.create())
    with held(url), installed(tmp_path, url) as leadpipe:
        for number in (signal.SIGTERM, signal.SIGINT):
            process = leadpipe.start("migrate")
            until_blocking(lambda: asyncio.run(waiters(url)), "a process that waits for the lock")
            process.send_signal(number)
            assert process.wait(SECONDS) == 128 + number, leadpipe.log()
            until_blocking(lambda: not asyncio.run(waiters(url)), "the lock let go of")
    asyncio.run(postgres.drop(url))


def test_a_second_signal_ends_a_process_at_once(postgres: PrivatePostgres, tmp_path: Path) -> None:
    with world("database away", postgres, tmp_path) as leadpipe:
        process = leadpipe.start("work", "log")
        waits(leadpipe, "database away", process)
        process.send_signal(signal.SIGSTOP)  # both are there before it looks
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        assert process.wait(SECONDS) in (0, 1)


@contextmanager
def held(url: str) -> Iterator[None]:
    """Somebody migrates, and takes their time."""
    ready, over = threading.Event(), threading.Event()

    async def hold() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        ready.set()
        await asyncio.to_thread(over.wait)
        await connection.close()

    holding = threading.Thread(target=lambda: asyncio.run(hold()))
    holding.start()
    ready.wait()
    try:
        yield
    finally:
        over.set()
        holding.join()


async def waiters(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        return int(await connection.fetchval(query))
    finally:
        await connection.close()
