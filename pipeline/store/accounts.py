"""Accounts: tenants. In: a name. Out: an id; everything else belongs to one."""

from __future__ import annotations

from pipeline.store.database import Database

DEFAULT = "default"  # there from the first migration on


async def find(database: Database, name: str = DEFAULT) -> int | None:
    """The id of the account with this name, or None."""
    id = await database.fetchval("SELECT id FROM account WHERE name = $1", name)
    return None if id is None else int(id)


async def create(database: Database, name: str) -> int:
    """The id of the account with this name, made if it does not exist."""
    await database.execute("INSERT INTO account (name) VALUES ($1) ON CONFLICT DO NOTHING", name)
    return int(await database.fetchval("SELECT id FROM account WHERE name = $1", name))


async def names(database: Database) -> dict[int, str]:
    """Every account's name by its id."""
    return {row["id"]: row["name"] for row in await database.fetch("SELECT id, name FROM account ORDER BY id")}
