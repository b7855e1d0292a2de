"""A private PostgreSQL for tests: one server a session, one database a test, cloned from a migrated template.

Every server starts as a copy of one cluster, the mold, which is made once: to make a cluster and to migrate it takes
seconds, and a copy none.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from pipeline.daemon.embedded import start_server
from pipeline.store.database import Database
from pipeline.store.migrate import migrate

TEMPLATE = "leadpipe_template"
MOLD = "TESTS_POSTGRES_MOLD"  # the variable that names the mold's folder to every process of a run
# What these give up is what outlives a power cut, and a plan's last percent: no test of what is right asks for either.
HASTY = ("fsync = off", "full_page_writes = off", "autovacuum = off")


class PrivatePostgres:
    """A running server with the shipped schema in a template database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._clone = ""

    def named(self, database: str) -> str:
        """The URL of one of its databases."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{database}"))

    async def create(self) -> str:
        """A new database with the shipped schema; returns its URL."""
        name = f"t{uuid4().hex[:12]}"
        await self._run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} {self._clone}")
        return self.named(name)

    async def drop(self, url: str) -> None:
        """Remove a database, also with connections on it."""
        await self._run(f"DROP DATABASE IF EXISTS {urlsplit(url).path[1:]} WITH (FORCE)")

    async def hurry(self) -> None:
        """From now on nothing waits for the disk, and a clone is a copy of files."""
        await self._run(*(f"ALTER SYSTEM SET {setting}" for setting in HASTY), "SELECT pg_reload_conf()")
        self._clone = "STRATEGY FILE_COPY"

    async def _run(self, *statements: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            for sql in statements:
                await connection.execute(sql)
        finally:
            await connection.close()


@contextmanager
def private_postgres(*, hasty: bool = False) -> Iterator[PrivatePostgres]:
    """Start a server in a temporary folder, and end it. A hasty one spares the disk; its figures say nothing."""
    with tempfile.TemporaryDirectory(prefix="leadpipe-pg-") as folder:
        data = Path(folder) / "data"
        copy_mold(data)
        with start_server(data) as server:
            postgres = PrivatePostgres(server.get_uri())
            if hasty:
                asyncio.run(postgres.hurry())
            yield postgres


def copy_mold(data: Path) -> None:
    """Put a cluster with the template there, for a server that starts."""
    subprocess.run(["cp", "-a", str(_mold()), str(data)], check=True)  # with owners, modes and links


@cache
def _mold() -> Path:
    """The data of a server that has been stopped; made by whichever process of the run is first."""
    folder = Path(os.environ.get(MOLD) or _own_folder().name)
    made, making = folder / "data", folder / "making"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(making, ignore_errors=True)
            with start_server(making) as server:
                asyncio.run(_prepare(PrivatePostgres(server.get_uri())))
            for trace in ("log", ".handle_pids.json"):
                (making / trace).unlink()
            making.rename(made)
    return made


@cache
def _own_folder() -> tempfile.TemporaryDirectory[str]:
    """For a run that is one process; removed when that ends."""
    return tempfile.TemporaryDirectory(prefix="leadpipe-mold-")


async def _prepare(postgres: PrivatePostgres) -> None:
    await postgres._run(f"CREATE DATABASE {TEMPLATE}")
    database = await Database.open(postgres.named(TEMPLATE), size=1)
    await migrate(database)
    await database.close()
