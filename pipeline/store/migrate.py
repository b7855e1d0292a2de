"""Numbered migrations, applied in order under a lock. In: `migrations/NNNN_name.sql`. Out: the schema, up to date.

Forward only. Each file runs in one transaction, with what `AFTER` does once it has run; the table `migration` keeps its
number and checksum.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files

from pipeline.engine.outcome import Transient
from pipeline.store import field_keys
from pipeline.store.database import Connection, Database

AFTER: Mapping[int, Callable[[Connection], Awaitable[None]]] = {21: field_keys.fold_all}  # what SQL alone cannot do
LOCK = 7_303_014_111  # pg_advisory_lock key: one migrator at a time


class MigrationError(RuntimeError):
    """The database does not match this program; the message says how, and what to do."""


class SchemaBehind(Transient):
    """The database lacks migrations of this program; they may be under way."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of SQL."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped() -> list[Migration]:
    """The migrations of this program, in order."""
    found = []
    for file in files("pipeline.store").joinpath("migrations").iterdir():
        if match := re.fullmatch(r"(\d{4})_(\w+)\.sql", file.name):
            found.append(Migration(int(match[1]), match[2], file.read_text()))
    return sorted(found, key=lambda migration: migration.number)


async def migrate(database: Database) -> list[Migration]:
    """Apply what is missing; returns it. Safe to call from several processes at once. Raises MigrationError."""

    async def apply(connection: Connection) -> list[Migration]:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migration (number int PRIMARY KEY, name text NOT NULL,"
            " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        missing = await _missing(connection)
        for migration in missing:
            await connection.execute(migration.sql)
            if (then := AFTER.get(migration.number)) is not None:
                await then(connection)
            await connection.execute(
                "INSERT INTO migration (number, name, checksum) VALUES ($1, $2, $3)",
                migration.number,
                migration.name,
                migration.checksum,
            )
        return missing

    return await database.transaction(apply)


async def caught_up(database: Database) -> None:
    """Return when the database has every migration of this program; raises SchemaBehind.

    It may have more: the next version's, whose processes are about to take over from this one.
    """
    async with database.connection() as connection:
        there = await connection.fetchval("SELECT to_regclass('migration') IS NOT NULL")
        applied = await connection.fetch("SELECT number FROM migration") if there else []
    if missing := {migration.number for migration in shipped()} - {row["number"] for row in applied}:
        raise SchemaBehind(f"the database lacks {len(missing)} migration(s); run `leadpipe migrate`")


async def pending(database: Database) -> list[Migration]:
    """What `migrate` would apply. Raises MigrationError if the schema is newer than this program, or was changed."""
    async with database.connection() as connection:
        if not await connection.fetchval("SELECT to_regclass('migration') IS NOT NULL"):
            return shipped()
        return await _missing(connection)


async def _missing(connection: Connection) -> list[Migration]:
    applied = {row["number"]: row for row in await connection.fetch("SELECT number, name, checksum FROM migration")}
    ours = shipped()
    if newer := set(applied) - {migration.number for migration in ours}:
        raise MigrationError(
            f"the database has migration {max(newer)}, which this program does not know: "
            "it was set up by a newer version; start that version instead"
        )
    for migration in ours:
        if migration.number in applied and applied[migration.number]["checksum"] != migration.checksum:
            raise MigrationError(
                f"migration {migration.number} ({migration.name}) was changed after it was applied to this database; "
                "a change of the schema needs a migration of its own"
            )
    return [migration for migration in ours if migration.number not in applied]
