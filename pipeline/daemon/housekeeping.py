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
LATER = 300.0  # seconds, after anything else was in the way


async def keep_house(database: Database, settings: Settings) -> None:
    """Keep the partitions in order and forget what is old, until cancelled. Several processes may do this at once."""
    days = Days(
        settings.journal_days,
        settings.applied_days,
        settings.history_days,
        settings.ended_days,
        settings.refused_days,
    )
    told = ""
    while True:
        try:
            await retention.maintain(database, days)
            pause, told = EVERY, ""
        except Transient as error:
            if str(error) != told:  # a right that this role lacks would be said every ten seconds
                log.warning("housekeeping put off", reason=str(error))
            pause, told = SOON, str(error)
        except Exception as error:  # whatever it is: it must not end the stages beside it
            log.error("housekeeping failed", error=f"{type(error).__name__}: {error}")
            pause = LATER
        await asyncio.sleep(pause)
