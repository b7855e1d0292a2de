"""Refused requests: what the door turned away. In: requests without their secrets. Out: rows to list, show and send.

Of each connector the newest are kept, up to a number and a size, and those whose senders proved nothing apart from the
others: whoever only knows the URL cannot push out what belongs there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal, NamedTuple

from pipeline.store.database import Connection, Database
from pipeline.store.text import storable
from pipeline.store.where import Where

Missing = Literal["unread", "compressed", "secret"]

MOST, BYTES = 1_000, 32 * 1024 * 1024  # of a connector's, and as many of those that proved nothing

KEEP = """
INSERT INTO refused (
    uid, account_id, connector_id, refused_at, status, title, detail, place, proven, content_type, content_encoding,
    query, key_header, key, signed_key, body, size, truncated, redacted, missing, answered
)
SELECT new.* FROM unnest(
    $1::uuid[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::int[], $6::text[], $7::text[], $8::jsonb[],
    $9::bool[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::bytea[],
    $17::bigint[], $18::bool[], $19::bool[], $20::text[], $21::int[]
) AS new
ON CONFLICT DO NOTHING
"""

PRUNE = """
DELETE FROM refused USING (
    SELECT id, row_number() OVER newest AS place, sum(coalesce(length(body), 0)) OVER newest AS bytes
    FROM refused WHERE connector_id = ANY ($1::bigint[])
    WINDOW newest AS (PARTITION BY connector_id, proven ORDER BY id DESC)
) AS kept
WHERE refused.id = kept.id AND (kept.place > $2 OR kept.bytes > $3)
"""

SHORT = """
    id, account_id, connector_id, refused_at, status, title, detail, place, proven, content_type, content_encoding,
    query, key_header, key, size, truncated, redacted, missing, answered, sent_at, sent_by, events
"""

SENT = """
UPDATE refused SET sent_at = now(), sent_by = $3, events = new.events::uuid[]
FROM unnest($1::bigint[], $2::text[]) AS new (id, events) WHERE refused.id = new.id
"""


class Row(NamedTuple):
    """One refused request, to be kept; in the order in which `KEEP` takes them."""

    uid: str
    account: int
    connector: int
    at: datetime
    status: int
    title: str
    detail: str
    place: Mapping[str, int | str]
    proven: bool
    content_type: str | None
    content_encoding: str | None
    query: str | None
    key_header: str | None
    key: str | None
    signed_key: str | None
    body: bytes | None
    size: int | None
    truncated: bool
    redacted: bool
    missing: Missing | None
    answered: int | None = None  # the status that its sender was sent; None: not known


@dataclass(frozen=True, slots=True)
class Filter:
    """Which refused requests. `sent`: whether they were sent in since; `proven`: whether their senders proved it.

    `connectors`: of these alone, for someone who may see no others.
    """

    account: int | None = None
    connector: int | None = None
    connectors: Sequence[int] | None = None
    ids: Sequence[int] | None = None
    status: int | None = None
    sent: bool | None = None
    proven: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


async def keep(database: Database, rows: Sequence[Row], *, most: int = MOST, size: int = BYTES) -> None:
    """Store them, and forget what is too much of their connectors. What is stored already stays as it is."""
    if rows:
        await database.transaction(partial(_keep, rows, most, size))


async def _keep(rows: Sequence[Row], most: int, size: int, connection: Connection) -> None:
    columns = zip(*(map(storable, row) for row in rows), strict=True)
    await connection.execute(KEEP, *(list(column) for column in columns))
    await connection.execute(PRUNE, sorted({row.connector for row in rows}), most, size)


async def page(
    database: Database, wanted: Filter = Filter(), *, after: int | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """Refused requests without their bodies, the newest first; `after` is the last id of the page before."""
    where = _where(wanted)
    if after is not None:
        where.add("id < {}", after)
    most = where.place(limit)
    rows = await database.fetch(
        f"SELECT {SHORT} FROM refused WHERE {where} ORDER BY id DESC LIMIT {most}", *where.values
    )
    return [_shown(row) for row in rows]


async def count(database: Database, wanted: Filter = Filter()) -> int:
    """How many match."""
    where = _where(wanted)
    return int(await database.fetchval(f"SELECT count(*) FROM refused WHERE {where}", *where.values))


async def show(database: Database, id: int, account: int) -> dict[str, Any] | None:
    """One refused request with its body, as bytes; None if the account has none of this id."""
    row = await database.fetchrow("SELECT * FROM refused WHERE id = $1 AND account_id = $2", id, account)
    return None if row is None else _shown(row)


async def matching(
    database: Database, wanted: Filter = Filter(), *, size: int = 20
) -> AsyncIterator[list[dict[str, Any]]]:
    """Refused requests with their bodies in pages, the oldest first; those that come while it runs are left out."""
    last, top = 0, await database.fetchval("SELECT coalesce(max(id), 0) FROM refused")
    while rows := await _whole(database, wanted, last, top, size):
        last = rows[-1]["id"]
        yield rows


async def mark(database: Database, sent: Mapping[int, Sequence[str]], by: str) -> None:
    """They were sent in, by somebody, as these events."""
    events = [f"{{{','.join(ids)}}}" for ids in sent.values()]
    await database.execute(SENT, list(sent), events, by)


async def _whole(database: Database, wanted: Filter, last: int, top: int, size: int) -> list[dict[str, Any]]:
    where = _where(wanted)
    where.add("id > {} AND id <= {}", last, top)
    most = where.place(size)
    rows = await database.fetch(f"SELECT * FROM refused WHERE {where} ORDER BY id LIMIT {most}", *where.values)
    return [_shown(row) for row in rows]


def _where(wanted: Filter) -> Where:
    where = Where("true")
    if wanted.sent is not None:
        where.add("(sent_at IS NOT NULL) = {}", wanted.sent)
    for condition, value in (
        ("account_id = {}", wanted.account),
        ("connector_id = {}", wanted.connector),
        ("connector_id = ANY ({}::bigint[])", None if wanted.connectors is None else list(wanted.connectors)),
        ("id = ANY ({}::bigint[])", None if wanted.ids is None else list(wanted.ids)),
        ("status = {}", wanted.status),
        ("proven = {}", wanted.proven),
        ("refused_at >= {}", wanted.since),
        ("refused_at < {}", wanted.until),
    ):
        if value is not None:
            where.add(condition, value)
    return where


def _shown(row: Any) -> dict[str, Any]:
    shown = {**row, "where": row["place"], "events": [str(id) for id in row["events"] or ()]}
    del shown["place"]
    return shown
