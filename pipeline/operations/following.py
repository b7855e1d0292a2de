"""The journal as it grows. In: who asks, and a filter. Out: rows as they are written or change, the earliest first.

A row is shown when its event has ended, and again when a later run of it has. A database that is away is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

from pipeline.engine.outcome import Transient
from pipeline.operations import masked
from pipeline.operations.access import Actor
from pipeline.operations.journal import Which, filtered
from pipeline.operations.visible import visible
from pipeline.store import journal
from pipeline.store.database import Database

EVERY = 1.0  # seconds between two looks
OVERLAP = timedelta(seconds=10)  # a row may be seen so much later than it says that its event ended
MOST = 5_000  # rows of one look


async def follow(
    database: Database, actor: Actor, which: Which, last: int, on_wait: Callable[[Transient], None]
) -> AsyncIterator[list[dict[str, Any]]]:
    """First the `last` rows that match, then each that follows, without end. `on_wait` hears once of each outage.

    Raises what `pipeline.operations.journal.page` does, before anything else.
    """
    began = await journal.now(database)
    seen = await visible(database, actor)
    wanted = await filtered(database, actor, seen, which)
    first = await journal.page(database, actor.account, wanted, limit=last)
    known = {_id(row): row["finished_at"] for row in first.rows}
    known |= {
        _id(row): row["finished_at"] for row in await journal.changed(database, actor.account, wanted, began - OVERLAP)
    }
    yield masked.rows(actor, [seen.named(row) for row in reversed(first.rows)])
    since, told = began, False
    while True:
        try:
            rows = await journal.changed(database, actor.account, wanted, since - OVERLAP, MOST)
            seen = await visible(database, actor)
            told = False
        except Transient as error:
            if not told:
                on_wait(error)
            told = True
            await asyncio.sleep(EVERY)
            continue
        new = [row for row in rows if _id(row) not in known]
        known |= {_id(row): row["finished_at"] for row in new}
        if new:
            yield masked.rows(actor, [seen.named(row) for row in new])
        since = (
            max([since, *(row["finished_at"] for row in rows)])
            if len(rows) < MOST
            else rows[-1]["finished_at"] + OVERLAP
        )
        known = {id: at for id, at in known.items() if at > since - 2 * OVERLAP}
        if len(rows) < MOST:
            await asyncio.sleep(EVERY)


def _id(row: dict[str, Any]) -> tuple[str, datetime]:
    return row["event_id"], row["finished_at"]
