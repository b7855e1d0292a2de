"""upsert: the records, exactly once; the newest value per field; one lead per person."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.engine.outcome import DeadLetter, Forward
from pipeline.store import accounts, leads
from pipeline.store.database import Database
from pipeline.store.ids import new_id
from schemas.event import Event
from stages.dedupe import dedupe
from stages.upsert import upsert
from tests.support.events import ACCOUNT, mapped, result_of, results, run

PHONE = "+919611795983"
EMAIL = "asha@example.com"


async def stored(database: Database, lead: str, account: int = ACCOUNT) -> dict[str, Any]:
    shown = await leads.show(database, account, lead)
    assert shown is not None
    return shown


async def test_a_stranger_becomes_a_lead(database: Database) -> None:
    [result] = await results(upsert, database, mapped({"phone": PHONE, "email": EMAIL, "name": "Asha"}))
    assert result == {
        "outcome": "created",
        "lead": result["lead"],
        "call": None,
        "activity": None,
        "by": None,
        "changed": ["email", "name", "phone"],
        "day": "2026-03-01",
        "duplicate": False,
    }
    lead = await stored(database, result["lead"])
    assert lead["fields"] == {"phone": PHONE, "email": EMAIL, "name": "Asha"}
    assert lead["keys"] == [("email", EMAIL), ("phone", PHONE)]


async def test_a_known_person_is_found_by_the_primary_key(database: Database) -> None:
    [first] = await results(upsert, database, mapped({"phone": PHONE, "city": "Pune"}))
    [second] = await results(upsert, database, mapped({"phone": PHONE, "city": "Mysuru"}, minute=1))
    assert (second["outcome"], second["by"], second["lead"]) == ("updated", "phone", first["lead"])
    assert second["changed"] == ["city"]
    assert (await stored(database, first["lead"]))["fields"]["city"] == "Mysuru"


async def test_a_known_person_is_found_by_the_secondary_key(database: Database) -> None:
    [first] = await results(upsert, database, mapped({"phone": PHONE, "email": EMAIL}))
    [second] = await results(upsert, database, mapped({"phone": "+14155550100", "email": EMAIL}, minute=1))
    assert (second["outcome"], second["by"], second["lead"]) == ("updated", "email", first["lead"])
    assert ("phone", "+14155550100") in (await stored(database, first["lead"]))["keys"]


async def test_what_says_nothing_new_changes_nothing(database: Database) -> None:
    await results(upsert, database, mapped({"phone": PHONE, "city": "Pune"}))
    [second] = await results(upsert, database, mapped({"phone": PHONE, "city": "Pune"}, minute=1))
    assert (second["outcome"], second["changed"]) == ("unchanged", [])


async def test_an_unchanged_value_is_as_new_as_its_latest_event(database: Database) -> None:
    [first] = await results(upsert, database, mapped({"phone": PHONE, "city": "Pune"}, minute=1))
    await results(upsert, database, mapped({"phone": PHONE, "city": "Pune"}, minute=3))
    [late] = await results(upsert, database, mapped({"phone": PHONE, "city": "Goa"}, minute=2))
    assert late["outcome"] == "unchanged"
    assert (await stored(database, first["lead"]))["fields"]["city"] == "Pune"


async def test_a_late_event_never_overwrites_a_newer_value(database: Database) -> None:
    [first] = await results(upsert, database, mapped({"phone": PHONE, "city": "new"}, minute=5))
    [late] = await results(upsert, database, mapped({"phone": PHONE, "city": "old", "name": "Asha"}, minute=1))
    assert late["changed"] == ["name"]
    assert (await stored(database, first["lead"]))["fields"] == {"phone": PHONE, "city": "new", "name": "Asha"}


async def test_a_cleared_value_stays_cleared_by_its_time(database: Database) -> None:
    [first] = await results(upsert, database, mapped({"phone": PHONE, "city": "Pune"}, minute=1))
    [clear] = await results(upsert, database, mapped({"phone": PHONE, "city": None}, minute=3))
    [late] = await results(upsert, database, mapped({"phone": PHONE, "city": "Goa"}, minute=2))
    assert (clear["outcome"], clear["changed"], late["outcome"]) == ("updated", ["city"], "unchanged")
    assert "city" not in (await stored(database, first["lead"]))["fields"]


async def test_a_default_fills_only_what_has_no_value(database: Database) -> None:
    [first] = await results(
        upsert, database, mapped({"phone": PHONE}, defaults={"lead_source": "Web", "city": "Pune"}, minute=2)
    )
    await results(upsert, database, mapped({"phone": PHONE, "city": "Goa"}, minute=1))
    await results(upsert, database, mapped({"phone": PHONE}, defaults={"lead_source": "Call"}, minute=3))
    fields = (await stored(database, first["lead"]))["fields"]
    assert fields == {"phone": PHONE, "lead_source": "Web", "city": "Goa"}


async def test_each_field_says_which_event_set_it(database: Database) -> None:
    one, two = mapped({"phone": PHONE, "city": "Pune"}), mapped({"phone": PHONE, "city": "Goa"}, minute=1)
    [first, _] = await results(upsert, database, one, two)
    provenance = {row["field"]: row for row in (await stored(database, first["lead"]))["provenance"]}
    assert provenance["city"] == {
        "field": "city",
        "value": "Goa",
        "event": two.id,
        "occurred_at": "2026-03-01T12:01:00.000000Z",
        "received_at": "2026-03-01T12:00:00.000000Z",
        "default": False,
        "sound": True,
    }


async def test_keys_that_name_two_leads_are_held_for_a_person(database: Database) -> None:
    [one] = await results(upsert, database, mapped({"phone": PHONE}))
    [two] = await results(upsert, database, mapped({"email": EMAIL}))
    other = mapped({"phone": "+14155550100"})
    [held, passed] = await run(upsert, database, mapped({"phone": PHONE, "email": EMAIL, "name": "Asha"}), other)
    assert isinstance(held, DeadLetter)
    assert (held.kind, held.field, held.value) == ("conflict", "email", EMAIL)
    assert held.rule == "the search keys of an event must name one lead"
    assert one["lead"] in held.reason and two["lead"] in held.reason
    assert result_of(passed)["outcome"] == "created"
    assert "name" not in (await stored(database, one["lead"]))["fields"]
    assert await database.fetchval("SELECT count(*) FROM applied_event") == 3


async def test_an_event_without_a_key_is_rejected_and_harms_no_other(database: Database) -> None:
    [held, passed] = await run(upsert, database, mapped({"name": "Nobody"}), mapped({"phone": PHONE}))
    assert isinstance(held, DeadLetter)
    assert held.rule == "an event needs a valid search key"
    assert result_of(passed)["outcome"] == "created"


async def test_an_applied_event_goes_on_with_the_outcome_it_had(database: Database) -> None:
    event = mapped({"phone": PHONE, "city": "Pune"}, call={"call_id": "c1"})
    [first] = await results(upsert, database, event)
    again = event.evolve(received_at=event.received_at.replace(day=9), data={**event.data, "lead": {"city": "Goa"}})
    [second] = await results(upsert, database, again)
    then = {"sync": {"lead": "capture", "activity": "capture"}, "revision": 0, "decision": None}
    assert second == {**first, "duplicate": True, "then": then}
    assert (await stored(database, first["lead"]))["fields"]["city"] == "Pune"


async def test_a_batch_may_hold_an_event_twice(database: Database) -> None:
    event = mapped({"phone": PHONE})
    [first, second] = await results(upsert, database, event, event)
    assert (first["duplicate"], second) == (False, {**first, "duplicate": True})
    assert await database.fetchval("SELECT count(*) FROM applied_event") == 1


async def test_several_events_of_a_new_person_in_one_batch_make_one_lead(database: Database) -> None:
    batch = [
        mapped({"email": EMAIL, "city": "Goa"}, minute=3),
        mapped({"phone": PHONE, "city": "Pune"}, minute=1),
        mapped({"phone": PHONE, "email": EMAIL, "name": "Asha"}, minute=2),
    ]
    found = await results(upsert, database, *batch)
    assert len({result["lead"] for result in found}) == 1
    assert [result["outcome"] for result in found] == ["updated", "updated", "created"]
    lead = await stored(database, found[0]["lead"])
    assert lead["fields"] == {"phone": PHONE, "email": EMAIL, "name": "Asha", "city": "Goa"}
    assert lead["version"] == 1


async def test_a_second_number_finds_its_lead_but_decides_nothing(database: Database) -> None:
    other = "+14155550100"
    [taken] = await results(upsert, database, mapped({"phone": other}))
    [owner] = await results(upsert, database, mapped({"phone": PHONE, "phone_alt": other}, also=[["phone", other]]))
    assert owner["outcome"] == "created" and owner["lead"] != taken["lead"]
    alt = "+14155550199"
    await results(upsert, database, mapped({"phone": PHONE, "phone_alt": alt}, also=[["phone", alt]], minute=1))
    [caller] = await results(upsert, database, mapped({"phone": alt}, call={"call_id": "c"}))
    assert (caller["lead"], caller["by"]) == (owner["lead"], "phone")


async def test_a_call_is_attached_to_its_lead_and_grows_with_its_events(database: Database) -> None:
    ring = mapped({"phone": PHONE}, call={"call_id": "c1", "status": "ringing", "started_at": "2026-03-01T11:59:00Z"})
    end = mapped({"phone": PHONE}, call={"call_id": "c1", "status": "answered", "duration_s": 61}, minute=2)
    [late, first] = await results(upsert, database, end, ring)
    assert first["call"] == late["call"] == first["activity"]
    row = await database.fetchrow("SELECT * FROM call")
    assert row is not None
    assert str(row["lead_id"]) == first["lead"] and row["call_id"] == "c1"
    assert row["fields"] == {
        "call_id": "c1",
        "status": "answered",
        "duration_s": 61,
        "started_at": "2026-03-01T11:59:00Z",
    }
    [activity] = (await stored(database, first["lead"]))["activities"]
    assert (activity["type"], activity["call"]["status"]) == ("call", "answered")
    assert activity["occurred_at"].isoformat() == "2026-03-01T11:59:00+00:00"


async def test_the_first_call_of_a_known_lead_is_an_update(database: Database) -> None:
    await results(upsert, database, mapped({"phone": PHONE}))
    [call] = await results(upsert, database, mapped({"phone": PHONE}, call={"call_id": "c1"}, minute=1))
    assert (call["outcome"], call["changed"]) == ("updated", ["call.call_id", "call.lead"])
    [again] = await results(upsert, database, mapped({"phone": PHONE}, call={"call_id": "c1"}, minute=2))
    assert (again["outcome"], again["changed"]) == ("unchanged", [])


async def test_two_connectors_may_use_the_same_call_id(database: Database) -> None:
    one = mapped({"phone": PHONE}, call={"call_id": "c1"})
    two = mapped({"phone": PHONE}, call={"call_id": "c1"}, connector=2)
    [first, second] = await results(upsert, database, one, two)
    assert first["call"] != second["call"]
    assert len((await stored(database, first["lead"]))["activities"]) == 2


async def test_an_activity_with_an_id_at_the_source_is_one_activity(database: Database) -> None:
    ask = {"external_id": "q1", "type": "enquiry", "subject": "Pumps"}
    [first] = await results(upsert, database, mapped({"phone": PHONE}, activity=ask))
    [second] = await results(
        upsert, database, mapped({"phone": PHONE}, activity={**ask, "subject": "Valves"}, minute=1)
    )
    [other] = await results(upsert, database, mapped({"phone": PHONE}, activity={"type": "visit"}, minute=2))
    assert first["activity"] == second["activity"] != other["activity"]
    assert second["changed"] == ["activity.occurred_at", "activity.subject"]
    lead = await stored(database, first["lead"])
    assert [(row["type"], row["external_id"]) for row in lead["activities"]] == [("visit", None), ("enquiry", "q1")]


@pytest.mark.parametrize("behaviour", ["capture", "create", "update"])
async def test_an_event_that_comes_again_after_it_was_forgotten_finds_its_activity(
    database: Database, behaviour: str
) -> None:
    event = mapped({"phone": PHONE}, activity={"type": "enquiry", "message": "Hello"})
    [first] = await results(upsert, database, event)
    await database.execute("DELETE FROM applied_event")
    again = event.evolve(data={**event.data, "sync": {"lead": "capture", "activity": behaviour}})
    [second] = await results(upsert, database, again)
    assert second["activity"] == (None if behaviour == "create" else first["activity"])
    [activity] = (await stored(database, first["lead"]))["activities"]
    assert activity["fields"] == {"type": "enquiry", "message": "Hello"}


async def test_accounts_never_meet(database: Database) -> None:
    other = await accounts.create(database, "other")
    [ours] = await results(upsert, database, mapped({"phone": PHONE, "name": "Ours"}))
    [theirs] = await results(upsert, database, mapped({"phone": PHONE, "name": "Theirs"}, account=other))
    assert theirs["outcome"] == "created" and theirs["lead"] != ours["lead"]
    assert await leads.show(database, ACCOUNT, theirs["lead"]) is None
    assert [lead["fields"]["name"] for lead in await leads.find(database, other, PHONE)] == ["Theirs"]


@pytest.mark.parametrize("text", ["nul\x00", "half a pair \ud83d", "\x00"])
async def test_text_that_postgresql_cannot_store_is_cleaned(database: Database, text: str) -> None:
    hostile = mapped({"phone": PHONE, "name": text, "x\x00": [text, {text: 1}]}, call={"call_id": text})
    [result, other] = await results(upsert, database, hostile, mapped({"phone": "+14155550100"}))
    clean = text.replace("\x00", "").replace("\ud83d", "")
    assert (await stored(database, result["lead"]))["fields"]["name"] == clean
    assert other["outcome"] == "created"


async def test_a_key_that_no_index_can_hold_is_rejected(database: Database) -> None:
    [held, passed] = await run(upsert, database, mapped({"email": "é" * 5000}), mapped({"phone": PHONE}))
    assert isinstance(held, DeadLetter) and held.rule == "a search key has at most 500 characters"
    assert result_of(passed)["outcome"] == "created"


async def test_an_event_without_a_time_happened_when_it_came(database: Database) -> None:
    [first] = await results(upsert, database, mapped({"phone": PHONE, "city": "Pune"}, occurred_at=None))
    [late] = await results(upsert, database, mapped({"phone": PHONE, "city": "Goa"}, minute=-1, id=new_id()))
    assert late["outcome"] == "unchanged"
    assert (await stored(database, first["lead"]))["fields"]["city"] == "Pune"


async def looked_up(database: Database, *batch: Event) -> list[Event]:
    """The batch as dedupe hands it on."""
    outcomes = [outcome for outcome in await run(dedupe, database, *batch) if isinstance(outcome, Forward)]
    assert len(outcomes) == len(batch)
    return [outcome.event for outcome in outcomes]


async def test_a_stranger_whom_another_batch_has_met_since_dedupe_looked_is_known(database: Database) -> None:
    both, other = {"phone": "+14155550100", "email": "a@example.com"}, {"phone": "+14155550101"}
    first = await looked_up(database, mapped(both))
    late = await looked_up(database, mapped({"email": "a@example.com"}), mapped(other), mapped({**other, "name": "B"}))
    [asha] = await results(upsert, database, *first)
    found = await results(upsert, database, *late)
    assert [result["outcome"] for result in found].count("created") == 1
    assert (found[0]["outcome"], found[0]["lead"], found[0]["by"]) == ("unchanged", asha["lead"], "email")
    assert found[1]["lead"] == found[2]["lead"] != asha["lead"]
    assert await database.fetchval("SELECT count(*) FROM lead") == 2
    assert await database.fetchval("SELECT count(*) FROM identity_key") == 3


async def test_keys_that_came_to_name_two_leads_since_dedupe_looked_are_held_for_a_person(database: Database) -> None:
    late = await looked_up(database, mapped({"phone": "+14155550100", "email": "a@example.com"}))
    await results(upsert, database, mapped({"phone": "+14155550100"}), mapped({"email": "a@example.com"}))
    [held] = await run(upsert, database, *late)
    assert isinstance(held, DeadLetter) and held.kind == "conflict"


async def test_what_makes_no_leads_finds_the_lead_that_was_made_since_dedupe_looked(database: Database) -> None:
    event = mapped({"phone": "+14155550100", "name": "Asha"})
    [late] = await looked_up(database, event.evolve(data={**event.data, "sync": {"lead": "update", "activity": "off"}}))
    [asha] = await results(upsert, database, mapped({"phone": "+14155550100"}))
    [found] = await results(upsert, database, late)
    assert (found["outcome"], found["lead"]) == ("updated", asha["lead"])
