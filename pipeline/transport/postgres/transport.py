"""The transport over PostgreSQL. In: frames. Out: rows on disk, and parcels to consumers; see `sql` for how."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import asyncpg

from pipeline.engine.topology import Address, Rung, Topology, Work
from pipeline.engine.transport import BrokerUnavailable, Depth, Message, Parcel, Subscription, Unroutable
from pipeline.store.database import STALE, Connection, leave_as_it_is, on_loan
from pipeline.transport.postgres import sql
from pipeline.transport.postgres.session import Terms
from pipeline.transport.postgres.subscription import PostgresSubscription
from pipeline.transport.postgres.trouble import broker_errors

POOL = 4  # connections for publishing and asking; each subscription has one of its own
DELIVERY_LIMIT = 20


class PostgresTransport:
    """Keeps the contract of Transport in a migrated database (`leadpipe migrate`).

    `prefix` goes before every queue name: transports with different ones do not see each other. `timeout` bounds
    every wait for the server. A consumer that died is noticed within about `poll` by any other consumer in the
    database; one that is frozen, or cut off without the server's noticing, after `lease`. What it held is then
    delivered again, at most 20 times, and goes to the dead queue after that. All times in seconds.
    """

    def __init__(
        self, url: str, *, prefix: str = "", timeout: float = 10.0, lease: float = 30.0, poll: float = 1.0
    ) -> None:
        self._terms = Terms(url, prefix, timeout, lease, poll, DELIVERY_LIMIT)
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._subscriptions: set[PostgresSubscription] = set()

    async def open(self) -> None:
        """Connect; raises BrokerUnavailable."""
        if self._pool is None:
            # No floor of connections: asyncpg would keep it up by itself, and log a traceback for each failure.
            self._pool = await asyncpg.create_pool(
                self._terms.url, min_size=0, max_size=POOL, reset=leave_as_it_is, **self._terms.options
            )
        async with self._connection() as connection:
            await connection.execute("SELECT 1")

    async def declare(self, topology: Topology) -> None:
        """Make every queue of the topology exist; raises MigrationError if the broker's tables do not."""
        async with self._connection() as connection:
            queues = [address.queue for address in topology.addresses()]
            await connection.execute(sql.DECLARE, self._terms.prefix, queues)

    async def publish(self, messages: Sequence[Message]) -> None:
        """All of them, on disk, or none: raises Unroutable with nothing published."""
        if not messages:
            return
        homes = [Work(m.to.stage).queue if isinstance(m.to, Rung) else m.to.queue for m in messages]
        rungs = [m.to.queue if isinstance(m.to, Rung) else None for m in messages]
        waits = [float(m.to.seconds) if isinstance(m.to, Rung) else 0.0 for m in messages]
        bodies = [m.body for m in messages]
        async with self._connection() as connection:
            missing = await connection.fetchval(sql.PUBLISH, self._terms.prefix, homes, rungs, waits, bodies)
        if missing:
            raise Unroutable(f"no such queue: {', '.join(self._terms.prefix + name for name in missing)}")

    async def subscribe(
        self, source: Address, deliver: Callable[[Parcel], None], lost: Callable[[], None], prefetch: int
    ) -> Subscription:
        """Consume on a connection of its own; raises BrokerUnavailable, or Unroutable for an undeclared queue."""
        self._opened()
        if self._pool is None:
            raise BrokerUnavailable("this transport is not open")
        subscription = PostgresSubscription(self._terms, source, deliver, lost, prefetch)
        await subscription.start()
        self._subscriptions.add(subscription)
        subscription.task.add_done_callback(lambda _: self._subscriptions.discard(subscription))
        return subscription

    async def depths(self) -> dict[str, Depth]:
        """Ready messages and living consumers per queue; what waits on a rung counts under the rung's queue."""
        async with self._connection() as connection:
            await connection.execute(sql.TEND, None, 0.0)
            rows = await connection.fetch(sql.DEPTHS, self._terms.prefix)
        return {row["name"]: Depth(row["ready"], row["consumers"]) for row in rows}

    async def close(self) -> None:
        """Give unsettled parcels back at once and disconnect."""
        await asyncio.gather(*(subscription.close() for subscription in list(self._subscriptions)))
        if (pool := self._pool) is not None:
            self._pool = None
            try:
                async with asyncio.timeout(self._terms.timeout):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    def _opened(self) -> asyncpg.Pool[asyncpg.Record]:
        if self._pool is None:
            raise BrokerUnavailable("this transport is not open")
        return self._pool

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        pool = self._opened()
        with broker_errors():
            try:
                async with on_loan(pool, self._terms.timeout) as connection:
                    yield connection
            except STALE:
                await pool.expire_connections()
                raise
