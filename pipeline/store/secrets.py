"""Secrets that are kept here. In: sealed bytes by account and name. Out: the same; nothing in this file opens one."""

from __future__ import annotations

from typing import Any

from pipeline.store import account_changes
from pipeline.store.account_changes import NOBODY, By
from pipeline.store.database import Connection, Database

# (xmax = 0) holds for a row that this statement inserted
PUT = """
INSERT INTO secret (account_id, name, sealed) VALUES ($1, $2, $3)
ON CONFLICT (account_id, name) DO UPDATE SET sealed = excluded.sealed, updated_at = now()
RETURNING xmax = 0
"""
LIST = "SELECT name, created_at, updated_at FROM secret WHERE account_id = $1 ORDER BY name"
# what was set anew meanwhile stays as it was set
RESEAL = "UPDATE secret SET sealed = $4 WHERE account_id = $1 AND name = $2 AND sealed = $3"

Sealed = dict[tuple[int, str], bytes]  # by account and name


async def put(database: Database, account: int, name: str, sealed: bytes, by: By = NOBODY) -> bool:
    """Keep a secret, in place of one of the same name; True if there was none."""

    async def work(connection: Connection) -> bool:
        new = bool(await connection.fetchval(PUT, account, name, sealed))
        await account_changes.note(connection, account, by, "secret created" if new else "secret replaced", name)
        return new

    return await database.transaction(work)


async def list_all(database: Database, account: int) -> list[dict[str, Any]]:
    """The secrets of an account: name, created_at, updated_at."""
    return [dict(row) for row in await database.fetch(LIST, account)]


async def remove(database: Database, account: int, name: str, by: By = NOBODY) -> bool:
    """Forget a secret; False if there is none."""

    async def work(connection: Connection) -> bool:
        done = await connection.execute("DELETE FROM secret WHERE account_id = $1 AND name = $2", account, name)
        if done == "DELETE 0":
            return False
        await account_changes.note(connection, account, by, "secret removed", name)
        return True

    return await database.transaction(work)


async def load_all(database: Database) -> Sealed:
    """Every secret of every account, sealed."""
    rows = await database.fetch("SELECT account_id, name, sealed FROM secret")
    return {(row["account_id"], row["name"]): bytes(row["sealed"]) for row in rows}


async def count(database: Database) -> int:
    """How many are kept, of all accounts."""
    return int(await database.fetchval("SELECT count(*) FROM secret"))


async def reseal(database: Database, account: int, name: str, old: bytes, new: bytes) -> bool:
    """Put the same secret under another seal; False if it was changed meanwhile."""
    return await database.execute(RESEAL, account, name, old, new) != "UPDATE 0"
