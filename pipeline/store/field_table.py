"""The table `account_field`. In: fields that an account defined or changed. Out: all of its fields, by record kind.

Rows only; what a change does to stored values and to connectors is in `pipeline.store.fields`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import structlog

from pipeline.store.database import Connection, Database
from schemas.fields import Field, RecordFields
from schemas.standard import STANDARD, with_standard

log = structlog.get_logger(__name__)

COLUMNS = "account_id, record, name, definition"

PUT = """
INSERT INTO account_field (account_id, record, name, definition) VALUES ($1, $2, $3, $4)
ON CONFLICT (account_id, record, name) DO UPDATE SET definition = excluded.definition, updated_at = now()
"""


async def lock(connection: Connection, account: int) -> None:
    """Nobody else changes the account's fields, or saves a connector of it, until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 7))", f"fields of {account}")


async def of_all(database: Database) -> dict[int, RecordFields]:
    """The fields of every account that has any of its own; the others have the standard ones."""
    rows = await database.fetch(f"SELECT {COLUMNS} FROM account_field ORDER BY account_id, record, created_at, name")
    accounts: dict[int, list[Any]] = {}
    for row in rows:
        accounts.setdefault(row["account_id"], []).append(row)
    return {account: _fields(own) for account, own in accounts.items()}


async def of_account(database: Database | Connection, account: int) -> RecordFields:
    """The account's fields, by record kind and name."""
    rows = await database.fetch(
        f"SELECT {COLUMNS} FROM account_field WHERE account_id = $1 ORDER BY record, created_at, name", account
    )
    return _fields(rows) if rows else STANDARD


async def names_of(database: Database | Connection, account: int) -> set[tuple[str, str]]:
    """The record and name of each field that the account defined or changed."""
    rows = await database.fetch("SELECT record, name FROM account_field WHERE account_id = $1", account)
    return {(row["record"], row["name"]) for row in rows}


async def put(connection: Connection, account: int, record: str, field: Field) -> None:
    """Write a field as it is to be."""
    await connection.execute(PUT, account, record, field.name, field.model_dump(mode="json", exclude_defaults=True))


async def delete(connection: Connection, account: int, record: str, name: str) -> None:
    """Forget what the account said of a field."""
    await connection.execute(
        "DELETE FROM account_field WHERE account_id = $1 AND record = $2 AND name = $3", account, record, name
    )


def _fields(rows: Iterable[Any]) -> RecordFields:
    """One that this version cannot read is logged and left out: what maps to it says so, and the rest works."""
    own: dict[str, dict[str, Field]] = {}
    for row in rows:
        try:
            own.setdefault(row["record"], {})[row["name"]] = Field(**row["definition"])
        except ValueError as error:
            log.error("field left out", account=row["account_id"], field=row["name"], reason=str(error))
    return with_standard(own)
