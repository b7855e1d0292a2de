"""Defaults, from the document to the stored lead: used when the source sent nothing, ignored when there is a value."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.engine.outcome import Forward
from pipeline.store import connectors
from pipeline.store.catalog import Catalog
from pipeline.store.database import Database
from pipeline.store.ids import new_id
from pipeline.tools import Tools
from schemas.connector import ConnectorSettings
from stages.dedupe import dedupe
from stages.map import map_fields
from stages.normalize import normalize
from stages.upsert import upsert
from tests.support.chain import event_of
from tests.support.events import ACCOUNT, at

SENT = {"city": "Pune"}
BLANK = {"city": " "}
ABSENT: dict[str, Any] = {}


async def pass_through(database: Database, document: dict[str, Any], connector: int, minute: int) -> dict[str, Any]:
    """The lead after one event went through the stages that make a record of it."""
    catalog = Catalog(database)
    await catalog.refresh()
    whole = {"email": "asha@example.com", "occurred_at": at(minute).isoformat(), **document}
    event = event_of(whole, connector).evolve(id=new_id(), account=ACCOUNT)
    for stage in (normalize, map_fields, dedupe, upsert):
        [outcome] = await stage.run([event], Tools(database, catalog))
        assert isinstance(outcome, Forward), outcome
        event = outcome.event
    assert event.result is not None
    fields: dict[str, Any] = await database.fetchval("SELECT fields FROM lead WHERE id = $1", event.result["lead"])
    return fields


@pytest.mark.parametrize(
    ("sent", "stored", "blank", "city"),
    [
        (SENT, None, "keep", "Pune"),
        (BLANK, None, "keep", "Goa"),
        (ABSENT, None, "keep", "Goa"),
        (SENT, SENT, "keep", "Pune"),
        (SENT, {"city": "Delhi"}, "keep", "Pune"),
        (BLANK, {"city": "Delhi"}, "keep", "Delhi"),
        (ABSENT, {"city": "Delhi"}, "keep", "Delhi"),
        (SENT, None, "clear", "Pune"),
        (BLANK, None, "clear", "Goa"),  # a blank is no data, whatever it does with a stored value
        (ABSENT, None, "clear", "Goa"),
        (SENT, {"city": "Delhi"}, "clear", "Pune"),
        (BLANK, {"city": "Delhi"}, "clear", "Goa"),  # the blank clears what is stored, and the default takes its place
        (ABSENT, {"city": "Delhi"}, "clear", "Delhi"),
    ],
)
async def test_a_default_is_used_when_nothing_was_sent_and_nothing_is_stored(
    database: Database, sent: dict[str, Any], stored: dict[str, Any] | None, blank: Any, city: str | None
) -> None:
    row = {"from": "city", "to": "lead.city", "default": "Goa"}
    other = ConnectorSettings(name="earlier", preset="generic-json", blank=blank)
    settings = ConnectorSettings(name="web", preset="generic-json", blank=blank, map=[row])
    [first, second] = await connectors.apply_all(database, ACCOUNT, [other, settings])
    if stored is not None:
        await pass_through(database, stored, first.id, 0)
    assert (await pass_through(database, sent, second.id, 1)).get("city") == city


async def test_a_default_is_given_once_and_a_value_that_comes_later_replaces_it(database: Database) -> None:
    settings = [
        ConnectorSettings(
            name=name, preset="generic-json", map=[{"from": "city", "to": "lead.city", "default": name.title()}]
        )
        for name in ("goa", "agra")
    ]
    [goa, agra] = await connectors.apply_all(database, ACCOUNT, settings)
    assert (await pass_through(database, ABSENT, goa.id, 1))["city"] == "Goa"
    assert (await pass_through(database, ABSENT, agra.id, 2))["city"] == "Goa"
    assert (await pass_through(database, SENT, agra.id, 0))["city"] == "Pune"  # also one that happened before
