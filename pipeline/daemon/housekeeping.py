"""What must be done from time to time. In: for how long what is kept. Out: partitions made ahead, nothing too old."""

from __future__ import annotations

import asyncio

import structlog

from pipeline.engine.outcome import Transient
from pipeline.settings import Settings
from pipeline.store import retention
from pipeline.store.database import Database
from pipeline.store.retention import Days

log = structlog.get_logger(__name__)
EVERY = 3600.0  # seconds
SOON = 10.0  # seconds, after the database was away


async def keep_house(database: Database, settings: Settings) -> None:
    """Keep the partitions in order and forget what is old, until cancelled. Several processes may do this at once."""
    days = Days(settings.journal_days, settings.applied_days, settings.history_days, settings.ended_days)
    while True:
        try:
            await retention.maintain(database, days)
            pause = EVERY
        except Transient as error:
            log.debug("housekeeping put off", error=str(error))
            pause = SOON
        await asyncio.sleep(pause)
