"""What the values of leads were before. In: leads whose values gave way to others. Out: rows, added and never changed.

A late event whose value lost against a newer one has replaced nothing, and leaves no row.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipeline.store import bulk
from pipeline.store.database import Connection, Database
from pipeline.store.record import Record

COLUMNS = "account_id, lead_id, field, old_value, old_stamp, new_stamp"

OF_LEAD = """
SELECT field, old_value AS value, old_stamp, new_stamp FROM lead_change
WHERE lead_id = $2 AND account_id = $1 AND ($3::text IS NULL OR field = $3)
ORDER BY id DESC LIMIT $4
"""

LAST = """
SELECT DISTINCT ON (field) field, old_value AS value, old_stamp, new_stamp FROM lead_change
WHERE lead_id = $2 AND account_id = $1
ORDER BY field, id DESC
"""


async def save(connection: Connection, leads: Iterable[Record]) -> None:
    """Keep what gave way, in the transaction that replaced it, the leads being locked; one statement for all."""
    lines = [
        bulk.line(lead.account, lead.id, bulk.text(field), bulk.document(value), old, new)
        for lead in leads
        for field, value, old, new in lead.replaced
    ]
    await bulk.add(connection, "lead_change", COLUMNS, lines)


async def last(database: Database, account: int, lead: str) -> dict[str, dict[str, Any]]:
    """Per field of a lead what its present value replaced, if it replaced one: field, value, old_stamp, new_stamp."""
    return {row["field"]: dict(row) for row in await database.fetch(LAST, account, lead)}


async def of_lead(
    database: Database, account: int, lead: str, field: str | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """What was replaced, the latest first: field, value, old_stamp, new_stamp."""
    return [dict(row) for row in await database.fetch(OF_LEAD, account, lead, field, limit)]
