"""An ingress on loopback for tests: real HTTP, the memory transport, and stand-ins for the store."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from pipeline.engine.frame import unpack
from pipeline.engine.outcome import Forward, Outcome
from pipeline.engine.stage import Stage
from pipeline.engine.topology import Topology, Work
from pipeline.engine.transport import BrokerUnavailable, Message, Parcel
from pipeline.ingress.app import SERVER, Ingress, build_app
from pipeline.ingress.authentication.guards import Guards
from pipeline.ingress.limits import Limits
from pipeline.ingress.listen import listen
from pipeline.ingress.needs import ClaimKeys, Results
from pipeline.ingress.receipts import Receipts
from pipeline.ingress.refused import RefusedLog
from pipeline.ingress.short import Short
from pipeline.ingress.spool.spool import Spool
from pipeline.store.database import DatabaseUnavailable
from pipeline.transport.memory import MemoryTransport
from schemas.connector import Connector, ConnectorSettings
from schemas.event import Event
from schemas.preset import Preset
from tests.support.until import PATIENCE

TOLD = {"outcome": "full"}  # what senders are told that wait
UNHURRIED = Limits(commit_seconds=PATIENCE, body_seconds=PATIENCE)  # a busy machine is no reason to refuse


async def _forward(batch: Sequence[Event], tools: Any) -> list[Outcome]:
    return [Forward(event) for event in batch]


TOPOLOGY = Topology.of([Stage("first", _forward), Stage("last", _forward, after="first", hears_ends=True)], [5])


def preset(**changes: Any) -> Preset:
    """A preset of a source that nobody has heard of."""
    return Preset(**{"name": "plain", "title": "Plain", "about": "For tests.", "kind": "lead", **changes})


def connector(
    id: int = 7, name: str = "site", enabled: bool = True, own: dict[str, Any] | None = None, **changes: Any
) -> Connector:
    """A connector of account 1 with settings of its `own`; `changes` go to its preset."""
    settings = ConnectorSettings(**{"name": name, "preset": "plain", "enabled": enabled, "reply": TOLD, **(own or {})})
    return Connector(id, 1, 3, settings, preset(**changes))


TOKEN = "t"


class StubCatalog:
    """Connectors by token. `away` plays a database that cannot be asked about others."""

    def __init__(self, **by_token: Connector) -> None:
        self.by = by_token
        self.away = False

    def known_by(self, token: str) -> Connector | None:
        return self.by.get(token)

    async def by_token(self, token: str) -> Connector | None:
        if token not in self.by and self.away:
            raise DatabaseUnavailable("away")
        return self.by.get(token)

    def names(self) -> dict[int, str]:
        return {connector.id: connector.name for connector in self.by.values()}


class StubDatabase:
    """Answers, or is away, or hangs."""

    def __init__(self) -> None:
        self.away = False
        self.hangs = False

    async def fetchval(self, sql: str, *values: Any) -> Any:
        if self.hangs:
            await asyncio.Event().wait()
        if self.away:
            raise DatabaseUnavailable("away")
        return 1


class WatchedTransport(MemoryTransport):
    """The memory transport with its publishes counted, and held back while `gate` is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.groups: list[int] = []  # events of each publish
        self.waiting = 0
        self.failures: list[Exception] = []
        self.refusal: Exception | None = None  # of every publish
        self._parcels: list[Parcel] = []

    async def publish(self, messages: Sequence[Message]) -> None:
        self.groups.append(sum(len(unpack(message.body, 0)) for message in messages))
        failure = self.failures.pop() if self.failures else self.refusal
        self.waiting += 1
        try:
            await self.gate.wait()
        finally:
            self.waiting -= 1
        if failure:
            raise failure
        await super().publish(messages)

    async def events(self) -> list[Event]:
        """Everything that was published to the entry, in order."""
        subscription = await self.subscribe(Work("first"), self._parcels.append, lambda: None, 1_000_000)
        await subscription.cancel()
        return [delivery.event for parcel in self._parcels for delivery in unpack(parcel.body, 0)]


@dataclass
class Door:
    """A running ingress, and what stands behind it."""

    url: str
    port: int
    session: aiohttp.ClientSession
    ingress: Ingress
    transport: WatchedTransport
    catalog: StubCatalog
    database: StubDatabase
    journal: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    async def post(
        self, body: Any = b"", token: str = TOKEN, query: str = "", **headers: str
    ) -> tuple[int, Any, Mapping[str, str]]:
        """Post; returns status, decoded answer and headers. `content_type=…` becomes `content-type: …`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        skip = () if "content-type" in sent else ("Content-Type",)
        url = f"{self.url}/in/{token}{query}"
        async with self.session.post(url, data=body, headers=sent, skip_auto_headers=skip) as response:
            return response.status, await response.json(content_type=None), dict(response.headers)

    async def raw(self, content: bytes) -> bytes:
        """Write these bytes to a connection; all that comes back until it is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(content)
        try:
            async with asyncio.timeout(PATIENCE):
                return await reader.read()
        finally:
            writer.transport.abort()  # what nobody reads any more must not hold the connection open

    async def events(self) -> list[Event]:
        return await self.transport.events()


@asynccontextmanager
async def open_door(
    *,
    transport: Any = None,
    guards: Guards | None = None,
    limits: Limits | None = None,
    receipts: Receipts | None = None,
    refused: RefusedLog | None = None,
    spool: Spool | None = None,
    keys: ClaimKeys | None = None,
    keepalive: float = 15,
    **by_token: Connector,
) -> AsyncIterator[Door]:
    """An ingress whose connector `site` has the token `t`, unless others are given."""
    catalog = StubCatalog(**(by_token or {"t": connector()}))
    database = StubDatabase()
    if transport is None:
        transport = WatchedTransport()
        await transport.declare(TOPOLOGY)
    journal: dict[str, Mapping[str, Any]] = {}

    async def look(ids: Sequence[str]) -> Results:
        return {id: journal[id] for id in ids if id in journal}

    stores: dict[str, Any] = {"guards": guards, "journal": look, "receipts": receipts, "spool": spool, "keys": keys}
    stores["refused"] = refused
    ingress = Ingress(catalog, transport, TOPOLOGY, database, limits=limits or UNHURRIED, **stores)
    await ingress.start()
    runner = web.AppRunner(build_app(ingress), **{**SERVER, "lingering_time": 0.05, "keepalive_timeout": keepalive})
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    server = await listen(
        runner, ingress.limits.connections, short=Short(ingress.take, asyncio.Event()), sock=listening
    )
    port = listening.getsockname()[1]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        try:
            yield Door(f"http://127.0.0.1:{port}", port, session, ingress, transport, catalog, database, journal)
        finally:
            if isinstance(transport, WatchedTransport):
                transport.gate.set()
            await server.close()
            await ingress.stop()
            await runner.cleanup()


AWAY = BrokerUnavailable("away")
