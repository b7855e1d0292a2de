"""Keys of the API. In: a user, and the digest of a secret. Out: rows without it, always of one account.

The secret itself is never here: what is stored cannot be used to call anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pipeline.store.database import Connection, Database

COLUMNS = """
    k.id, k.user_id, u.email AS user_email, k.name, k.prefix, k.scopes,
    k.created_at, k.expires_at, k.last_used_at, k.revoked_at, k.replaces
"""
FROM = "api_key AS k JOIN account_user AS u ON u.id = k.user_id"
WRITE_USE_AFTER = timedelta(minutes=5)  # a key's last use is written at most this often


@dataclass(frozen=True, slots=True)
class NewKey:
    """What is stored of a new key. `scopes` None: all that the user's role allows."""

    user: int
    name: str
    prefix: str
    secret_hash: bytes
    scopes: Sequence[str] | None
    expires_at: datetime | None
    replaces: int | None = None


async def page(
    database: Database, account: int, user: int | None = None, after: int = 0, limit: int = 50
) -> list[dict[str, Any]]:
    """Keys of an account, or of one of its users, in the order in which they were made."""
    rows = await database.fetch(
        f"SELECT {COLUMNS} FROM {FROM} WHERE u.account_id = $1 AND ($2::bigint IS NULL OR k.user_id = $2) AND k.id > $3"
        " ORDER BY k.id LIMIT $4",
        account,
        user,
        after,
        limit,
    )
    return [dict(row) for row in rows]


async def get(database: Database, account: int, id: int) -> dict[str, Any] | None:
    """One key, or None."""
    row = await database.fetchrow(f"SELECT {COLUMNS} FROM {FROM} WHERE u.account_id = $1 AND k.id = $2", account, id)
    return None if row is None else dict(row)


async def create(database: Database, key: NewKey) -> int:
    """Store a new key; returns its id."""
    return await database.transaction(partial(_insert, key))


async def rotate(database: Database, old: int, key: NewKey, valid_until: datetime) -> int | None:
    """Store the key that follows `old`, which goes on until `valid_until` at most; None: `old` is valid no more."""

    async def work(connection: Connection) -> int | None:
        still = await connection.fetchval(
            "UPDATE api_key SET expires_at = least(expires_at, $2) WHERE id = $1 AND revoked_at IS NULL"
            " AND (expires_at IS NULL OR expires_at > now()) RETURNING true",
            old,
            valid_until,
        )
        return await _insert(key, connection) if still else None

    return await database.transaction(work)


async def revoke(database: Database, account: int, id: int) -> bool:
    """Have a key work no more, from now on; False: there is none. One that was revoked before keeps its time."""
    done = await database.fetchval(
        "UPDATE api_key AS k SET revoked_at = coalesce(k.revoked_at, now()) FROM account_user AS u"
        " WHERE u.id = k.user_id AND u.account_id = $1 AND k.id = $2 RETURNING true",
        account,
        id,
    )
    return bool(done)


async def bearer(database: Database, prefix: str) -> dict[str, Any] | None:
    """The key with this prefix and whose it is, or None; also one that is no longer valid, which `live` tells."""
    row = await database.fetchrow(
        "SELECT k.id, k.secret_hash, k.scopes, k.last_used_at, u.id AS user_id, u.email, u.name, u.role, u.fields,"
        " a.id AS account_id, a.name AS account_name,"
        " u.active AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now()) AS live"
        f" FROM {FROM} JOIN account AS a ON a.id = u.account_id WHERE k.prefix = $1",
        prefix,
    )
    return None if row is None else dict(row)


async def used(database: Database, id: int) -> None:
    """Note that a key is in use, unless that was noted a moment ago."""
    await database.execute(
        "UPDATE api_key SET last_used_at = now() WHERE id = $1"
        " AND (last_used_at IS NULL OR last_used_at < now() - $2::interval)",
        id,
        WRITE_USE_AFTER,
    )


async def _insert(key: NewKey, connection: Connection) -> int:
    id = await connection.fetchval(
        "INSERT INTO api_key (user_id, name, prefix, secret_hash, scopes, expires_at, replaces)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
        key.user,
        key.name,
        key.prefix,
        key.secret_hash,
        None if key.scopes is None else list(key.scopes),
        key.expires_at,
        key.replaces,
    )
    return int(id)
