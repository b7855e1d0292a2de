"""Work on the database that never happened. In: a pool. Out: a `Database` whose doings are always taken back.

Everything runs on one connection in one transaction, which ends with ROLLBACK whatever happens; if this process dies,
the server does that. What a rollback does not undo is kept from happening: a COMMIT that somebody sends by hand is
refused by the server, since a deferred constraint is broken from the start, and outside that transaction the
connection can only read. Notifications are sent by commits, so there are none; what belongs to the session (advisory
locks, settings) is reset with it. Only a sequence keeps its step: a gap in numbers is no data.
Locks on records are waited for `LOCK_WAIT` at most, so that a rehearsal stands in nobody's way for long.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg

from pipeline.store.database import COLLISIONS, TRIES, Collision, Connection, Database, DatabaseUnavailable, unavailable

T = TypeVar("T")

LOCK_WAIT = "3s"

# Both values of one deferred unique column: what is never checked, since nothing commits, and fails what would.
NEVER_COMMIT = """
CREATE TEMPORARY TABLE leadpipe_rehearsal (one int UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP;
INSERT INTO leadpipe_rehearsal VALUES (1), (1)
"""


class Breach(Exception):
    """A stage did what it had promised not to do; nothing of it was kept."""


class Rehearsal(Database):
    """A Database within one transaction. Statements outside `transaction` stand alone, as they do with a pool."""

    def __init__(self, connection: Connection, read_only: bool) -> None:
        self.breached = False  # somebody tried to write where that was promised against
        self._connection = connection
        self._read_only = read_only
        self._free = asyncio.Lock()
        self._holder: asyncio.Task[object] | None = None

    async def close(self) -> None:
        """Whoever opened the rehearsal ends it."""

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """The one connection, for one task at a time, within a savepoint of its own."""
        task = asyncio.current_task()
        if self._holder is task:
            yield self._connection
            return
        async with self._free:
            self._holder = task
            try:
                with unavailable():
                    async with self._connection.transaction():
                        yield self._connection
            except DatabaseUnavailable as error:
                if not self._read_only or not isinstance(error.__cause__, asyncpg.ReadOnlySQLTransactionError):
                    raise
                self.breached = True
                raise Breach("it writes to the database, though it declares effects='none'") from error
            finally:
                self._holder = None

    @asynccontextmanager
    async def _for_one(self) -> AsyncIterator[Connection]:
        async with self.connection() as connection:
            yield connection

    async def transaction(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run `work` in a savepoint; again when it collides with a live transaction, as the pool does."""
        for tries in range(1, TRIES + 1):
            try:
                async with self.connection() as connection:
                    return await work(connection)
            except (*COLLISIONS, Collision) as error:
                if tries == TRIES:
                    raise DatabaseUnavailable(f"{TRIES} collisions in a row: {error}") from error
        raise AssertionError("unreachable")


@asynccontextmanager
async def rehearsal(database: Database, *, read_only: bool = False) -> AsyncIterator[Rehearsal]:
    """A rehearsal on a connection of the pool's; nothing of it stays. Raises DatabaseUnavailable.

    `read_only`: it cannot write at all, not even for show; what tries raises Breach.
    """
    async with database.connection() as connection:
        await connection.execute("SET default_transaction_read_only = on")
        transaction = connection.transaction()
        await transaction.start()
        try:
            if not read_only:
                await connection.execute("SET TRANSACTION READ WRITE")
                await connection.execute(NEVER_COMMIT)
            await connection.execute("SELECT set_config('lock_timeout', $1, true)", LOCK_WAIT)
            yield Rehearsal(connection, read_only)
        finally:
            await _roll_back(connection, transaction)


async def _roll_back(connection: Connection, transaction: asyncpg.transaction.Transaction) -> None:
    """Take everything back, also what outlives a transaction; a connection of which that is not certain is cut."""
    if connection.is_closed():
        return
    try:
        await transaction.rollback()
        await connection.execute("RESET ALL; UNLISTEN *; SELECT pg_advisory_unlock_all()")
    except BaseException:
        connection.terminate()
        raise
