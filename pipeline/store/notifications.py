"""Notifications: what somebody should hear of. In: notices. Out: rows, one per event, replay and kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.store.database import Database

WRITE = """
INSERT INTO notification (account_id, connector_id, event_id, replay, kind, text, recipient)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::int[], $5::text[], $6::text[], $7::text[])
ON CONFLICT DO NOTHING
RETURNING event_id, replay
"""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell. `text` may hold values of a person: it is for the account's own people, not for the log.

    `recipient` is the e-mail address of the user whom it is for; None: for whoever looks.
    """

    account: int
    connector: int
    event: str
    replay: int
    kind: str
    text: str
    recipient: str | None = None


async def write(database: Database, notices: Sequence[Notice]) -> set[tuple[str, int]]:
    """Keep the notices; returns (event, replay) of those that are new."""
    if not notices:
        return set()
    rows = await database.fetch(
        WRITE,
        [notice.account for notice in notices],
        [notice.connector for notice in notices],
        [notice.event for notice in notices],
        [notice.replay for notice in notices],
        [notice.kind for notice in notices],
        [notice.text for notice in notices],
        [notice.recipient for notice in notices],
    )
    return {(str(row["event_id"]), row["replay"]) for row in rows}


async def latest(database: Database, account: int, limit: int = 50) -> list[dict[str, Any]]:
    """The latest notifications of an account, the newest first."""
    rows = await database.fetch(
        "SELECT id, connector_id, event_id, replay, kind, text, recipient, created_at FROM notification"
        " WHERE account_id = $1 ORDER BY id DESC LIMIT $2",
        account,
        limit,
    )
    return [{**row, "event_id": str(row["event_id"])} for row in rows]
