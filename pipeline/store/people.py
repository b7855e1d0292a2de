"""Whom user fields can name. In: accounts. Out: their users, also inactive ones, by address and id."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipeline.store.database import Connection, Database
from schemas.fields import FieldType, RecordFields
from schemas.normal.people import ANYBODY, People

OF_ALL = """
SELECT f.account_id, u.id, u.email
FROM (SELECT DISTINCT account_id FROM account_field WHERE definition ->> 'type' = 'user') AS f
LEFT JOIN account_user AS u USING (account_id)
"""


async def of_all(database: Database) -> dict[int, People]:
    """The users of every account that has a user field."""
    accounts: dict[int, list[Any]] = {}
    for row in await database.fetch(OF_ALL):
        accounts.setdefault(row["account_id"], []).append(row)
    return {account: _people(rows) for account, rows in accounts.items()}


async def of_account(database: Database | Connection, account: int, fields: RecordFields) -> People:
    """An account's users; where none of these fields holds users, nobody is asked."""
    if not any(field.type is FieldType.USER for own in fields.values() for field in own.values()):
        return ANYBODY
    return _people(await database.fetch("SELECT id, email FROM account_user WHERE account_id = $1", account))


def _people(rows: Iterable[Any]) -> People:
    there = [row for row in rows if row["email"] is not None]
    ids = {str(row["id"]): row["email"] for row in there}
    return People({**ids, **{row["email"]: row["email"] for row in there}})
