"""Another name for a connector. In: its name, and the new one. Out: done, as a revision of the same connector."""

from __future__ import annotations

from typing import Literal

from pipeline.store.connectors import NOBODY, REVISION, Author, locked
from pipeline.store.database import Connection, Database

RENAME = """
UPDATE connector SET name = $2, settings = $3, revision = revision + 1, updated_at = now()
WHERE id = $1 RETURNING revision
"""


async def rename(
    database: Database, account: int, old: str, new: str, author: Author = NOBODY
) -> Literal["renamed", "gone", "taken"]:
    """Give a connector another name. `gone`: there is none of the old name; `taken`: there is one of the new."""

    async def work(connection: Connection) -> Literal["renamed", "gone", "taken"]:
        # in one order everywhere, so that nobody waits in a circle
        rows = {name: await locked(connection, account, name) for name in sorted({old, new})}
        if (row := rows[old]) is None:
            return "gone"
        if rows[new] is not None:
            return "taken"
        settings = {**row["settings"], "name": new}
        revision = await connection.fetchval(RENAME, row["id"], new, settings)
        await connection.execute(REVISION, row["id"], revision, settings, author.who, author.note)
        return "renamed"

    return await database.transaction(work)
