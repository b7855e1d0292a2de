"""Any order and repetition of the same events ends the same: ties, clocks ahead, versions of one id, bad values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import orjson
import pytest

from pipeline.ingress.door import cut
from pipeline.ingress.limits import Limits
from pipeline.operations.connectors import parsed
from pipeline.operations.plan import save
from pipeline.store import accounts, connectors
from pipeline.store.catalog import Catalog
from pipeline.store.database import Database
from pipeline.tools import Tools
from schemas.connector import Connector
from schemas.event import Event
from tests.support.events import NOON
from tests.support.journalled import JSON, TOPOLOGY, walk

INDIA = {"default_country": "IN", "time_zone": "Asia/Kolkata"}
PRESETS = ("generic-json", "leadsquared-call-log")
PEOPLE = ("+919845011221", "+919845011222")
TIMES = ("2026-03-01T11:00:00Z", "2026-03-01T11:00:00Z", "2026-03-01T10:00:00Z", "2026-03-01T18:00:00Z", "soon", None)
EVENTS = 24
ORDERS = 4

LEADS = "SELECT fields FROM lead WHERE account_id = $1 ORDER BY fields ->> 'phone'"
CALLS = "SELECT call_id, fields, started_at FROM call WHERE account_id = $1 ORDER BY call_id"
ACTIVITIES = """
SELECT fields, occurred_at, type FROM activity WHERE account_id = $1 ORDER BY type, occurred_at, fields::text
"""


def enquiry(random: Random) -> dict[str, Any]:
    """One version of something that a person said, with whatever people and systems put into its members."""
    person = random.randrange(len(PEOPLE))
    address = f"person{person}@example.com"
    return {
        "event_id": f"thing-{person}-{random.randrange(3)}",
        "phone": PEOPLE[person],
        "updated_at": random.choice(TIMES),
        "email": random.choice([address, address.upper(), "N/A", "not an address", None, False]),
        "mobile": random.choice([None, "call me"]),
        "phone2": random.choice(["12", "-", None, f"98450112{person}3"]),
        "stage": random.choice(["new", "won", "lost", ""]),
        "city": random.choice(["Pune", "Goa", "null"]),
        "message": random.choice(["Hello", "Call me", None]),
    }


def call(random: Random) -> dict[str, Any]:
    """One version of a call."""
    return {
        "SourceNumber": random.choice(PEOPLE),
        "DestinationNumber": "+919611795980",
        "DisplayNumber": "+919020897874",
        "StartTime": random.choice(["2026-03-01 11:00:00", "2026-03-01 18:00:00"]),
        "EndTime": "2026-03-01 11:05:00",
        "CallDuration": random.choice(["0", "60"]),
        "Status": random.choice(["Missed", "Answered"]),
        "Direction": "Inbound",
        "CallSessionId": f"call-{random.randrange(3)}",
        "CallNotes": random.choice(["", "wants a quote"]),
    }


async def connector_in(database: Database, account: int, preset: str) -> Connector:
    await save(database, account, parsed({"name": preset, "preset": preset, **INDIA}))
    found = await connectors.get(database, account, preset)
    assert found is not None
    return found


def arrived(said: Sequence[tuple[str, Any]], by: dict[str, Connector]) -> list[Event]:
    """The events as the door makes them, a second after one another."""
    events = []
    for number, (preset, document) in enumerate(said):
        [event] = cut(by[preset], JSON, orjson.dumps(document), Limits()).events
        events.append(event.evolve(received_at=NOON + timedelta(seconds=number)))
    return events


async def worked(database: Database, events: Sequence[Event], random: Random) -> None:
    """In batches of any size, some of the events twice."""
    catalog = Catalog(database)
    await catalog.refresh()
    ahead = list(events)
    while ahead:
        size = random.randint(1, 8)
        batch, ahead = ahead[:size], ahead[size:]
        await walk(TOPOLOGY, Tools(database, catalog), batch)


async def records(database: Database, account: int) -> list[list[dict[str, Any]]]:
    return [[dict(row) for row in await database.fetch(sql, account)] for sql in (LEADS, CALLS, ACTIVITIES)]


@pytest.mark.parametrize("seed", range(6))
async def test_any_order_and_repetition_ends_the_same(database: Database, seed: int) -> None:
    random = Random(seed)
    said = [
        (PRESETS[1], call(random)) if random.random() < 0.3 else (PRESETS[0], enquiry(random)) for _ in range(EVENTS)
    ]
    ends = []
    for order in range(ORDERS):
        account = await accounts.create(database, f"order-{seed}-{order}")
        by = {preset: await connector_in(database, account, preset) for preset in PRESETS}
        events = arrived(said, by)
        if order:
            events += random.sample(events, EVENTS // 3)
            random.shuffle(events)
        await worked(database, events, random)
        ends.append(await records(database, account))
    for end in ends[1:]:
        assert end == ends[0]
    leads = {row["fields"]["phone"]: row["fields"] for row in ends[0][0]}
    assert leads.keys() == {document.get("phone") or document["SourceNumber"] for _, document in said}
    for _, document in said:  # a valid value is never replaced by one that is not
        if "@" in str(document.get("email")):
            assert leads[document["phone"]]["email"] == document["email"].lower()
