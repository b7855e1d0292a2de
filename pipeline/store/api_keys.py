"""Keys of the API. In: a user, and the digest of a secret. Out: rows without it, always of one account.

The secret itself is never here: what is stored cannot be used to call anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pipeline.store import account_changes, key_tree, users
from pipeline.store.account_changes import NOBODY, By, What
from pipeline.store.database import Connection, Database

COLUMNS = """
    k.id, k.user_id, u.email AS user_email, k.name, k.prefix, k.scopes,
    k.created_at, k.expires_at, k.last_used_at, k.revoked_at, k.replaces, k.parent
"""
FROM = "api_key AS k JOIN account_user AS u ON u.id = k.user_id"
WRITE_USE_AFTER = timedelta(minutes=5)  # a key's last use is written at most this often


@dataclass(frozen=True, slots=True)
class NewKey:
    """What is stored of a new key. `scopes` None: all that the user's role allows.

    `parent`: the key that it is made with. It ends with that one, however late `expires_at` lies.
    """

    user: int
    name: str
    prefix: str
    secret_hash: bytes
    scopes: Sequence[str] | None
    expires_at: datetime | None
    replaces: int | None = None
    parent: int | None = None


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


async def create(database: Database, key: NewKey, by: By = NOBODY) -> int:
    """Store a new key; returns its id. Raises ParentEnded."""
    return await database.transaction(partial(_insert, key, by, "key created"))


async def create_first(database: Database, account: int, email: str, key: NewKey, by: By = NOBODY) -> int | None:
    """The first user of an account, its administrator, and their key, or neither; None: it has users."""

    async def work(connection: Connection) -> int | None:
        user = await users.first_admin(connection, account, email, by)
        return None if user is None else await _insert(replace(key, user=user), by, "key created", connection)

    return await database.transaction(work)


async def rotate(database: Database, old: int, key: NewKey, valid_until: datetime, by: By = NOBODY) -> int | None:
    """Store the key that follows `old`; None: `old` is valid no more. Raises ParentEnded.

    `old` goes on until `valid_until` at most, and so do the keys that were made with it.
    """

    async def work(connection: Connection) -> int | None:
        still = await connection.fetchval(
            "UPDATE api_key SET expires_at = least(expires_at, $2) WHERE id = $1 AND revoked_at IS NULL"
            " AND (expires_at IS NULL OR expires_at > now()) RETURNING expires_at",
            old,
            valid_until,
        )
        if still is None:
            return None
        await key_tree.shorten_below(connection, old, still)
        return await _insert(key, by, "key rotated", connection)

    return await database.transaction(work)


async def revoke(database: Database, account: int, id: int, by: By = NOBODY) -> bool:
    """Revoke a key, and those that were made with it; False: there is none that is not revoked already."""

    async def work(connection: Connection) -> bool:
        row = await connection.fetchrow(
            "UPDATE api_key AS k SET revoked_at = now() FROM account_user AS u WHERE u.id = k.user_id"
            " AND u.account_id = $1 AND k.id = $2 AND k.revoked_at IS NULL RETURNING k.prefix, k.name, k.user_id",
            account,
            id,
        )
        if row is not None:
            with_it = [{**each, "with": row["prefix"]} for each in await key_tree.revoke_below(connection, id)]
            for each in (dict(row), *with_it):
                prefix, user = each.pop("prefix"), each.pop("user_id")
                await account_changes.note(connection, account, by, "key revoked", prefix, user=user, details=each)
        return row is not None

    return await database.transaction(work)


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


async def _insert(key: NewKey, by: By, what: What, connection: Connection) -> int:
    ends = [key.expires_at, None if key.parent is None else await key_tree.hold(connection, key.parent)]
    expires_at = min((end for end in ends if end is not None), default=None)
    row = await connection.fetchrow(
        "INSERT INTO api_key (user_id, name, prefix, secret_hash, scopes, expires_at, replaces, parent)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        " RETURNING id, (SELECT account_id FROM account_user AS u WHERE u.id = user_id) AS account",
        key.user,
        key.name,
        key.prefix,
        key.secret_hash,
        None if key.scopes is None else list(key.scopes),
        expires_at,
        key.replaces,
        key.parent,
    )
    if row is None:
        raise AssertionError("INSERT … RETURNING returns a row")
    new = {"name": key.name, "scopes": key.scopes and list(key.scopes), "expires_at": _text(expires_at)}
    details = new if key.replaces is None else {**new, "replaces": key.replaces}
    await account_changes.note(connection, row["account"], by, what, key.prefix, user=key.user, details=details)
    return int(row["id"])


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
