"""The pool: what is about the server is Transient, and never about an event."""

from __future__ import annotations

import asyncio
import logging
import socket

import asyncpg
import pytest

from pipeline.engine.outcome import Transient
from pipeline.store.database import AWAY, Database, DatabaseUnavailable


async def test_a_statement_that_collides_alone_is_trouble_of_the_world(database: Database) -> None:
    """Two sessions lock two rows in opposite order; whoever PostgreSQL ends hears DatabaseUnavailable."""
    await database.execute("CREATE TABLE pair (id int PRIMARY KEY, n int)")
    await database.execute("INSERT INTO pair VALUES (1, 0), (2, 0)")
    await database.execute(
        "CREATE FUNCTION lock_pair(a int, b int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN"
        " UPDATE pair SET n = 1 WHERE id = a; PERFORM pg_advisory_xact_lock(a);"
        " WHILE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = b)"  # the other has its first
        " LOOP PERFORM pg_sleep(0.01); END LOOP;"
        " UPDATE pair SET n = 1 WHERE id = b; END $$"
    )
    results = await asyncio.gather(
        database.execute("SELECT lock_pair(1, 2)"), database.execute("SELECT lock_pair(2, 1)"), return_exceptions=True
    )
    [failed] = [result for result in results if isinstance(result, BaseException)]
    assert isinstance(failed, DatabaseUnavailable)
    assert isinstance(failed, Transient)
    assert "DeadlockDetected" in str(failed)


def test_no_host_that_accepts_writes_is_trouble_of_the_world() -> None:
    assert issubclass(asyncpg.exceptions.TargetServerAttributeNotMatched, AWAY)
    assert issubclass(asyncpg.ReadOnlySQLTransactionError, AWAY)
    assert issubclass(asyncpg.IdleInTransactionSessionTimeoutError, AWAY)


async def test_the_pool_keeps_nothing_up_by_itself(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """With a floor, asyncpg reconnects in the background, and logs a traceback each time that fails."""
    database = await Database.open(database_url)
    try:
        with caplog.at_level(logging.DEBUG, "asyncpg.pool"):
            with pytest.raises(DatabaseUnavailable):
                await database.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            assert await database.fetchval("SELECT 1") == 1
        assert not caplog.records
    finally:
        await database.close()


async def test_a_server_that_is_away_is_told_at_once() -> None:
    with pytest.raises(DatabaseUnavailable):
        await Database.open("postgresql://postgres@127.0.0.1:9/none?target_session_attrs=read-write", timeout=2)


async def test_a_server_that_never_answers_is_told_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel answers the handshake, and nobody any more
        port = silent.getsockname()[1]
        with pytest.raises(DatabaseUnavailable, match="no answer in time"):
            await Database.open(f"postgresql://postgres@127.0.0.1:{port}/none?sslmode=disable", timeout=0.2)
