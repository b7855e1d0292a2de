"""An account with one of everything, for tests of the API. In: an account. Out: the ids of what it was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from pipeline.engine.frame import unpack
from pipeline.engine.topology import Dead, Work
from pipeline.engine.transport import Parcel
from pipeline.ingress.door import cut
from pipeline.ingress.limits import Limits
from pipeline.operations import connectors, fields, keys, plan, secrets, users
from pipeline.operations.access import Actor
from pipeline.store import dead_letters, journal
from pipeline.store.catalog import Catalog
from pipeline.tools import Tools
from schemas.access import UserField, UserFieldType
from schemas.connector import Connector
from schemas.event import Event
from schemas.fields import Field
from tests.support.api import Served, Tenant
from tests.support.journalled import walk
from tests.support.turned_away import turned_away

OPEN = {"roles": ["editor", "operator", "viewer"]}


@dataclass(frozen=True)
class Stock:
    """What there is, as a path or a body names it. Every text holds the account's name, so that a leak is seen."""

    connector: str
    connector_id: int
    event: str  # failed, and dead
    lead: str
    lost: str  # another lead
    letter: int
    conflict: int
    refused: int
    user: int
    key: int
    field: str
    user_field: str
    secret: str


async def stock(served: Served, tenant: Tenant) -> Stock:
    """Fill an account: a connector that is open to every role, leads, a dead letter, a conflict, and the rest."""
    database, name = served.database, tenant.name
    actor = Actor.local(tenant.id)
    await users.add_field(database, actor, UserField(name=f"{name}_flag", label=name, type=UserFieldType.BOOLEAN))
    await fields.create(database, actor, "lead", Field(name=f"{name}_pan", label=name, unique=True))
    user = await users.create(database, actor, f"one@{name}.example.com", name=name)
    key = await keys.create(database, actor, name, email=user["email"])
    await secrets.put(database, served.core.settings, actor, f"{name}-secret", b"whatever")
    connector = await saved(served, tenant, f"{name}-site", access=OPEN)
    good, failed, _, held = await through(
        served,
        connector,
        [
            {"event_id": "1", "name": f"{name} one", "phone": "+919822012345"},
            {"event_id": "2", "name": f"{name} two", "phone": "+919822012346", "budget": f"{name} maybe"},
            {"event_id": "3", "name": f"{name} three", "email": "three@example.com"},
            {"event_id": "4", "name": f"{name} four", "phone": "+919822012345", "email": "three@example.com"},
        ],
    )
    rows = await journal.results_of(database, [good])
    [letter] = await dead_letters.page(database, dead_letters.Filter(account=tenant.id, event=failed))
    [conflict] = await dead_letters.page(database, dead_letters.Filter(account=tenant.id, event=held))
    [lost] = await database.fetch(
        "SELECT id FROM lead WHERE account_id = $1 AND id <> $2", tenant.id, rows[good]["lead"]
    )
    return Stock(
        connector=connector.name,
        connector_id=connector.id,
        event=failed,
        lead=rows[good]["lead"],
        lost=str(lost["id"]),
        letter=letter["id"],
        conflict=conflict["id"],
        refused=await turned_away(
            database, connector, {"event_id": "5", "name": f"{name} five", "phone": "9822012347"}
        ),
        user=user["id"],
        key=key.row["id"],
        field=f"{name}_pan",
        user_field=f"{name}_flag",
        secret=f"{name}-secret",
    )


def settings_of(name: str, **more: Any) -> dict[str, Any]:
    """Settings of a connector that takes plain JSON, and a budget that must be a number."""
    budget = {"from": "budget", "to": "lead.budget"}
    field = {"name": "budget", "label": "Budget", "type": "number"}
    return {"name": name, "preset": "generic-json", "map": [budget], "fields": [field], **more}


async def saved(served: Served, tenant: Tenant, name: str, **more: Any) -> Connector:
    """A connector, put in force."""
    await plan.save(served.database, tenant.id, connectors.parsed(settings_of(name, **more)))
    return await connectors.find(served.database, tenant.id, name)


async def through(served: Served, connector: Connector, documents: Sequence[Any]) -> list[str]:
    """Send events through the whole chain, to their journal rows and dead letters; returns their ids."""
    headers = {"Content-Type": "application/json"}
    events = cut(connector, headers, orjson.dumps(list(documents)), Limits()).events
    for event in events:  # one after another, as if each had come by itself
        await again(served, event)
    return [event.id for event in events]


async def arrived(served: Served) -> int:
    """Work off what was sent through again, from the stage that it was sent to; how many events those were."""
    topology, done = served.core.topology, 0
    for name in topology.stages:
        parcels: list[Parcel] = []
        subscription = await served.core.transport.subscribe(Work(name), parcels.append, lambda: None, 1_000)
        for parcel in parcels:
            for delivery in unpack(parcel.body, 0):
                await again(served, delivery.event, name)
                done += 1
        await subscription.ack(parcels)
        await subscription.cancel()
    return done


async def again(served: Served, event: Event, stage: str | None = None) -> None:
    """Send one event through, from this stage on."""
    catalog, topology = Catalog(served.database), served.core.topology
    await catalog.refresh()
    tools = Tools(served.database, catalog)
    for exit in await walk(topology, tools, [event], stage):
        if isinstance(exit.to, Dead):
            await dead_letters.keep(served.database, exit.to.stage, [exit.event], [])
