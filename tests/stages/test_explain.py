"""`explain`: for each field the event, connector, mapping row and time that set it, and what it replaced."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from pipeline.engine.outcome import Forward
from pipeline.operations import leads
from pipeline.operations.access import Actor
from pipeline.operations.errors import InUse, Invalid, NotFound
from pipeline.store import accounts, connectors
from pipeline.store.database import Database
from pipeline.store.ids import new_id
from schemas.connector import ConnectorSettings
from schemas.event import Event
from stages.dedupe import dedupe
from stages.log import log
from stages.map import map_fields
from stages.normalize import normalize
from stages.upsert import upsert
from tests.support.events import ACCOUNT, NOON, tools_of

ME = replace(Actor.local(ACCOUNT), email="sam@example.com")
MAP = [
    {"from": "town", "to": "lead.city", "when": {"kind": "form"}},
    {"from": "place", "to": "lead.city", "default": "Pune"},
    {"from": "job", "to": "lead.job_title"},
]


async def connector(database: Database, **settings: Any) -> int:
    given = {"name": "web", "preset": "generic-json", "default_country": "IN", "lead_source": "Web", "map": MAP}
    return (await connectors.apply(database, ACCOUNT, ConnectorSettings(**{**given, **settings}))).id


async def sent(database: Database, id: int, minute: float, **document: Any) -> tuple[str, str]:
    """One event from the door to the journal; returns its id and its lead."""
    tools = tools_of(database)
    at = NOON + timedelta(minutes=minute)
    event = Event(new_id(), ACCOUNT, id, "lead", at, orjson.dumps(document).decode())
    for stage in (normalize, map_fields, dedupe, upsert, log):
        [outcome] = await stage.run([event], tools)
        assert isinstance(outcome, Forward), outcome
        result = (event := outcome.event).result
    assert result is not None
    return event.id, str(result["lead"])


async def explained(database: Database, lead: str) -> dict[str, dict[str, Any]]:
    found = await leads.explain(database, ME, lead)
    return {row["field"]: row for row in found["fields"]}


async def test_each_field_names_what_set_it_and_what_it_replaced(database: Database) -> None:
    web = await connector(database)
    first, lead = await sent(database, web, 0, phone="096119 11795", kind="form", town="Goa", job="Clerk")
    second, _ = await sent(database, web, 1, phone="+91 9611911795", place="Mysuru")
    await connector(database, map=[{"from": "title", "to": "lead.job_title"}])
    third, _ = await sent(database, web, 2, phone="9611911795", title="Owner")
    fields = await explained(database, lead)

    phone = fields["phone"]
    assert (phone["value"], phone["event"], phone["revision"]) == ("+919611911795", third, 2)
    assert phone["as_sent"] == "9611911795" and phone["replaced"] is None
    assert (phone["number"]["type"], phone["number"]["region"], phone["number"]["valid"]) == ("mobile", "IN", True)
    assert not any(name.endswith("_as_sent") for name in fields)

    city = fields["city"]
    assert (city["value"], city["event"], city["connector"], city["revision"]) == ("Mysuru", second, "web", 1)
    assert (city["row"]["of"], city["row"]["row"], city["row"]["from"]) == ("connector", 2, "place")
    assert (city["occurred_at"], city["default"]) == ("2026-03-01T12:01:00.000000Z", False)
    assert city["applied_at"] is not None
    assert city["replaced"] == {
        "value": "Goa",
        "event": first,
        "connector": "web",
        "occurred_at": "2026-03-01T12:00:00.000000Z",
    }
    job = fields["job_title"]
    assert (job["value"], job["row"]["row"], job["row"]["from"], job["revision"]) == ("Owner", 1, "title", 2)
    assert job["replaced"]["value"] == "Clerk"
    source = fields["lead_source"]
    assert (source["value"], source["default"], source["row"]["of"]) == ("Web", True, "lead_source")


async def test_a_default_names_its_row_and_a_cleared_field_what_it_lost(database: Database) -> None:
    web = await connector(database, blank="clear")
    _, lead = await sent(database, web, 0, phone="9611911795", job="Clerk")
    cleared, _ = await sent(database, web, 1, phone="9611911795", job="")
    fields = await explained(database, lead)
    assert (fields["city"]["value"], fields["city"]["default"]) == ("Pune", True)
    assert (fields["city"]["row"]["row"], fields["city"]["row"]["default"]) == (2, "Pune")
    job = fields["job_title"]
    assert (job["value"], job["event"], job["replaced"]["value"]) == (None, cleared, "Clerk")
    await sent(database, web, 2, phone="9611911795", job="Owner")
    assert (await explained(database, lead))["job_title"]["value"] == "Owner"
    [change] = await leads.history(database, ME, lead, "job_title")
    assert (change["value"], change["replaced_by"]) == ("Clerk", cleared)


async def test_a_late_event_replaces_nothing(database: Database) -> None:
    web = await connector(database)
    _, lead = await sent(database, web, 5, phone="9611911795", place="Goa")
    await sent(database, web, 1, phone="9611911795", place="Agra")
    assert await leads.history(database, ME, lead) == []


async def test_what_is_not_kept_any_more_is_not_made_up(database: Database) -> None:
    web = await connector(database)
    event, lead = await sent(database, web, 0, phone="9611911795", place="Goa")
    await database.execute("TRUNCATE journal, journal_day")
    city = (await explained(database, lead))["city"]
    assert (city["event"], city["connector"], city["revision"], city["row"]) == (event, "web", 1, None)
    await database.execute("TRUNCATE applied_event")
    city = (await explained(database, lead))["city"]
    assert (city["event"], city["connector"], city["applied_at"]) == (event, None, None)


async def test_leads_are_merged_explained_and_taken_apart_within_an_account(database: Database) -> None:
    web = await connector(database)
    _, winner = await sent(database, web, 0, phone="9611911795", place="Goa")
    other, loser = await sent(database, web, 1, email="asha@example.com", place="Mysuru")
    strangers = Actor.local(await accounts.create(database, "other"))
    for work in (
        leads.show(database, strangers, winner),
        leads.explain(database, strangers, winner),
        leads.history(database, strangers, winner),
        leads.merge(database, strangers, winner, loser),
        leads.merge(database, ME, winner, new_id()),
        leads.explain(database, ME, winner, "no_such_field"),
    ):
        with pytest.raises(NotFound):
            await work
    with pytest.raises(Invalid):
        await leads.merge(database, ME, winner, "somebody")
    with pytest.raises(InUse):
        await leads.unmerge(database, ME, loser)

    assert (await leads.merge(database, ME, winner, loser))["winner"] == winner
    shown = await leads.show(database, ME, loser)
    assert (shown["id"], shown["redirected_from"], shown["merges"][0]["merged_by"]) == (winner, loser, ME.email)
    city = (await explained(database, loser))["city"]
    assert (city["value"], city["event"], city["row"]["from"]) == ("Mysuru", other, "place")
    assert city["replaced"]["value"] == "Goa"
    assert (await leads.unmerge(database, ME, loser))["loser"] == loser
    assert (await explained(database, winner))["city"]["value"] == "Goa"


async def test_pages_of_leads_follow_each_other(database: Database) -> None:
    web = await connector(database)
    made = [(await sent(database, web, n, phone=f"961191179{n}", place="Goa"))[1] for n in range(5)]
    for query in ("", "goa"):
        seen: list[str] = []
        while page := await leads.find(database, ME, query, after=seen[-1] if seen else None, limit=2):
            seen += [row["id"] for row in page]
        assert seen == made[::-1]
    assert [row["id"] for row in await leads.find(database, ME, "09611911790")] == [made[0]]
    assert await leads.find(database, ME, "09611911790", after=made[0]) == []
    with pytest.raises(Invalid):
        await leads.find(database, ME, after="the last")
