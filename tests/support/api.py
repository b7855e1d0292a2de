"""The API on loopback for tests: real HTTP and a real database, keys of every role, the memory transport."""

from __future__ import annotations

import io
import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from pipeline.api.mount import mounted
from pipeline.daemon.core import Core, topology_of
from pipeline.ingress.app import SERVER
from pipeline.operations import keys, users
from pipeline.operations.access import Actor
from pipeline.settings import Settings
from pipeline.store import accounts
from pipeline.store.catalog import Catalog
from pipeline.store.database import Database
from pipeline.transport.memory import MemoryTransport
from schemas.access import Role, Scope


@dataclass(frozen=True)
class Answered:
    """An answer, read."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.text)

    @property
    def error(self) -> Any:
        """Why not: problem details, RFC 9457."""
        return self.json


@dataclass
class Tenant:
    """An account with a user and a key for each role."""

    id: int
    name: str
    keys: dict[str, str]  # by role


@dataclass
class Served:
    """The API, and two accounts that use it."""

    base: str
    session: aiohttp.ClientSession
    core: Core
    ours: Tenant
    theirs: Tenant

    @property
    def database(self) -> Database:
        return self.core.database

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = "admin",
        data: bytes | None = None,
        **headers: str,
    ) -> Answered:
        """Call a path below /api/v1; `key` is one of ours by role, or a whole key, or None."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            given.setdefault("Authorization", f"Bearer {self.ours.keys.get(key, key)}")
        if data is None and body is not None:
            data = orjson.dumps(body)
        if data is not None:
            given.setdefault("Content-Type", "application/json")
        url = path if path.startswith("/api") else f"/api/v1{path}"
        stream = None if data is None else io.BytesIO(data)
        async with self.session.request(method, self.base + url, data=stream, headers=given) as answer:
            return Answered(answer.status, answer.headers, await answer.text())

    async def done(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The same, where it must work; returns what was answered."""
        answer = await self.ask(method, path, body, **more)
        assert answer.status < 300, answer
        return answer.json if answer.text else None


@asynccontextmanager
async def served(database_url: str, folder: Path, **settings: Any) -> AsyncIterator[Served]:
    """The API on a free port, on this database."""
    wanted = Settings(**{"database_url": database_url, "data_dir": folder, "api_rate": 10_000, **settings})
    database = await Database.open(database_url)
    topology = topology_of(wanted)
    transport = MemoryTransport()
    await transport.declare(topology)
    catalog = Catalog(database)
    await catalog.refresh()
    core = Core(wanted, database, catalog, topology, transport)
    try:
        async with mounted(core) as routes, aiohttp.ClientSession() as session:
            app = web.Application()
            app.add_routes(routes)
            runner = web.AppRunner(app, **SERVER)
            await runner.setup()
            listening = socket.create_server(("127.0.0.1", 0))
            await web.SockSite(runner, listening).start()
            ours, theirs = await tenant(database, "default"), await tenant(database, "zebra")
            try:
                yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}", session, core, ours, theirs)
            finally:
                await runner.cleanup()
    finally:
        await database.close()


async def tenant(database: Database, name: str) -> Tenant:
    """An account with a user and a key for each role."""
    id = await accounts.create(database, name)
    actor = Actor.local(id, name)
    made = {}
    for role in Role:
        await users.create(database, actor, f"{role}@{name}.example.com", role=role)
        key = await keys.create(database, actor, str(role), email=f"{role}@{name}.example.com")
        made[str(role)] = key.whole
    return Tenant(id, name, made)


async def key_of(served: Served, role: Role, *scopes: Scope) -> str:
    """Another key of one of our users, with these scopes alone."""
    actor = Actor.local(served.ours.id)
    made = await keys.create(
        served.database, actor, "narrow", email=f"{role}@{served.ours.name}.example.com", scopes=list(scopes)
    )
    return made.whole


async def another_user(served: Served, role: str, *scopes: Scope, fields: Mapping[str, Any] | None = None) -> str:
    """Another user of ours; returns their key, with all that the role allows, or with these scopes alone."""
    actor = Actor.local(served.ours.id)
    email = f"{role}-{secrets.token_hex(4)}@{served.ours.name}.example.com"
    await users.create(served.database, actor, email, role=Role(role), fields=fields or {})
    made = await keys.create(served.database, actor, "another", email=email, scopes=list(scopes) or None)
    return made.whole
