"""Which save of a connector is in force. In: a connector, and the tags that it may have. Out: its tag; or who saved it.

A tag tells one save of one connector from every other, as its ETag does (RFC 9110 §8.8.3).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from pipeline.store.database import Connection, Database

Expected = Mapping[str, Collection[str]]  # by the name of a connector, the tags of which it must have one
LAST_SAVE = "SELECT saved_by, created_at FROM connector_revision WHERE connector_id = $1 AND revision = $2"


class Moved(Exception):
    """A connector is not what was expected: somebody has saved it, made it or removed it meanwhile. Nothing is done."""

    def __init__(self, name: str, revision: int | None, saved_by: str | None, at: datetime | None) -> None:
        super().__init__(name)
        self.name, self.revision, self.saved_by, self.at = name, revision, saved_by, at


def tag_of(id: int, revision: int) -> str:
    """What tells one save of one connector from every other."""
    return f"{id}.{revision}"


async def tags(database: Database, account: int) -> dict[str, str]:
    """The tag of each connector of an account, by name."""
    rows = await database.fetch(
        "SELECT name, id, revision FROM connector WHERE account_id = $1 AND removed_at IS NULL", account
    )
    return {row["name"]: tag_of(row["id"], row["revision"]) for row in rows}


async def check_tag(connection: Connection, name: str, row: Any, expected: Collection[str]) -> None:
    """Raise Moved unless the row has one of these tags; without any there must be no row."""
    if row is None:
        if expected:
            raise Moved(name, None, None, None)
        return
    if tag_of(row["id"], row["revision"]) not in expected:
        last = await connection.fetchrow(LAST_SAVE, row["id"], row["revision"])
        saved_by, at = (None, None) if last is None else (last["saved_by"], last["created_at"])
        raise Moved(name, row["revision"], saved_by, at)
