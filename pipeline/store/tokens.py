"""Tokens: the last parts of webhook URLs. In: a connector. Out: a new one, those in force, and until when."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from pipeline.store.database import Connection, Database

BYTES = 24  # of randomness; 32 characters

OF_CONNECTOR = """
SELECT token, valid_until, created_at FROM connector_token
WHERE connector_id = $1 AND (valid_until IS NULL OR valid_until > now())
ORDER BY created_at DESC, token
"""
IN_FORCE = """
SELECT connector_id, token, valid_until FROM connector_token WHERE valid_until IS NULL OR valid_until > now()
"""
# what ends sooner anyway is not kept longer
END_OTHERS = """
UPDATE connector_token SET valid_until = LEAST(valid_until, clock_timestamp() + $2)
WHERE connector_id = $1 AND token <> $3 AND (valid_until IS NULL OR valid_until > now())
"""


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a connector."""

    token: str
    valid_until: datetime | None  # none: until it is replaced or withdrawn
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Digest:
    """A token as it is looked up: nobody can post with it."""

    connector: int
    digest: bytes
    valid_until: datetime | None


def digest(token: str) -> bytes:
    """What is compared instead of a token, so that timing tells nothing of it."""
    return hashlib.sha256(token.encode()).digest()


async def load_all(database: Database) -> list[Digest]:
    """The digests of all tokens in force."""
    rows = await database.fetch(IN_FORCE)
    return [Digest(row["connector_id"], digest(row["token"]), row["valid_until"]) for row in rows]


async def in_force(database: Database, connector: int) -> list[Token]:
    """The tokens of a connector, the newest first."""
    return [Token(**row) for row in await database.fetch(OF_CONNECTOR, connector)]


async def newest(connection: Connection, connector: int) -> str:
    """The token to give to the source; a new one if none is in force."""
    for row in await connection.fetch(OF_CONNECTOR, connector):
        return str(row["token"])
    return await _new(connection, connector)


async def rotate(database: Database, connector: int, keep: timedelta) -> str:
    """A new token; those before it stay good for `keep`, at most."""

    async def work(connection: Connection) -> str:
        await connection.execute("SELECT 1 FROM connector WHERE id = $1 FOR UPDATE", connector)
        token = await _new(connection, connector)
        await connection.execute(END_OTHERS, connector, keep, token)
        return token

    return await database.transaction(work)


async def withdraw(database: Database, connector: int) -> int:
    """End all tokens but the newest now; returns how many."""
    return await database.transaction(partial(_withdraw, connector))


async def _new(connection: Connection, connector: int) -> str:
    token = secrets.token_urlsafe(BYTES)
    await connection.execute(
        "INSERT INTO connector_token (token, connector_id, created_at) VALUES ($1, $2, clock_timestamp())",
        token,
        connector,
    )
    return token


async def _withdraw(connector: int, connection: Connection) -> int:
    await connection.execute("SELECT 1 FROM connector WHERE id = $1 FOR UPDATE", connector)
    rows = await connection.fetch(OF_CONNECTOR, connector)
    if rows:
        await connection.execute(END_OTHERS, connector, timedelta(0), rows[0]["token"])
    return max(0, len(rows) - 1)
