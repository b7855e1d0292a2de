"""The connection pool, and what PostgreSQL's errors mean: which are about the world, and which about an event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias, TypeVar

import asyncpg
import orjson
import structlog

from pipeline.engine.outcome import Transient

log = structlog.get_logger(__name__)
T = TypeVar("T")

# asyncpg's connection, on loan from the pool
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,  # class 08
    asyncpg.InterfaceError,  # the connection was closed under us
    asyncpg.OperatorInterventionError,  # class 57: shutting down, starting up, statement cancelled by the server
    asyncpg.InsufficientResourcesError,  # class 53: disk full, too many connections
    asyncpg.ReadOnlySQLTransactionError,  # 25006: the old primary after a failover
    asyncpg.PostgresSystemError,  # class 58: I/O error outside PostgreSQL
    asyncpg.LockNotAvailableError,  # 55P03: a lock_timeout of ours has passed
    asyncpg.IdleInTransactionSessionTimeoutError,  # 25P03: this process was frozen in the middle of a transaction
    asyncpg.InvalidAuthorizationSpecificationError,  # class 28: another password by now, or a role that is locked
    asyncpg.InsufficientPrivilegeError,  # 42501: a right was withdrawn, or never given
    asyncpg.InvalidCatalogNameError,  # 3D000: there is no such database, yet or any more
    asyncpg.InternalClientError,  # among others: of several hosts, none accepts writes just now
)
STALE = (asyncpg.ReadOnlySQLTransactionError, asyncpg.OperatorInterventionError)
COLLISIONS = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InvalidCachedStatementError,  # a migration has changed a table under this transaction
)
UNFIT = (asyncpg.DataError, asyncpg.ProgramLimitExceededError)  # classes 22 and 54: a value that it cannot take
TRIES = 10


class DatabaseUnavailable(Transient):
    """PostgreSQL cannot be reached, is starting or stopping, or did not answer in time."""


class Collision(Exception):
    """Another transaction got there first; the same work, run again, will see what it did."""


class Database:
    """A pool of connections with bounds on every wait. `Database.open` makes one."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], timeout: float) -> None:
        self._pool = pool
        self._timeout = timeout

    @classmethod
    async def open(cls, url: str, *, size: int = 4, timeout: float = 15.0, ask: bool = True) -> Database:
        """Connect; raises DatabaseUnavailable. `timeout` bounds getting a connection and each statement, in seconds.

        Unless it is to `ask` at once, a server that is away is found to be so by whoever asks first.
        """
        with unavailable():
            pool = await asyncpg.create_pool(
                url,
                min_size=0,  # asyncpg keeps a floor up by itself, with a traceback in the log for each failure
                max_size=size,
                timeout=timeout,
                command_timeout=timeout,
                init=_prepare,
                reset=leave_as_it_is,
                server_settings={
                    "application_name": "leadpipe",
                    "timezone": "UTC",
                    "idle_in_transaction_session_timeout": str(int(timeout * 4000)),
                },
            )
        database = cls(pool, timeout)
        try:
            if ask:
                await database.fetchval("SELECT 1")
        except BaseException:
            pool.terminate()
            raise
        return database

    async def close(self) -> None:
        """Give the connections back to the server; cut them if it does not answer."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection on loan; raises DatabaseUnavailable for whatever goes wrong with the server meanwhile."""
        with unavailable():
            try:
                async with on_loan(self._pool, self._timeout) as connection:
                    yield connection
            except STALE:
                await self._pool.expire_connections()
                raise

    @asynccontextmanager
    async def _for_one(self) -> AsyncIterator[Connection]:
        """A connection for one statement, which by itself has nothing to run again: a collision is trouble, too."""
        try:
            async with self.connection() as connection:
                yield connection
        except COLLISIONS as error:
            raise DatabaseUnavailable(f"{type(error).__name__}: {error}") from error

    async def transaction(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run `work` in one transaction; again, up to ten times, when it collides with another one."""
        for tries in range(1, TRIES + 1):
            try:
                async with self.connection() as connection, connection.transaction():
                    return await work(connection)
            except (*COLLISIONS, Collision) as error:
                if tries == TRIES:
                    raise DatabaseUnavailable(f"{TRIES} collisions in a row: {error}") from error
                log.debug("collision", error=type(error).__name__, tries=tries)
        raise AssertionError("unreachable")

    async def fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        """The rows of one statement."""
        async with self._for_one() as connection:
            return await connection.fetch(sql, *values)

    async def fetchrow(self, sql: str, *values: Any) -> asyncpg.Record | None:
        """The first row of one statement."""
        async with self._for_one() as connection:
            return await connection.fetchrow(sql, *values)

    async def fetchval(self, sql: str, *values: Any) -> Any:
        """The first value of the first row of one statement."""
        async with self._for_one() as connection:
            return await connection.fetchval(sql, *values)

    async def execute(self, sql: str, *values: Any) -> str:
        """Run one statement; returns its command tag."""
        async with self._for_one() as connection:
            return await connection.execute(sql, *values)


@asynccontextmanager
async def on_loan(pool: asyncpg.Pool[asyncpg.Record], timeout: float) -> AsyncIterator[Connection]:
    """A connection of the pool, waited for at most `timeout` seconds.

    Whoever had it may be cancelled while it goes back. asyncpg then finishes that in a task which nobody waits for,
    and a server that does not answer would show as a traceback of asyncio's; so somebody listens.
    """
    connection = await pool.acquire(timeout=timeout)
    try:
        yield connection
    finally:
        going_back = asyncio.ensure_future(pool.release(connection))
        going_back.add_done_callback(_heard)
        await asyncio.shield(going_back)


def _heard(going_back: asyncio.Future[None]) -> None:
    if not going_back.cancelled() and (error := going_back.exception()) is not None:
        log.debug("a connection did not go back in order; it was cut", error=type(error).__name__)


@contextmanager
def unavailable() -> Iterator[None]:
    """Turn errors that are about the server, and not about the statement, into DatabaseUnavailable."""
    try:
        yield
    except AWAY as error:
        raise DatabaseUnavailable(said(error)) from error


def said(error: BaseException) -> str:
    """The error in a line; of one that passed without a word, as all of asyncio's timeouts do, what it means."""
    text = "no answer in time" if isinstance(error, TimeoutError) and not str(error) else str(error)
    return f"{type(error).__name__}: {text}"


async def leave_as_it_is(_: Connection) -> None:
    """A connection goes back as it is: nobody here changes a session, so asyncpg's four statements undo nothing.

    They would be a round trip for each loan. An open transaction is ended by asyncpg before this is called.
    """


async def _prepare(connection: Connection) -> None:
    """json and jsonb columns travel as Python values."""
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(
            kind,
            schema="pg_catalog",
            encoder=lambda value: orjson.dumps(value, option=orjson.OPT_UTC_Z).decode(),
            decoder=orjson.loads,
        )
