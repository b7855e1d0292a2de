"""Partitions by day, made ahead and dropped when old. In: today, and how long to keep. Out: what was made and dropped.

A day without a partition of its own is written to the default partition, so that nothing can fail to be written for
want of one; when its partition is made, its rows move there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial

import structlog

from pipeline.store import workers
from pipeline.store.database import Connection, Database

log = structlog.get_logger(__name__)

LOCK = 7_303_014_112  # pg_advisory_xact_lock key: one housekeeper at a time
TABLES = ("journal", "receipt")
AHEAD = 2  # days after today
LONG = 600.0  # seconds for a statement that touches many rows
SEGMENTS = timedelta(days=30)  # how long a segment of receipts is known to have been shipped
APPLIED_DAYS = 365  # how long an event that comes again is known to have been applied

PARTITIONS = """
SELECT child.relname AS name FROM pg_inherits
JOIN pg_class AS child ON child.oid = inhrelid JOIN pg_class AS parent ON parent.oid = inhparent
WHERE parent.oid = to_regclass($1)
"""


@dataclass(slots=True)
class Kept:
    """What `maintain` did: names of partitions."""

    made: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


async def maintain(
    database: Database, journal_days: int = 60, *, applied_days: int = APPLIED_DAYS, today: date | None = None
) -> Kept:
    """Make the partitions of today and the days ahead, drop what is older than `journal_days`.

    Applied events are kept for `applied_days` (never less than the journal). Safe to call from several processes.
    """
    day = today or datetime.now(UTC).date()
    kept = await database.transaction(partial(_partitions, day, journal_days))
    oldest = day - timedelta(days=journal_days)
    forgotten = datetime.combine(day - timedelta(days=max(applied_days, journal_days)), datetime.min.time(), UTC)
    async with database.connection() as connection:
        await connection.execute("DELETE FROM journal_day WHERE day < $1", oldest, timeout=LONG)
        # the index on applied_at is a coarse one: a range of it is read, not the table
        await connection.execute(
            "DELETE FROM applied_event WHERE applied_at < $1 AND day < $2", forgotten, oldest, timeout=LONG
        )
        await connection.execute(
            "DELETE FROM receipt_segment WHERE shipped_at < now() - $1::interval", SEGMENTS, timeout=LONG
        )
    await workers.forget(database)
    if kept.made or kept.dropped:
        log.info("partitions", made=kept.made, dropped=kept.dropped)
    return kept


async def _partitions(today: date, days: int, connection: Connection) -> Kept:
    # a partition comes and goes under locks that writers wait for: rather put off than in their way
    await connection.execute("SET LOCAL lock_timeout = '5s'")
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
    kept = Kept()
    oldest = today - timedelta(days=days)
    for table in TABLES:
        there = {row["name"] for row in await connection.fetch(PARTITIONS, table)}
        for ahead in range(AHEAD + 1):
            day = today + timedelta(days=ahead)
            if (name := _name(table, day)) not in there:
                await _make(connection, table, name, day)
                kept.made.append(name)
        for name in sorted(there):
            if (day_of := _day(table, name)) is not None and day_of < oldest:
                await connection.execute(f"DROP TABLE {name}")
                kept.dropped.append(name)
        await connection.execute(f"DELETE FROM {table}_default WHERE day < $1", oldest, timeout=LONG)
    return kept


async def _make(connection: Connection, table: str, name: str, day: date) -> None:
    """A new partition, with the rows of its day that were written to the default one meanwhile."""
    following = day + timedelta(days=1)
    await connection.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")
    await connection.execute(f"LOCK TABLE {table}_default IN ACCESS EXCLUSIVE MODE")
    await connection.execute(
        f"WITH moved AS (DELETE FROM {table}_default WHERE day = $1 RETURNING *)"
        f" INSERT INTO {name} SELECT * FROM moved",
        day,
        timeout=LONG,
    )
    await connection.execute(
        f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{day}') TO ('{following}')"
    )


def _name(table: str, day: date) -> str:
    return f"{table}_{day:%Y_%m_%d}"


def _day(table: str, name: str) -> date | None:
    """The day of a partition of ours; None for the default one, or one that somebody else made."""
    try:
        return datetime.strptime(name, f"{table}_%Y_%m_%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
