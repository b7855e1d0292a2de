"""Migrations: applied once, under a lock, and never on a database that does not match."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.store.database import Database
from pipeline.store.migrate import MigrationError, migrate, pending


async def test_a_migrated_database_has_nothing_pending(database: Database) -> None:
    assert await pending(database) == []
    assert await migrate(database) == []


async def test_several_processes_may_migrate_at_once(database: Database) -> None:
    assert await asyncio.gather(*(migrate(database) for _ in range(4))) == [[], [], [], []]


async def test_a_newer_schema_is_refused(database: Database) -> None:
    await database.execute("INSERT INTO migration (number, name, checksum) VALUES (9999, 'future', 'x')")
    with pytest.raises(MigrationError, match="set up by a newer version"):
        await pending(database)


async def test_a_changed_migration_is_refused(database: Database) -> None:
    await database.execute("UPDATE migration SET checksum = 'x' WHERE number = 1")
    with pytest.raises(MigrationError, match="was changed after it was applied"):
        await pending(database)
