"""Partitions by day, made ahead and dropped when old. In: today, and how long to keep. Out: what was made and dropped.

A day without a partition of its own is written to the default partition, so that nothing can fail to be written for
want of one; when its partition is made, its rows move there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial

from pipeline.store.database import Connection, Database

LOCK = 7_303_014_112  # pg_advisory_xact_lock key: one housekeeper at a time
TABLES = ("journal", "receipt")
AHEAD = 2  # days after today
LONG = 600.0  # seconds for a statement that touches many rows

PARTITIONS = """
SELECT child.relname AS name FROM pg_inherits
JOIN pg_class AS child ON child.oid = inhrelid JOIN pg_class AS parent ON parent.oid = inhparent
WHERE parent.oid = to_regclass($1)
"""


@dataclass(slots=True)
class Kept:
    """What `keep` did: names of partitions."""

    made: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


async def keep(database: Database, today: date, oldest: date) -> Kept:
    """Make the partitions of today and the days ahead, drop those of days before `oldest`."""
    return await database.transaction(partial(_keep, today, oldest))


async def _keep(today: date, oldest: date, connection: Connection) -> Kept:
    # a partition comes and goes under locks that writers wait for: rather put off than in their way
    await connection.execute("SET LOCAL lock_timeout = '5s'")
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
    kept = Kept()
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
