"""What is stored of the records that an event is about. In: their ids. Out: their fields, by record kind."""

from __future__ import annotations

from typing import Any

from pipeline.store.database import Database

FIELDS = """
SELECT 'lead' AS record, fields FROM lead WHERE account_id = $1 AND id = $2
UNION ALL SELECT 'call', fields FROM call WHERE account_id = $1 AND id = $3
UNION ALL SELECT 'activity', fields FROM activity WHERE account_id = $1 AND id = $4
"""


async def snapshot(
    database: Database, account: int, lead: str | None, call: str | None, activity: str | None
) -> dict[str, dict[str, Any]]:
    """The fields of those that are there."""
    rows = await database.fetch(FIELDS, account, lead, call, activity)
    return {row["record"]: row["fields"] for row in rows}
