"""Keys that were made with other keys, and end with them. In: a key, in a transaction. Out: its descendants, ended.

Descendants of a key are the keys that were made with it, those made with these, and whatever took the place of one of
them by rotation. What takes the place of the key itself is none of them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pipeline.store.database import Connection, Database

DESCENDANTS = """
WITH RECURSIVE descendant AS (
    SELECT id FROM api_key WHERE parent = $1
    UNION
    SELECT k.id FROM api_key AS k JOIN descendant AS d ON k.parent = d.id OR k.replaces = d.id WHERE k.id <> $1
)
"""
REVOKE = f"""
{DESCENDANTS}
UPDATE api_key AS k SET revoked_at = now() FROM descendant AS d
WHERE k.id = d.id AND k.revoked_at IS NULL RETURNING k.prefix, k.name, k.user_id
"""
SHORTEN = f"""
{DESCENDANTS}
UPDATE api_key AS k SET expires_at = $2 FROM descendant AS d
WHERE k.id = d.id AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2) RETURNING k.id
"""
IS_ONE = f"{DESCENDANTS} SELECT EXISTS (SELECT FROM descendant WHERE id = $2)"
LIVE = f"""
{DESCENDANTS}
SELECT count(*) FROM descendant AS d JOIN api_key AS k USING (id)
WHERE k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
"""
# held until the transaction ends, so that the key is not ended meanwhile
HOLD = """
SELECT expires_at FROM api_key
WHERE id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) FOR SHARE
"""


class ParentEnded(LookupError):
    """The key that another one was to be made with has expired, or was revoked."""


async def hold(connection: Connection, key: int) -> datetime | None:
    """When a key ends, which stays so until the transaction ends. Raises ParentEnded."""
    row = await connection.fetchrow(HOLD, key)
    if row is None:
        raise ParentEnded("the key that this is asked with has ended")
    end: datetime | None = row["expires_at"]
    return end


async def revoke_below(connection: Connection, key: int) -> list[dict[str, Any]]:
    """Revoke all descendants of a key that is revoked already in this transaction: prefix, name, user_id of each."""
    ended: list[dict[str, Any]] = []
    while rows := await connection.fetch(REVOKE, key):  # again, for what was made while one of them was waited for
        ended += [dict(row) for row in rows]
    return ended


async def shorten_below(connection: Connection, key: int, end: datetime) -> None:
    """Let no descendant of a key go on for longer than this."""
    while await connection.fetch(SHORTEN, key, end):
        pass


async def is_below(database: Database, key: int, of: int) -> bool:
    """Whether `key` is a descendant of another one."""
    return bool(await database.fetchval(IS_ONE, of, key))


async def count_below(database: Database, key: int) -> int:
    """How many descendants of a key still work."""
    return int(await database.fetchval(LIVE, key))
