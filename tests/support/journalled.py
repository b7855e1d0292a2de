"""Events through the whole chain in this process, without a broker. In: bodies. Out: records and journal, for real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from pipeline.daemon.core import STAGES
from pipeline.engine.outcome import DeadLetter, Drop, Forward
from pipeline.engine.runner import decide
from pipeline.engine.stage import discover
from pipeline.engine.topology import Delivery, Exit, Topology, Work
from pipeline.ingress.door import cut
from pipeline.ingress.limits import Limits
from pipeline.operations.connectors import find, parsed
from pipeline.operations.plan import save
from pipeline.store.catalog import Catalog
from pipeline.store.database import Database
from pipeline.tools import Tools
from schemas.connector import Connector
from schemas.event import Event, Step
from tests.support.events import ACCOUNT, NOON

JSON = {"Content-Type": "application/json"}
TOPOLOGY = Topology.of(discover(STAGES))


async def saved(database: Database, document: Mapping[str, Any]) -> Connector:
    """A connector, put in force."""
    await save(database, ACCOUNT, parsed(document))
    return await find(database, ACCOUNT, str(document["name"]))


async def through(
    database: Database, connector: Connector, documents: Sequence[Any], catalog: Catalog | None = None
) -> list[str]:
    """Send these events through, to their journal rows; returns their ids. `catalog`: what a worker knows."""
    events = cut(connector, JSON, orjson.dumps(list(documents)), Limits()).events
    if catalog is None:
        catalog = Catalog(database)
        await catalog.refresh()
    tools = Tools(database, catalog)
    await walk(TOPOLOGY, tools, events)
    return [event.id for event in events]


async def walk(topology: Topology, tools: Tools, events: Sequence[Event], stage: str | None = None) -> list[Exit]:
    """Take events through a chain, from this stage on; returns the exits that lead to no stage."""
    waiting: dict[str, list[Event]] = {stage or topology.entry: list(events)}
    elsewhere: list[Exit] = []
    for name, each in topology.stages.items():
        batch = waiting.pop(name, [])
        for event, outcome in zip(batch, await decide(each, batch, tools), strict=True):
            assert isinstance(outcome, Forward | DeadLetter | Drop), outcome
            for exit in topology.route(name, Delivery(event), outcome, Step(name, 1, 0.0, 0.0), NOON):
                if isinstance(exit.to, Work):
                    waiting.setdefault(exit.to.stage, []).append(exit.event)
                else:
                    elsewhere.append(exit)
    return elsewhere
