"""Who changed users, keys and secrets of an account. In: a change, in its transaction. Out: rows, latest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.store.database import Connection, Database

What = Literal[
    "user created",
    "user changed",
    "user field created",
    "user field changed",
    "user field removed",
    "key created",
    "key rotated",
    "key revoked",
    "lead key released",
    "secret created",
    "secret replaced",
    "secret removed",
]
COLUMNS = "id, at, by, key_id, what, subject, user_id, details"


@dataclass(frozen=True, slots=True)
class By:
    """Who does something: an address or what the command line says of them, and the key that they used, if any."""

    who: str = "unknown"
    key: int | None = None


NOBODY = By()


async def note(
    connection: Connection,
    account: int,
    by: By,
    what: What,
    subject: str,
    *,
    user: int | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Keep a change. `subject`: a user's address, the name of a field or secret, what a key begins with, a lead."""
    await connection.execute(
        "INSERT INTO account_change (account_id, by, key_id, what, subject, user_id, details)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        account,
        by.who,
        by.key,
        what,
        subject,
        user,
        dict(details or {}),
    )


async def page(
    database: Database, account: int, user: int | None = None, before: int = 0, limit: int = 50
) -> list[dict[str, Any]]:
    """Changes of an account, or those about one of its users, the latest first; `before`: from this id on; 0: all."""
    rows = await database.fetch(
        f"SELECT {COLUMNS} FROM account_change WHERE account_id = $1 AND ($2::bigint IS NULL OR user_id = $2)"
        " AND ($3::bigint = 0 OR id < $3) ORDER BY id DESC LIMIT $4",
        account,
        user,
        before,
        limit,
    )
    return [dict(row) for row in rows]
