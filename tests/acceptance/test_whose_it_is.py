"""Whose an event is, and what it may touch: keys, unique values, behaviours and activities."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import orjson
import pytest

from tests.acceptance.conftest import Install
from tests.support.daemon import Leadpipe
from tests.support.desk import Desk, desk_of, fresh_email, fresh_phone, key_of, set_up
from tests.support.until import PROCESSES, until

INDIA = 'default_country = "IN"\ntime_zone = "Asia/Kolkata"\n'
UNIQUE = """
[[fields]]
name = "{name}"
label = "{name}"
unique = true
{more}
[[map]]
from = "{name}"
to = "lead.{name}"
"""
MAIL_FIRST = 'primary_key = "email"\nsecondary_key = "phone"\n'
CONNECTORS = {
    "site": f'preset = "generic-json"\n{INDIA}',
    "clears": f'preset = "generic-json"\nblank = "clear"\n{MAIL_FIRST}{INDIA}',
    "members": f'preset = "generic-json"\n{INDIA}' + UNIQUE.format(name="member", more=""),
    "cards": f'preset = "generic-json"\n{INDIA}' + UNIQUE.format(name="card", more='if_taken = "leave_out"\n'),
    "crm": f'preset = "leadsquared-lead"\n{INDIA}',
    "market": f'preset = "indiamart-push"\n{INDIA}',
    "market-nothing": f'preset = "indiamart-push"\n{INDIA}[sync]\nlead = "nothing"\n',
    "market-create": f'preset = "indiamart-push"\n{INDIA}[sync]\nlead = "create"\n',
    "market-apart": f'preset = "indiamart-push"\n{INDIA}[sync]\nlead = "nothing"\nactivity = "capture"\n',
    "calls-nothing": f'preset = "leadsquared-call-log"\n{INDIA}[sync]\nlead = "nothing"\n',
    "site-nothing": f'preset = "generic-json"\n{INDIA}[sync]\nlead = "nothing"\n',
    "follow-up": f'preset = "generic-json"\n{INDIA}[sync]\nactivity = "update"\n',
}
ACTIVITY_ID = """
[[map]]
from = "activity_id"
to = "activity.external_id"
"""
_ids = count(1)


@pytest.fixture(scope="module", params=["postgresql", "rabbitmq"])
def leadpipe(request: pytest.FixtureRequest, install: Install) -> Leadpipe:
    with_ids = {name: ACTIVITY_ID if "generic-json" in settings else "" for name, settings in CONNECTORS.items()}
    return set_up(install(request.param), {name: CONNECTORS[name] + rows for name, rows in with_ids.items()})


@pytest.fixture(scope="module")
def key(leadpipe: Leadpipe) -> str:
    return key_of(leadpipe)


@pytest.fixture
async def desk(leadpipe: Leadpipe, key: str) -> AsyncIterator[Desk]:
    async with desk_of(leadpipe, key) as desk:
        yield desk


def new_id() -> str:
    """An id that no source has given yet."""
    return f"id-{next(_ids)}"


def enquiry(phone: str, **more: Any) -> dict[str, Any]:
    """An enquiry as the marketplace pushes it."""
    sent = {"UNIQUE_QUERY_ID": new_id(), "SENDER_MOBILE": phone, "QUERY_MESSAGE": "Send a quote", **more}
    return {"CODE": 200, "STATUS": "SUCCESS", "RESPONSE": sent}


@pytest.mark.parametrize("after", ["", None, "N/A"], ids=["blank", "null", "a blank word"])
async def test_a_number_that_was_blanked_is_somebody_elses(desk: Desk, after: Any) -> None:
    email, phone = fresh_email(), fresh_phone()
    first = await desk.post("clears", {"email": email, "phone": phone})
    gone = await desk.post("clears", {"email": email, "phone": after})
    other = await desk.post("clears", {"email": fresh_email(), "phone": phone})
    assert (gone["lead"], gone["outcome"]) == (first["lead"], "updated")
    assert (other["outcome"], other["lead"] != first["lead"]) == ("created", True)


async def test_a_number_that_was_replaced_is_somebody_elses_and_the_new_one_its_leads(desk: Desk) -> None:
    email, old, new = fresh_email(), fresh_phone(), fresh_phone()
    first = await desk.post("clears", {"email": email, "phone": old})
    await desk.post("clears", {"email": email, "phone": new})
    assert (await desk.post("clears", {"phone": old}))["outcome"] == "created"
    assert (await desk.post("clears", {"phone": new}))["lead"] == first["lead"]


async def test_an_address_that_was_replaced_is_free_too(desk: Desk) -> None:
    phone, old = fresh_phone(), fresh_email()
    first = await desk.post("site", {"phone": phone, "email": old})
    await desk.post("site", {"phone": phone, "email": fresh_email()})
    other = await desk.post("site", {"phone": fresh_phone(), "email": old.upper()})
    assert (other["outcome"], other["lead"] != first["lead"]) == ("created", True)


async def test_a_number_moved_to_another_field_of_its_lead_stays_its_key(desk: Desk) -> None:
    email, old, new = fresh_email(), fresh_phone(), fresh_phone()
    first = await desk.post("clears", {"email": email, "phone": old})
    await desk.post("clears", {"email": email, "phone": [new, old]})
    assert (await desk.post("clears", {"phone": new}))["lead"] == first["lead"]
    assert (await desk.post("clears", {"phone": old}))["lead"] == first["lead"]


async def test_what_comes_too_late_gives_no_key(desk: Desk) -> None:
    email, old, new = fresh_email(), fresh_phone(), fresh_phone()
    first = await desk.post("clears", {"email": email, "phone": new, "updated_at": "2026-03-02T10:00:00Z"})
    await desk.post("clears", {"email": email, "phone": old, "updated_at": "2026-03-01T10:00:00Z"})
    assert (await desk.fields(first["lead"]))["phone"] == new
    assert (await desk.post("clears", {"phone": old}))["outcome"] == "created"


async def test_people_of_one_array_are_told_apart_as_those_of_several_posts(desk: Desk) -> None:
    email, phone, other = fresh_email(), fresh_phone(), fresh_email()
    said = [
        {"email": email, "phone": phone, "city": "Pune"},
        {"email": email, "phone": fresh_phone()},
        {"email": other, "phone": phone, "city": "Goa"},
        {"email": other, "name": "Kim"},
    ]
    status, answer = await desk.send("clears", orjson.dumps(said))
    assert status == 200
    first, replaced, second, named = (result["lead"] for result in answer["results"])
    assert (first == replaced, second == named, first != second) == (True, True, True)
    assert ((await desk.fields(first))["city"], (await desk.fields(second))["city"]) == ("Pune", "Goa")


async def test_a_conflict_that_the_same_array_has_settled_is_none(desk: Desk) -> None:
    email, phone, other = fresh_email(), fresh_phone(), fresh_email()
    second = await desk.post("clears", {"email": other})
    said = [
        {"email": email, "phone": phone},
        {"email": email, "phone": fresh_phone()},
        {"email": other, "phone": phone},
    ]
    status, answer = await desk.send("clears", orjson.dumps(said))
    assert status == 200
    assert [result["outcome"] for result in answer["results"]] == ["created", "updated", "updated"]
    assert answer["results"][2]["lead"] == second["lead"]


async def test_a_number_of_two_people_goes_to_the_other_when_one_gives_it_up(desk: Desk) -> None:
    shared, one, two = fresh_phone(), fresh_email(), fresh_email()
    first = await desk.post("clears", {"email": one, "phone": shared})
    second = await desk.post("site", {"phone": fresh_phone(), "phone2": shared, "email": two})
    assert first["lead"] != second["lead"]
    await desk.post("clears", {"email": one, "phone": fresh_phone()})
    assert (await desk.post("clears", {"phone": shared}))["lead"] == second["lead"]


async def test_keys_of_a_lead_are_listed_and_released_by_rest_and_by_command(desk: Desk) -> None:
    email, phone = fresh_email(), fresh_phone()
    lead = (await desk.post("site", {"email": email, "phone": phone}))["lead"]
    listed = await desk.ask(f"/leads/{lead}/keys")
    assert listed["items"] == [
        {"key": "email", "value": email, "fields": ["email"], "others": []},
        {"key": "phone", "value": phone, "fields": ["phone"], "others": []},
    ]
    assert orjson.loads(desk.leadpipe.run("lead", "key", "list", lead, "--json")) == listed
    released = desk.leadpipe.run("lead", "key", "release", lead, "phone", f" {phone} ")
    assert f"took phone {phone} from lead {lead}; nobody is found by it now" in released
    assert (await desk.post("site", {"phone": phone}))["lead"] != lead
    done = await desk.ask(f"/leads/{lead}/keys/release", "POST", {"key": "email", "value": email.upper()})
    assert done == {"lead": lead, "key": "email", "value": email, "owner": None}
    assert (await desk.fields(lead))["email"] == email
    changes = await desk.ask("/account/changes")
    assert [each["subject"] for each in changes["items"] if each["what"] == "lead key released"] == [lead, lead]
    assert phone not in orjson.dumps(changes).decode()


async def test_a_unique_value_of_another_lead_is_held_for_a_person(desk: Desk) -> None:
    member = new_id()
    first = await desk.post("members", {"phone": fresh_phone(), "member": member})
    phone = fresh_phone()
    held = await desk.post("members", {"phone": phone, "member": member.upper(), "city": "Goa"})
    row = await desk.row(held["id"])
    assert (row["outcome"], row["failure"]["kind"], row["failure"]["field"]) == ("failed", "conflict", "lead.member")
    assert first["lead"] in row["failure"]["reason"]

    async def listed() -> list[Any]:
        return [each for each in (await desk.ask("/conflicts"))["items"] if each["event_id"] == held["id"]]

    [conflict] = await until(listed, "the conflict", PROCESSES)
    assert conflict["leads"] == [first["lead"]]
    await desk.ask(f"/conflicts/{conflict['id']}/resolve", "POST", {"use": first["lead"]})

    async def went() -> bool:
        return bool((await desk.row(held["id"]))["lead_id"] == first["lead"])

    await until(went, "the decided event", PROCESSES)
    assert (await desk.post("members", {"member": member, "phone": phone}))["lead"] == first["lead"]


async def test_the_id_of_a_whole_record_is_unique_though_no_search_key(desk: Desk) -> None:
    prospect = new_id()
    first = await desk.post("crm", {"ProspectID": prospect, "Phone": fresh_phone(), "EmailAddress": fresh_email()})
    other = await desk.post("crm", {"ProspectID": prospect, "Phone": fresh_phone(), "EmailAddress": fresh_email()})
    row = await desk.row(other["id"])
    assert (row["outcome"], row["failure"]["kind"]) == ("failed", "conflict")
    assert first["lead"] in row["failure"]["reason"]


async def test_a_unique_value_of_another_lead_is_left_out_where_its_field_says_so(desk: Desk) -> None:
    card = new_id()
    first = await desk.post("cards", {"phone": fresh_phone(), "card": card})
    second = await desk.post("cards", {"phone": fresh_phone(), "card": card, "city": "Goa"})
    assert (second["outcome"], second["lead"] != first["lead"]) == ("created", True)
    fields = await desk.fields(second["lead"])
    assert (fields["city"], "card" in fields) == ("Goa", False)
    assert (await desk.row(second["id"]))["notes"] == [
        f"lead.card: this value is another lead's, and left out here: lead {first['lead']}"
    ]


@pytest.mark.parametrize("connector", ["market-nothing", "site-nothing"])
async def test_do_nothing_says_whom_it_found_and_touches_nothing(desk: Desk, connector: str) -> None:
    phone = fresh_phone()
    known = await desk.post("site", {"phone": phone, "message": "Hello"})
    before = await desk.lead(known["lead"])
    sent = enquiry(phone) if connector == "market-nothing" else {"phone": phone, "message": "Again"}
    idle = await desk.post(connector, sent)
    row = await desk.row(idle["id"])
    assert (row["outcome"], row["lead_id"], row["matched_by"]) == ("dropped", known["lead"], "phone")
    assert row["reason"].startswith(
        f"lead {known['lead']} was found by phone, and connector {connector} leaves leads as they are"
    )
    assert await desk.lead(known["lead"]) == before


async def test_do_nothing_with_a_stranger_says_that_nobody_was_found(desk: Desk) -> None:
    idle = await desk.post("site-nothing", {"phone": fresh_phone()})
    row = await desk.row(idle["id"])
    assert (row["outcome"], row["lead_id"]) == ("dropped", None)
    assert row["reason"] == "no lead was found, and connector site-nothing leaves leads as they are"


async def test_do_nothing_leaves_calls_out_too(desk: Desk) -> None:
    phone = fresh_phone()
    known = await desk.post("site", {"phone": phone})
    call = {
        "SourceNumber": phone,
        "DestinationNumber": "+919611795980",
        "DisplayNumber": "+919020897874",
        "StartTime": "2026-03-01 11:00:00",
        "EndTime": "2026-03-01 11:05:00",
        "CallDuration": "60",
        "Status": "Answered",
        "Direction": "Inbound",
        "CallSessionId": new_id(),
    }
    idle = await desk.post("calls-nothing", call)
    assert (await desk.row(idle["id"]))["outcome"] == "dropped"
    assert (await desk.lead(known["lead"]))["activities"] == []


async def test_create_only_attaches_activities_to_new_leads_alone(desk: Desk) -> None:
    phone = fresh_phone()
    made = await desk.post("market-create", enquiry(phone))
    assert (made["outcome"], len((await desk.lead(made["lead"]))["activities"])) == ("created", 1)
    again = await desk.post("market-create", enquiry(phone))
    row = await desk.row(again["id"])
    assert (row["outcome"], row["lead_id"]) == ("dropped", made["lead"])
    assert len((await desk.lead(made["lead"]))["activities"]) == 1


async def test_activities_that_are_set_apart_go_on(desk: Desk) -> None:
    phone = fresh_phone()
    known = await desk.post("site", {"phone": phone})
    attached = await desk.post("market-apart", enquiry(phone))
    assert (attached["lead"], attached["outcome"]) == (known["lead"], "updated")
    assert len((await desk.lead(known["lead"]))["activities"]) == 1


async def test_the_same_activity_without_an_id_is_one(desk: Desk) -> None:
    phone = fresh_phone()
    said = {"phone": phone, "message": "Call me back"}
    first, *others = [await desk.post("site", said) for _ in range(3)]
    assert [each["outcome"] for each in others] == ["unchanged", "unchanged"]
    [activity] = (await desk.lead(first["lead"]))["activities"]
    assert activity["event_id"] == first["id"]
    await desk.post("site", {**said, "message": "Call me tomorrow"})
    await desk.post("site", {**said, "occurred_at": "2026-03-01T10:00:00Z"})
    assert len((await desk.lead(first["lead"]))["activities"]) == 3
    other = await desk.post("site", {**said, "phone": fresh_phone()})
    assert len((await desk.lead(other["lead"]))["activities"]) == 1


async def test_the_same_activity_three_times_in_one_array_is_one(desk: Desk) -> None:
    said = {"phone": fresh_phone(), "message": "Call me back"}
    status, answer = await desk.send("site", orjson.dumps([said, said, said]))
    assert status == 200
    assert len((await desk.lead(answer["results"][0]["lead"]))["activities"]) == 1


async def test_an_activity_stays_with_its_lead(desk: Desk) -> None:
    name, said = new_id(), {"message": "Visited the shop"}
    first = await desk.post("site", {"phone": fresh_phone(), "activity_id": name, **said})
    second = await desk.post("site", {"phone": fresh_phone(), "activity_id": name, **said})
    assert first["lead"] != second["lead"]
    assert len((await desk.lead(first["lead"]))["activities"]) == 1
    assert (await desk.lead(second["lead"]))["activities"] == []
    assert (await desk.row(second["id"]))["notes"] == [
        "activity.external_id: it belongs to another lead, and stays there: "
        f"lead {first['lead']}; this event is about lead {second['lead']}"
    ]


async def test_an_activity_known_by_another_connector_is_updated(desk: Desk) -> None:
    phone, name = fresh_phone(), new_id()
    first = await desk.post("site", {"phone": phone, "activity_id": name, "message": "Booked"})
    later = await desk.post("follow-up", {"phone": phone, "activity_id": name, "message": "Done"})
    assert (later["outcome"], later["activity"]) == ("updated", first["activity"])
    [activity] = (await desk.lead(first["lead"]))["activities"]
    assert activity["fields"]["message"] == "Done"
    unknown = await desk.post("follow-up", {"phone": phone, "activity_id": new_id(), "message": "Done"})
    assert "activity" not in unknown


async def test_a_late_activity_changes_nothing(desk: Desk) -> None:
    phone, name = fresh_phone(), new_id()
    newer = {"phone": phone, "activity_id": name, "message": "Done", "occurred_at": "2026-03-02T10:00:00Z"}
    first = await desk.post("site", newer)
    before = (await desk.lead(first["lead"]))["activities"]
    late = await desk.post("site", {**newer, "message": "Booked", "occurred_at": "2026-03-01T10:00:00Z"})
    assert late["outcome"] == "unchanged"
    assert (await desk.lead(first["lead"]))["activities"] == before
    assert before[0]["event_id"] == first["id"]


def test_everything_accepted_is_in_the_journal(leadpipe: Leadpipe) -> None:
    assert leadpipe.audited(1, or_more=True)["balance"]["double"] == 0
