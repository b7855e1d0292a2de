"""An ingress tells the database what waits in its spool, every two seconds, for `leadpipe stages` and `audit`."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import structlog

from pipeline.engine.outcome import Transient
from pipeline.ingress.spool.spool import Spool
from pipeline.store import spools
from pipeline.store.database import Database

log = structlog.get_logger(__name__)
EVERY = 2.0  # seconds


async def tell_spool(database: Database, spool: Spool) -> None:
    """Tell until cancelled; then once more, what is left there. Says nothing while there is nothing to say."""
    told: object = None
    with suppress(OSError):  # it is asked for again when there is something to tell
        await spool.identity()
    try:
        while True:
            told = await _tell(database, spool, told)
            await asyncio.sleep(EVERY)
    finally:
        await _tell(database, spool, told)


async def _tell(database: Database, spool: Spool, told: object) -> object:
    """Returns what the database knows now; None when that is not known."""
    shares, present = spool.shares()
    if not shares and told == present:
        return told
    try:
        folder = spools.Folder(await spool.identity(), socket.gethostname(), str(spool.path.resolve()))
        shared = {process: spools.Share(*share) for process, share in shares.items()}
        await spools.tell(database, folder, shared, sorted(present))
    except (Transient, OSError) as error:
        log.debug("spool not told", error=str(error))
        return None
    except Exception as error:  # whatever it is, a table that a migration is still to make: later it may go
        log.error("spool not told", error=f"{type(error).__name__}: {error}")
        return None
    return present
