"""Refused requests for tests. In: what differs from a usual one. Out: rows as the door hands them to the store."""

from __future__ import annotations

from typing import Any

import orjson

from pipeline.store import refused
from pipeline.store.database import Database
from pipeline.store.ids import new_id
from pipeline.store.refused import Row
from schemas.connector import Connector
from tests.support.events import ACCOUNT, NOON


def row(body: Any = b'{"a": 1', **changes: Any) -> Row:
    """One that came to connector 7 at noon, cut off; `body`: bytes, or a document."""
    sent = body if isinstance(body, bytes | None) else orjson.dumps(body)
    usual: dict[str, Any] = {
        "uid": new_id(),
        "account": ACCOUNT,
        "connector": 7,
        "at": NOON,
        "status": 400,
        "title": "Malformed JSON",
        "detail": "unexpected end",
        "place": {"line": 2},
        "proven": True,
        "content_type": "application/json",
        "content_encoding": None,
        "query": None,
        "key_header": None,
        "key": None,
        "signed_key": None,
        "body": sent,
        "size": None if sent is None else len(sent),
        "truncated": False,
        "redacted": False,
        "missing": "unread" if sent is None else None,
    }
    return Row(**{**usual, **changes})


async def turned_away(database: Database, connector: Connector, body: Any, **changes: Any) -> int:
    """Keep one of this connector; returns its id."""
    one = row(body, **{"account": connector.account, "connector": connector.id, **changes})
    await refused.keep(database, [one])
    return int(await database.fetchval("SELECT id FROM refused WHERE uid = $1", one.uid))
