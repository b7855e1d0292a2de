"""A rehearsal on the database: everything works as it does with a pool, and nothing of it stays, whatever is tried."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from pipeline.store import accounts
from pipeline.store.database import Collision, Connection, Database
from pipeline.store.rehearsal import Breach, rehearsal

NAMES = "SELECT array_agg(name ORDER BY name) FROM account"
ADD = "INSERT INTO account (name) VALUES ($1)"


async def names(database: Database) -> list[str]:
    found: list[str] = await database.fetchval(NAMES)
    return found


async def test_what_is_written_is_seen_within_and_gone_after(database: Database) -> None:
    async with rehearsal(database) as trial:
        await accounts.create(trial, "one")

        async def two(connection: Connection) -> None:
            await connection.execute(ADD, "two")

        await asyncio.gather(trial.transaction(two), trial.execute(ADD, "three"))
        assert await names(trial) == ["default", "one", "three", "two"]
        assert await names(database) == ["default"]
    assert await names(database) == ["default"]


async def test_one_statement_that_fails_fails_alone(database: Database) -> None:
    async with rehearsal(database) as trial:
        await trial.execute(ADD, "one")
        with pytest.raises(asyncpg.UniqueViolationError):
            await trial.execute(ADD, "one")
        tries: list[int] = []

        async def collides_once(connection: Connection) -> None:
            await connection.execute(ADD, "two")
            tries.append(1)
            if len(tries) == 1:
                raise Collision("somebody was faster")

        await trial.transaction(collides_once)
        assert await names(trial) == ["default", "one", "two"]


@pytest.mark.parametrize("way_out", ["COMMIT", "ROLLBACK", "COMMIT AND CHAIN", "ROLLBACK; BEGIN"])
async def test_there_is_no_way_out(database: Database, way_out: str) -> None:
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        async with rehearsal(database) as trial, trial.connection() as connection:
            await connection.execute(ADD, "one")
            try:
                await connection.execute(way_out)
            except asyncpg.PostgresError as refused:
                assert "leadpipe_rehearsal" in str(refused)
            await connection.execute(ADD, "two")
    assert await names(database) == ["default"]
    await database.execute(ADD, "the connection is whole again")


async def test_one_that_only_reads_cannot_write_even_for_show(database: Database) -> None:
    async with rehearsal(database, read_only=True) as trial:
        with pytest.raises(Breach, match="declares"):
            await trial.execute(ADD, "one")
        assert await names(trial) == ["default"]
    await database.execute(ADD, "two")
    assert await names(database) == ["default", "two"]
