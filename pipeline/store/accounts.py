"""Accounts: tenants. In: a name. Out: an id; everything else belongs to one."""

from __future__ import annotations

from typing import Any

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


async def add(database: Database, name: str) -> int | None:
    """The id of a new account; None: there is one of this name."""
    id = await database.fetchval("INSERT INTO account (name) VALUES ($1) ON CONFLICT DO NOTHING RETURNING id", name)
    return None if id is None else int(id)


async def list_all(database: Database) -> list[dict[str, Any]]:
    """Every account: id, name, created_at."""
    return [dict(row) for row in await database.fetch("SELECT id, name, created_at FROM account ORDER BY id")]


async def get(database: Database, id: int) -> dict[str, Any] | None:
    """One account: id, name, created_at; or None."""
    row = await database.fetchrow("SELECT id, name, created_at FROM account WHERE id = $1", id)
    return None if row is None else dict(row)
