"""Spools: accepted events on the disks of ingress processes. In: what those tell. Out: all that waits, anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pipeline.store.database import Connection, Database

TELL = """
INSERT INTO spool (folder, host, path, process, events, bytes, oldest_at)
SELECT $1, $2, $3, process, events, bytes, to_timestamp(oldest)
FROM unnest($4::text[], $5::bigint[], $6::bigint[], $7::float8[]) AS t (process, events, bytes, oldest)
ON CONFLICT (folder, process) DO UPDATE SET host = excluded.host, path = excluded.path, events = excluded.events,
    bytes = excluded.bytes, oldest_at = excluded.oldest_at, beat_at = now()
"""


class Folder(NamedTuple):
    """One spool folder, which several processes may share."""

    id: str
    host: str
    path: str


class Share(NamedTuple):
    """What one process has in a folder; `oldest` in Unix seconds."""

    events: int
    bytes: int
    oldest: float


async def tell(database: Database, folder: Folder, shares: Mapping[str, Share], present: Sequence[str]) -> None:
    """Write down these processes' shares, and strike off those that are not `present` in the folder any more."""

    async def write(connection: Connection) -> None:
        await connection.execute(
            "DELETE FROM spool WHERE folder = $1 AND process <> ALL ($2::text[])", folder.id, list(present)
        )
        if shares:
            columns = zip(*((process, *share) for process, share in sorted(shares.items())), strict=True)
            await connection.execute(TELL, *folder, *(list(column) for column in columns))

    await database.transaction(write)


async def waiting(database: Database) -> list[dict[str, Any]]:
    """What waits in each folder: host, path, events, bytes, oldest_s, heard_s (since its processes last told)."""
    now = datetime.now(UTC)
    rows = await database.fetch(
        "SELECT host, path, sum(events)::bigint AS events, sum(bytes)::bigint AS bytes, min(oldest_at) AS oldest_at,"
        " min(beat_at) AS beat_at FROM spool WHERE events > 0 GROUP BY host, path ORDER BY host, path"
    )
    return [
        {
            "host": row["host"],
            "path": row["path"],
            "events": row["events"],
            "bytes": row["bytes"],
            "oldest_s": _since(row["oldest_at"], now),
            "heard_s": _since(row["beat_at"], now),
        }
        for row in rows
    ]


def _since(moment: datetime, now: datetime) -> float:
    return round(max(0.0, (now - moment).total_seconds()), 1)
