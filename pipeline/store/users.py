"""Users of an account, and the fields it defines for them. In: what they are. Out: rows, always of one account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import asyncpg

from pipeline.store import account_changes
from pipeline.store.account_changes import NOBODY, By
from pipeline.store.database import Collision, Connection, Database

COLUMNS = "id, email, name, role, active, fields, created_at, updated_at"
CHANGEABLE = ("email", "name", "role", "active", "fields")


class EmailTaken(ValueError):
    """Another user of the account has this address."""


class LastAdmin(ValueError):
    """The account would be left without an active administrator."""


class FieldTaken(ValueError):
    """The account has a user field of this name."""


async def page(database: Database, account: int, after: int = 0, limit: int = 50) -> list[dict[str, Any]]:
    """Users of an account in the order in which they came; `after` is the last id of the page before."""
    rows = await database.fetch(
        f"SELECT {COLUMNS} FROM account_user WHERE account_id = $1 AND id > $2 ORDER BY id LIMIT $3",
        account,
        after,
        limit,
    )
    return [dict(row) for row in rows]


async def get(database: Database, account: int, id: int) -> dict[str, Any] | None:
    """One user, or None."""
    row = await database.fetchrow(f"SELECT {COLUMNS} FROM account_user WHERE account_id = $1 AND id = $2", account, id)
    return None if row is None else dict(row)


async def by_email(database: Database, account: int, email: str) -> dict[str, Any] | None:
    """The user with this address, in normal form, or None."""
    row = await database.fetchrow(
        f"SELECT {COLUMNS} FROM account_user WHERE account_id = $1 AND email = $2", account, email
    )
    return None if row is None else dict(row)


async def create(
    database: Database,
    account: int,
    email: str,
    name: str,
    role: str,
    fields: Mapping[str, Any],
    *,
    active: bool = True,
    by: By = NOBODY,
) -> dict[str, Any]:
    """A new user. Raises EmailTaken."""

    async def work(connection: Connection) -> dict[str, Any]:
        row = await connection.fetchrow(
            "INSERT INTO account_user (account_id, email, name, role, fields, active) VALUES ($1, $2, $3, $4, $5, $6)"
            f" ON CONFLICT DO NOTHING RETURNING {COLUMNS}",
            account,
            email,
            name,
            role,
            dict(fields),
            active,
        )
        if row is None:
            raise EmailTaken(email)
        new = {each: row[each] for each in CHANGEABLE}
        await account_changes.note(connection, account, by, "user created", email, user=row["id"], details=new)
        return dict(row)

    return await database.transaction(work)


async def first_admin(connection: Connection, account: int, email: str, by: By = NOBODY) -> int | None:
    """The id of the account's first user, its administrator, made in this transaction; None: it has users."""
    await _alone(connection, account)
    if await connection.fetchval("SELECT EXISTS (SELECT FROM account_user WHERE account_id = $1)", account):
        return None
    id = await connection.fetchval(
        "INSERT INTO account_user (account_id, email, name, role) VALUES ($1, $2, $2, 'admin') RETURNING id",
        account,
        email,
    )
    await account_changes.note(connection, account, by, "user created", email, user=id, details={"role": "admin"})
    return int(id)


async def change(
    database: Database, account: int, id: int, new: Mapping[str, Any], by: By = NOBODY
) -> dict[str, Any] | None:
    """Give a user other values: any of email, name, role, active, fields. None: there is no such user.

    Raises EmailTaken, LastAdmin; nothing is changed then.
    """

    async def work(connection: Connection) -> dict[str, Any] | None:
        await _alone(connection, account)
        row = await connection.fetchrow(
            f"SELECT {COLUMNS} FROM account_user WHERE account_id = $1 AND id = $2 FOR UPDATE", account, id
        )
        if row is None:
            return None
        wanted = {**row, **new}
        try:
            changed = await connection.fetchrow(
                "UPDATE account_user SET email = $3, name = $4, role = $5, active = $6, fields = $7, updated_at = now()"
                f" WHERE account_id = $1 AND id = $2 RETURNING {COLUMNS}",
                account,
                id,
                *(wanted[name] for name in CHANGEABLE),
            )
        except asyncpg.UniqueViolationError:
            raise EmailTaken(wanted["email"]) from None
        was_admin = row["role"] == "admin" and row["active"]
        if was_admin and not await connection.fetchval(
            "SELECT EXISTS (SELECT FROM account_user WHERE account_id = $1 AND role = 'admin' AND active)", account
        ):
            raise LastAdmin(row["email"])
        done = {name: {"old": row[name], "new": wanted[name]} for name in CHANGEABLE if row[name] != wanted[name]}
        if done:
            await account_changes.note(connection, account, by, "user changed", row["email"], user=id, details=done)
        return None if changed is None else dict(changed)

    return await database.transaction(work)


async def fields(database: Database, account: int) -> list[dict[str, Any]]:
    """The user fields of an account by name: name, label, type."""
    rows = await database.fetch("SELECT name, label, type FROM user_field WHERE account_id = $1 ORDER BY name", account)
    return [dict(row) for row in rows]


async def add_field(database: Database, account: int, name: str, label: str, type: str, by: By = NOBODY) -> None:
    """A new user field. Raises FieldTaken."""

    async def work(connection: Connection) -> None:
        done = await connection.fetchval(
            "INSERT INTO user_field (account_id, name, label, type) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT DO NOTHING RETURNING true",
            account,
            name,
            label,
            type,
        )
        if not done:
            raise FieldTaken(name)
        new = {"label": label, "type": type}
        await account_changes.note(connection, account, by, "user field created", name, details=new)

    await database.transaction(work)


async def relabel_field(database: Database, account: int, name: str, label: str, by: By = NOBODY) -> bool:
    """Give a user field another label; False: there is none of this name."""

    async def work(connection: Connection) -> bool:
        done = await connection.fetchval(
            "UPDATE user_field SET label = $3 WHERE account_id = $1 AND name = $2 RETURNING true", account, name, label
        )
        if done:
            new = {"label": {"new": label}}
            await account_changes.note(connection, account, by, "user field changed", name, details=new)
        return bool(done)

    return await database.transaction(work)


async def remove_field(database: Database, account: int, name: str, by: By = NOBODY) -> bool:
    """Take a user field away, and its value from every user; False: there is none of this name."""

    async def work(connection: Connection) -> bool:
        await _alone(connection, account)
        gone = await connection.fetchval(
            "DELETE FROM user_field WHERE account_id = $1 AND name = $2 RETURNING true", account, name
        )
        await connection.execute(
            "UPDATE account_user SET fields = fields - $2::text, updated_at = now()"
            " WHERE account_id = $1 AND fields ? $2::text",
            account,
            name,
        )
        if gone:
            await account_changes.note(connection, account, by, "user field removed", name)
        return bool(gone)

    return await database.transaction(work)


async def _alone(connection: Connection, account: int) -> None:
    """Changes of an account's users come one after the other: two that each leave one admin would leave none."""
    found = await connection.fetchval("SELECT id FROM account WHERE id = $1 FOR NO KEY UPDATE", account)
    if found is None:
        raise Collision(f"account {account} is gone")
