"""What must be done from time to time, by any one process: journal partitions made ahead, old ones dropped."""

from __future__ import annotations

import asyncio

import structlog

from pipeline.engine.outcome import Transient
from pipeline.store import retention
from pipeline.store.database import Database

log = structlog.get_logger(__name__)
EVERY = 3600.0  # seconds
SOON = 10.0  # seconds, after the database was away


async def keep_house(database: Database, journal_days: int) -> None:
    """Keep the partitions in order until cancelled. Several processes may do this at once."""
    while True:
        try:
            await retention.maintain(database, journal_days)
            pause = EVERY
        except Transient as error:
            log.debug("housekeeping put off", error=str(error))
            pause = SOON
        await asyncio.sleep(pause)
