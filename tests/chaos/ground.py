"""The servers that scenarios play on, and what each world is given of them: a database, a standby, a role, proxies."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tests.chaos.postgres import ChaosPostgres
from tests.support.proxy import Proxy
from tests.support.proxy import proxied as proxy_to
from tests.support.rabbitmq import PrivateRabbitMQ, private_rabbitmq

ROLE = "ordinary"  # of PostgreSQL


@dataclass
class Servers:
    """PostgreSQL and, on that transport, RabbitMQ; several scenarios may follow each other on them."""

    folder: Path
    broker: str
    postgres: ChaosPostgres
    rabbitmq: PrivateRabbitMQ | None
    worlds: int = 0

    former: list[ChaosPostgres] = field(default_factory=list)

    def failed_over(self, to: ChaosPostgres) -> None:
        """From now on this one is the primary."""
        self.former.append(self.postgres)
        self.postgres = to

    @property
    def node(self) -> PrivateRabbitMQ:
        if self.rabbitmq is None:
            raise RuntimeError("this scenario is for RabbitMQ")
        return self.rabbitmq


@contextmanager
def servers(broker: str) -> Iterator[Servers]:
    """Start them; end them whatever happened."""
    with tempfile.TemporaryDirectory(prefix="leadpipe-chaos-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        postgres = ChaosPostgres(folder / "postgres")
        postgres.init()
        postgres.start()
        ground = Servers(folder, broker, postgres, None)
        try:
            asyncio.run(postgres.prepare())
            if broker == "rabbitmq":
                with private_rabbitmq() as ground.rabbitmq:
                    yield ground
            else:
                yield ground
        finally:
            for each in (*ground.former, ground.postgres):
                each.stop()


async def database(servers: Servers) -> str:
    """A database of its own for the scenario, cloned from the migrated one."""
    name = f"world{servers.worlds}"
    connection = await asyncpg.connect(ChaosPostgres.named(servers.postgres.port, "postgres"))
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE leadpipe")
    await connection.close()
    return ChaosPostgres.named(servers.postgres.port, name)


async def grant(url: str) -> None:
    """Let an ordinary role use every table, and no more."""
    connection = await asyncpg.connect(url)
    try:
        if not await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", ROLE):
            await connection.execute(f"CREATE ROLE {ROLE} LOGIN")
        for kind in ("TABLES", "SEQUENCES"):
            await connection.execute(f"GRANT ALL ON ALL {kind} IN SCHEMA public TO {ROLE}")
    finally:
        await connection.close()


async def standby(servers: Servers) -> ChaosPostgres:
    """A second server that follows the first."""
    follower = ChaosPostgres(servers.folder / f"standby-{servers.worlds}")
    await asyncio.to_thread(servers.postgres.copy_to, follower)
    await asyncio.to_thread(follower.start)
    return follower


def behind(url: str, port: int) -> str:
    """The same URL, through a proxy."""
    parts = urlsplit(url)
    who = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{who}@127.0.0.1:{port}"))


@asynccontextmanager
async def proxied(servers: Servers, wanted: bool) -> AsyncIterator[tuple[Proxy | None, Proxy | None]]:
    """Proxies before PostgreSQL and, where it is the broker, RabbitMQ; without them where none are wanted."""
    if not wanted:
        yield None, None
        return
    async with proxy_to(servers.postgres.port) as to_postgres:
        if servers.rabbitmq is None:
            yield to_postgres, None
            return
        async with proxy_to(servers.rabbitmq.port) as to_rabbitmq:
            yield to_postgres, to_rabbitmq
