"""Workers: which processes live, and how their stages do. In: beats. Out: those that beat lately."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pipeline.store.database import Database

LATELY = timedelta(seconds=10)
FORGOTTEN = timedelta(days=1)  # after that a process that ended without a word is struck off the list

BEAT = """
INSERT INTO worker (name, host, pid, stages) VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO UPDATE SET
    stages = excluded.stages, host = excluded.host, beat_at = now(),
    started_at = CASE WHEN worker.pid = excluded.pid THEN worker.started_at ELSE now() END, pid = excluded.pid
"""


async def beat(database: Database, name: str, host: str, pid: int, stages: Mapping[str, Any]) -> None:
    """This process lives; `stages` says what it wants to tell of each."""
    await database.execute(BEAT, name, host, pid, dict(stages))


async def leave(database: Database, name: str) -> None:
    """This process ends."""
    await database.execute("DELETE FROM worker WHERE name = $1", name)


async def live(database: Database) -> list[dict[str, Any]]:
    """The processes that beat lately: name, host, pid, stages, started_at, beat_at."""
    rows = await database.fetch(
        "SELECT name, host, pid, stages, started_at, beat_at FROM worker WHERE beat_at > now() - $1::interval"
        " ORDER BY name",
        LATELY,
    )
    return [dict(row) for row in rows]


async def forget(database: Database) -> None:
    """Strike off the processes that have not beaten for very long."""
    await database.execute("DELETE FROM worker WHERE beat_at < now() - $1::interval", FORGOTTEN)
