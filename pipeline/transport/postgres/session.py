"""One consumer's own connection: it holds the lock that proves it alive, hears NOTIFY, claims and settles.

In: the address of a queue. Out: parcels, as rows claimed under this consumer's id. Any error ends the session.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import asyncpg
import structlog

from pipeline.engine.topology import Address, Dead, Work
from pipeline.engine.transport import BrokerUnavailable, Parcel, Unroutable
from pipeline.transport.postgres import sql
from pipeline.transport.postgres.trouble import broker_errors

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a transport agrees with the server: times in seconds, and after how many deliveries a frame is dead."""

    url: str
    prefix: str
    timeout: float
    lease: float
    poll: float
    delivery_limit: int

    @property
    def options(self) -> dict[str, Any]:
        """For asyncpg: bounds on every wait, and settings under which each statement keeps to its index.

        A queue table is empty at one moment and full at the next, so the statistics on it mislead the planner: left
        alone, it fetches and sorts a backlog of 60,000 frames for each claim (80 ms instead of 4).
        """
        return {
            "timeout": self.timeout,
            "command_timeout": self.timeout,
            "server_settings": {
                "application_name": "leadpipe-broker",
                "timezone": "UTC",
                "synchronous_commit": "on",
                "enable_seqscan": "off",
                "enable_bitmapscan": "off",
                "enable_sort": "off",
                "jit": "off",
            },
        }


class Token(NamedTuple):
    """What a parcel is settled by: valid only in the session that claimed it."""

    session: Session
    message: int


class Claim(NamedTuple):
    """What one claim brought: parcels, how many rows it took in all, and seconds until the next becomes visible."""

    parcels: list[Parcel]
    taken: int
    pause: float | None


class Session:
    """A registered consumer. `Session.open` makes one; statements must not overlap."""

    def __init__(
        self, connection: asyncpg.Connection[asyncpg.Record], row: asyncpg.Record, source: Address, terms: Terms
    ) -> None:
        self.consumer: int = row["id"]
        self._queue: int = row["queue"]
        self._dead: int | None = row["dead"]
        self._connection = connection
        self._source = source
        self._terms = terms

    @classmethod
    async def open(cls, terms: Terms, source: Address, wake: Callable[[], None], former: int | None = None) -> Session:
        """Connect and register; `wake` is called on news and on loss; `former` is the consumer that this one replaces.

        Raises BrokerUnavailable, Unroutable if the queue does not exist, MigrationError without the tables.
        """
        with broker_errors():
            connection = await asyncpg.connect(terms.url, **terms.options)
            try:
                return await cls._register(connection, terms, source, wake, former)
            except BaseException:
                connection.terminate()
                raise

    @classmethod
    async def _register(
        cls,
        connection: asyncpg.Connection[asyncpg.Record],
        terms: Terms,
        source: Address,
        wake: Callable[[], None],
        former: int | None,
    ) -> Session:
        connection.add_termination_listener(lambda _: wake())
        if former is not None:
            await connection.execute(sql.FORGET, former)
        dead = Dead(source.stage).queue if isinstance(source, Work) else None
        row = await connection.fetchrow(sql.REGISTER, terms.prefix, source.queue, dead, terms.lease)
        if row is None:
            raise Unroutable(f"queue {terms.prefix}{source.queue} does not exist")
        # From here on a commit that the server forgets in a crash means a redelivery, so none waits for the disk.
        # The registration did wait: an id of a consumer is never given twice.
        await connection.execute("SET synchronous_commit = off")
        await connection.add_listener(f"broker_{row['queue']}", lambda *_: wake())
        return cls(connection, row, source, terms)

    @property
    def closed(self) -> bool:
        return self._connection.is_closed()

    async def claim(self, most: int) -> Claim:
        """Take up to `most` ready messages, the oldest first; those delivered too often go to the dead queue."""
        rows = await self._connection.fetch(
            sql.CLAIM, self.consumer, self._queue, most, self._terms.delivery_limit, self._dead
        )
        pause = rows[0]["pause"]
        taken = [row for row in rows if row["id"] is not None]
        if spent := sum(row["spent"] for row in taken):
            log.error("delivery limit reached", queue=self._source.queue, frames=spent)
        parcels = [Parcel(row["body"], Token(self, row["id"]), row["deliveries"]) for row in taken if not row["spent"]]
        return Claim(parcels, len(taken), pause)

    async def ack(self, messages: Sequence[int]) -> None:
        """Delete these messages, where they are still this consumer's."""
        await self._connection.execute(sql.ACK, self.consumer, messages)

    async def release(self, messages: Sequence[int]) -> None:
        """Give these messages back, where they are still this consumer's."""
        await self._connection.execute(sql.RELEASE, self.consumer, messages)

    async def tend(self) -> None:
        """Renew the lease; free what dead and frozen consumers hold. Raises BrokerUnavailable if this one was freed."""
        row = await self._connection.fetchrow(sql.TEND, self.consumer, self._terms.lease)
        if row is None or not row["alive"]:
            raise BrokerUnavailable("this consumer did not renew its lease in time; others took over what it held")
        if row["freed"]:
            log.warning("freed the claims of lost consumers", consumers=row["freed"])

    async def retire(self) -> None:
        """Count no more as a consumer of the queue; what is held stays held."""
        await self._connection.execute(sql.RETIRE, self.consumer)

    async def leave(self) -> None:
        """Give everything back and disconnect."""
        await self._connection.execute(sql.LEAVE, self.consumer)
        await self._connection.close(timeout=self._terms.timeout)

    def terminate(self) -> None:
        """Cut the connection; the server frees the lock, and other consumers free the claims."""
        self._connection.terminate()
