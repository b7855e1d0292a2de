"""A failure's journal row says, as any other does, which revision and which behaviours it was processed with."""

from __future__ import annotations

from typing import Any

import orjson

from pipeline.engine.topology import Dead
from pipeline.ingress.door import cut
from pipeline.ingress.limits import Limits
from pipeline.store import journal
from pipeline.store.catalog import Catalog
from pipeline.store.database import Database
from pipeline.tools import Tools
from tests.support.events import ACCOUNT
from tests.support.journalled import JSON, TOPOLOGY, saved, walk

SITE = {"name": "site", "preset": "generic-json"}


async def in_force(database: Database, event: str) -> dict[str, Any]:
    row = await journal.show(database, ACCOUNT, event)
    assert row is not None
    return {name: row[name] for name in ("outcome", "revision", "lead_sync", "activity_sync")}


async def test_what_the_rules_reject_says_what_was_in_force(database: Database) -> None:
    live = await saved(database, {**SITE, "sync": {"lead": "create"}})
    catalog = Catalog(database)
    await catalog.refresh()
    tools = Tools(database, catalog)
    [event] = cut(live, JSON, orjson.dumps({"email": "a@example.com", "score": "maybe"}), Limits()).events
    [dead] = await walk(TOPOLOGY, tools, [event])
    assert isinstance(dead.to, Dead) and dead.event.result is None
    row = {"outcome": "failed", "revision": 1, "lead_sync": "create", "activity_sync": "with_new_lead"}
    assert await in_force(database, event.id) == row

    await saved(database, {**SITE, "sync": {"lead": "update", "activity": "off"}})
    await catalog.refresh()
    await walk(TOPOLOGY, tools, [dead.event.evolve(failure=None, replay=1)], "map")
    row = {"outcome": "failed", "revision": 2, "lead_sync": "update", "activity_sync": "off"}
    assert await in_force(database, event.id) == row
