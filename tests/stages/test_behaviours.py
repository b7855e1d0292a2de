"""What a connector's sync behaviour lets an event do: every behaviour with every way to find a lead."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from pipeline.engine.outcome import DeadLetter, Drop, Forward, Outcome
from pipeline.store import connectors, journal, leads
from pipeline.store.database import Database
from schemas.connector import ConnectorSettings
from schemas.event import Event
from schemas.fields import Field
from stages.dedupe import dedupe
from stages.log import log
from stages.upsert import upsert
from tests.support.events import ACCOUNT, CONNECTOR, mapped, result_of, results, run, tools_of

PHONE, EMAIL, THIRD = "+919611795983", "asha@example.com", "pan-1"
LEAD = ("capture", "create", "update", "nothing")
ACTIVITY = ("off", "capture", "create", "update", "with_new_lead")
KEPT = {
    "activity": "SELECT fields ->> 'notes' AS notes FROM activity WHERE fields ->> 'external_id' = $1",
    "call": "SELECT fields ->> 'notes' AS notes FROM call WHERE call_id = $1",
}
# The keys of the leads that are there, those of the event, and the one by which the lead is found.
MEETINGS: dict[str, tuple[tuple[str, ...], tuple[str, ...], str | None]] = {
    "primary hit": (("phone",), ("phone", "email"), "phone"),
    "secondary hit": (("email",), ("phone", "email"), "email"),
    "no hit": ((), ("phone", "email"), None),
    "conflict": (("phone", "email"), ("phone", "email"), None),
    "no key": (("phone",), (), None),
}
LEAD_ENDS = {
    "capture": {True: "updated", False: "created"},
    "create": {True: "lead {lead} was found by {by}, and connector web only creates leads", False: "created"},
    "update": {True: "updated", False: "no lead was found, and connector web only updates leads"},
}


def synced(leads_are: str, activities_are: str, fields: dict[str, Any], **more: Any) -> Event:
    """An event of a connector with these behaviours."""
    event = mapped(fields, **more)
    return event.evolve(data={**event.data, "sync": {"lead": leads_are, "activity": activities_are}}, revision=3)


async def chain(database: Database, event: Event) -> Outcome:
    """Through dedupe, and through upsert if it gets there."""
    tools = tools_of(database)
    await tools.catalog.refresh()
    [outcome] = await dedupe.run([event], tools)
    if isinstance(outcome, Forward):
        [outcome] = await upsert.run([outcome.event], tools)
    return outcome


@pytest.fixture(autouse=True)
async def connector(database: Database) -> None:
    """The one that all events come by."""
    pan = Field(name="pan", label="PAN", unique=True)
    settings = ConnectorSettings(name="web", preset="generic-json", fields=[pan])
    applied = await connectors.apply(database, ACCOUNT, settings)
    assert applied.id == CONNECTOR


def told(outcome: Outcome) -> str:
    """How it ended, in a word, or why it was dropped."""
    if isinstance(outcome, Drop):
        return outcome.reason
    if isinstance(outcome, DeadLetter):
        return outcome.kind
    return str(result_of(outcome)["outcome"])


def person(index: int) -> dict[str, str]:
    """Somebody whom no other case knows."""
    return {"phone": f"+1415555{index:04d}", "email": f"p{index}@example.com"}


async def test_what_each_behaviour_for_leads_does(database: Database) -> None:
    for index, (behaviour, meeting) in enumerate(product(LEAD, MEETINGS)):
        case = f"{behaviour}, {meeting}"
        (there, keys, by), who = MEETINGS[meeting], person(index)
        stored = [mapped({key: who[key], "city": "Pune"}) for key in there]
        known = [result["lead"] for result in await results(upsert, database, *stored)]
        before = await leads.count(database, ACCOUNT)
        event = synced(behaviour, "off", {**{key: who[key] for key in keys}, "city": "Goa"}, minute=1)
        outcome = await chain(database, event)

        if behaviour == "nothing":
            assert told(outcome).endswith("and connector web leaves leads as they are"), case
            assert meeting == "no key" or all(lead in told(outcome) for lead in known), case  # it says whom it found
            assert (f"found by {by}" in told(outcome)) == (by is not None), case
        elif meeting == "conflict":
            assert isinstance(outcome, DeadLetter) and outcome.kind == "conflict", case
            assert all(lead in outcome.reason for lead in known), case
        elif meeting == "no key":
            assert isinstance(outcome, DeadLetter) and outcome.rule == "an event needs a valid search key", case
        else:
            ending = LEAD_ENDS[behaviour][bool(known)]
            assert told(outcome) == ending.format(lead="".join(known), by=by), case
        if isinstance(outcome, Forward):
            assert (result_of(outcome)["by"], "city" in result_of(outcome)["changed"]) == (by, True), case

        updated = isinstance(outcome, Forward) and bool(known)
        created = isinstance(outcome, Forward) and not known
        for lead in known:
            shown = await leads.show(database, ACCOUNT, lead)
            assert shown is not None
            assert shown["fields"]["city"] == ("Goa" if updated else "Pune"), case
            assert len(shown["keys"]) == (2 if updated else 1), case  # the keys of what changes nothing are not kept
        assert await leads.count(database, ACCOUNT) == before + created, case
        settled = await database.fetchrow("SELECT * FROM applied_event WHERE event_id = $1", event.id)
        assert (settled is None) == isinstance(outcome, DeadLetter), case
        if settled is not None:
            in_force = (settled["lead_sync"], settled["activity_sync"], settled["revision"])
            assert in_force == (behaviour, "off", 3), case


async def test_what_each_behaviour_for_activities_does(database: Database) -> None:
    every = product(LEAD, ACTIVITY, (True, False), (True, False), ("activity", "call"))
    for index, case in enumerate(every):
        leads_are, activities_are, found, there, kind = case
        if there and not found:
            continue  # an activity that is there has its lead
        phone = person(index)["phone"]
        said: dict[str, Any] = {
            "activity": {"external_id": f"q{index}", "type": "enquiry"},
            "call": {"call_id": f"c{index}", "status": "answered"},
        }[kind]
        if found:
            await results(upsert, database, mapped({"phone": phone}, **({kind: said} if there else {})))
        again = {kind: {**said, "notes": "again"}}
        event = synced(leads_are, activities_are, {"phone": phone, "city": "Goa"}, minute=1, **again)
        outcome = await chain(database, event)

        has_lead = found or leads_are in ("capture", "create")
        attached = has_lead and (activities_are == "capture" or activities_are == ("update" if there else "create"))
        attached |= activities_are == "with_new_lead" and not found and has_lead
        spoken = leads_are in ("capture", "update" if found else "create")
        rows = await database.fetch(KEPT[kind], next(iter(said.values())))
        assert len(rows) == (1 if there or attached else 0), case
        assert [row["notes"] for row in rows if row["notes"]] == (["again"] if attached else []), case
        if not spoken and not attached:
            assert isinstance(outcome, Drop), case
            assert "connector web" in outcome.reason and "activit" in outcome.reason, case
        else:
            result = result_of(outcome)
            assert result["outcome"] == ("updated" if found else "created"), case
            assert ("city" in result["changed"]) == spoken, case
            assert (result["activity"] is not None) == attached, case
            assert ("reason" in result) == (not spoken or (not attached and activities_are != "off")), case


async def test_the_journal_says_what_a_behaviour_left_undone(database: Database) -> None:
    first = mapped({"phone": PHONE, "city": "Pune"}, call={"call_id": "c1"})
    [made] = await results(upsert, database, first)
    for behaviours, why in (
        (("create", "capture"), f"lead {made['lead']} was found by phone, and connector web only creates leads"),
        (("capture", "create"), "connector web only creates activities, and this one is there already"),
    ):
        event = synced(*behaviours, {"phone": PHONE, "city": "Goa"}, minute=1, call={"call_id": "c1", "notes": "n"})
        outcome = await chain(database, event)
        assert isinstance(outcome, Forward)
        await run(log, database, outcome.event)
        row = await journal.show(database, ACCOUNT, event.id)
        assert row is not None
        assert (row["outcome"], row["reason"], row["lead_sync"]) == ("updated", why, behaviours[0])


async def test_a_decision_to_do_nothing_counts_once(database: Database) -> None:
    event = synced("update", "off", {"phone": PHONE})
    first = await chain(database, event)
    await results(upsert, database, mapped({"phone": PHONE}))
    changed = event.evolve(data={**event.data, "sync": {"lead": "capture", "activity": "off"}}, revision=4)
    again = await chain(database, changed)
    assert isinstance(first, Drop) and isinstance(again, Drop) and again.reason == first.reason
    assert again.result is not None and first.result is not None
    assert again.result["then"] == {"sync": event.data["sync"], "revision": 3, "decision": None}

    replayed = changed.evolve(replay=1, data={**changed.data, "lead": {"phone": PHONE, "city": "Goa"}})
    [held, anew, twice] = await run(upsert, database, changed, replayed, replayed)
    assert told(anew) == "updated"
    assert (result_of(twice)["outcome"], result_of(twice)["duplicate"]) == ("updated", True)
    assert told(held) == "updated"
    [late] = await run(upsert, database, event)
    assert told(late) == "updated"
    assert await database.fetchval("SELECT count(*) FROM applied_event WHERE event_id = $1", event.id) == 1


async def test_a_replay_may_be_dropped_again(database: Database) -> None:
    event = synced("update", "off", {"phone": PHONE})
    await chain(database, event)
    again = await chain(database, event.evolve(replay=1, revision=5))
    assert isinstance(again, Drop)
    assert await database.fetchval("SELECT revision FROM applied_event") == 5


async def test_of_two_events_in_one_batch_the_one_that_makes_the_lead_counts_first(database: Database) -> None:
    only_updates = synced("update", "off", {"phone": PHONE, "city": "Goa"}, minute=1)
    outcomes = await run(upsert, database, only_updates, mapped({"phone": PHONE}))
    assert [told(outcome) for outcome in outcomes] == ["updated", "created"]


async def test_a_new_lead_has_what_is_required(database: Database) -> None:
    def event(**fields: Any) -> Event:
        made = mapped({"phone": PHONE, **fields}, minute=1)
        return made if "name" in fields else made.evolve(data={**made.data, "required": ["name"]})

    held = await chain(database, event())
    assert isinstance(held, DeadLetter)
    assert (held.kind, held.field, held.rule) == (
        "rejected",
        "lead.name",
        "a new lead must have a value in each required field",
    )
    assert told(await chain(database, event(name="Asha"))) == "created"
    assert told(await chain(database, event(city="Goa"))) == "updated"  # it has a name already


async def test_any_number_of_keys_count_in_their_order(database: Database) -> None:
    def event(*search: tuple[str, str], **more: Any) -> Event:
        made = mapped({"city": "Goa", **dict(search)}, **more)
        return made.evolve(data={**made.data, "keys": {"search": [list(key) for key in search], "also": []}})

    pan, phone, email = ("pan", THIRD), ("phone", PHONE), ("email", EMAIL)
    [first] = await results(upsert, database, event(pan))
    [second] = await results(upsert, database, event(phone, email, pan, minute=1))
    assert (second["lead"], second["by"]) == (first["lead"], "pan")
    [third] = await results(upsert, database, event(phone, minute=2))
    assert (third["lead"], third["by"]) == (first["lead"], "phone")
    [other] = await results(upsert, database, event(("pan", "pan-2")))
    held = await chain(database, event(phone, email, ("pan", "pan-2")))
    assert isinstance(held, DeadLetter)
    assert held.reason == f"phone names lead {first['lead']}, pan names lead {other['lead']}"
