"""What people and systems really send, posted to the door: it ends as a person would expect, on both transports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.acceptance.conftest import Install
from tests.support.daemon import Leadpipe
from tests.support.desk import Desk, desk_of, fresh_email, fresh_phone, key_of, set_up

INDIA = 'default_country = "IN"\ntime_zone = "Asia/Kolkata"\n'
FIELDS = """
[[fields]]
name = "budget"
label = "Budget"
type = "number"

[[fields]]
name = "visit"
label = "Visit"
type = "datetime"

[[fields]]
name = "subscribed"
label = "Subscribed"
type = "boolean"

[[map]]
from = "budget"
to = "lead.budget"

[[map]]
from = "visit"
to = "lead.visit"

[[map]]
from = "subscribed"
to = "lead.subscribed"
"""
ID = 'primary_key = "email"\nsecondary_key = "phone"\n'
CONNECTORS = {
    "india": f'preset = "generic-json"\n{INDIA}{FIELDS}',
    "mail-first": f'preset = "generic-json"\n{ID}{INDIA}{FIELDS}',
    "lenient": f'preset = "generic-json"\n{ID}{INDIA}blank_words = ["not provided", "?"]\n'
    + FIELDS.replace('to = "lead.budget"', 'to = "lead.budget"\nunreadable = "skip"'),
    "germany": f'preset = "generic-json"\n{ID}default_country = "DE"\ntime_zone = "Europe/Berlin"\n{FIELDS}',
    "america": f'preset = "generic-json"\n{ID}default_country = "US"\ntime_zone = "America/New_York"\n{FIELDS}',
    "emirates": f'preset = "generic-json"\n{ID}default_country = "AE"\n{FIELDS}',
    "nowhere": f'preset = "generic-json"\n{ID}{FIELDS}',
    "own-times": f'preset = "generic-json"\n{ID}{INDIA}date_order = "mdy"\noccurred_at = ["meta.at"]\n'
    f'occurred_format = "%d.%m.%y %H.%M"\n{FIELDS}',
    "crm": f'preset = "leadsquared-lead"\n{INDIA}',
    "market": f'preset = "indiamart-push"\n{INDIA}',
    "calls": f'preset = "leadsquared-call-log"\n{INDIA}',
}

CALL = {
    "SourceNumber": "+919845123003",
    "DestinationNumber": "+919611795980",
    "DisplayNumber": "+919020897874",
    "StartTime": "2026-07-05 08:00:00",
    "EndTime": "2026-07-05 08:01:00",
    "CallDuration": "60",
    "Status": "Answered",
    "Direction": "Inbound",
}


@pytest.fixture(scope="module", params=["postgresql", "rabbitmq"])
def leadpipe(request: pytest.FixtureRequest, install: Install) -> Leadpipe:
    return set_up(install(request.param), CONNECTORS)


@pytest.fixture(scope="module")
def key(leadpipe: Leadpipe) -> str:
    return key_of(leadpipe)


@pytest.fixture
async def desk(leadpipe: Leadpipe, key: str) -> AsyncIterator[Desk]:
    async with desk_of(leadpipe, key) as desk:
        yield desk


async def ends(desk: Desk, connector: str, *documents: Any) -> tuple[dict[str, Any], list[str]]:
    """Post these, one after another; the fields of the lead of the last, and its notes."""
    result: dict[str, Any] = {}
    for document in documents:
        result = await desk.post(connector, document)
        assert result["outcome"] in ("created", "updated", "unchanged"), result
    return await desk.fields(result["lead"]), (await desk.row(result["id"]))["notes"]


# Whose value wins ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", range(20))
async def test_of_two_updates_in_one_second_the_later_arrival_counts(desk: Desk, pair: int) -> None:
    phone, at = fresh_phone(), "2026-07-05T08:00:00Z"
    old, new = ({"event_id": f"{phone}-{n}", "phone": phone, "updated_at": at} for n in (1, 2))
    fields, _ = await ends(desk, "india", {**old, "stage": "new"}, {**new, "stage": "won"})
    assert fields["lead_stage"] == "won"


async def test_of_two_updates_in_one_array_the_later_element_counts(desk: Desk) -> None:
    phone, at = fresh_phone(), "2026-07-05T08:00:00Z"
    for last in ("won", "lost"):
        body = [{"phone": phone, "updated_at": at, "stage": stage} for stage in ("new", "open", last)]
        status, answer = await desk.send("india", orjson.dumps(body))
        assert status == 200, answer
        assert (await desk.fields(answer["results"][-1]["lead"]))["lead_stage"] == last


@pytest.mark.parametrize("ahead", [timedelta(hours=6), timedelta(minutes=2), timedelta(days=400)])
async def test_a_clock_that_is_ahead_does_not_hold_back_what_comes_after_it(desk: Desk, ahead: timedelta) -> None:
    phone, at = fresh_phone(), (datetime.now(UTC) + ahead).isoformat()
    await ends(desk, "india", {"phone": phone, "occurred_at": at, "city": "Ahead"})
    result = await desk.post("india", {"phone": phone, "city": "Now"})
    assert (await desk.fields(result["lead"]))["city"] == "Now"
    rows = (await desk.ask(f"/journal?search={result['lead']}"))["items"]
    assert any("ahead of its arrival" in note for row in rows for note in row["notes"])


@pytest.mark.parametrize("january", ["13/01/2026 10:00", "2026-01-13", "13.01.2026 10:00", "Jan 13, 2026"])
async def test_a_date_with_one_reading_is_read(desk: Desk, january: str) -> None:
    phone = fresh_phone()
    july = {"phone": phone, "occurred_at": "2026-07-05T08:00:00Z", "city": "July"}
    fields, notes = await ends(desk, "india", july, {"phone": phone, "occurred_at": january, "city": "January"})
    assert (fields["city"], notes) == ("July", [])


@pytest.mark.parametrize(
    ("connector", "written", "meant", "note"),
    [
        ("mail-first", "05/07/2026 02:05:00 pm", "2026-07-05T08:35:00", "day first, by the connector's setting"),
        ("mail-first", "05-07-2026 02:05 PM", "2026-07-05T08:35:00", "day first, by the connector's setting"),
        ("mail-first", "05-07-2026T14:05:00+05:30", "2026-07-05T08:35:00", "day first, by the connector's setting"),
        ("germany", "05.07.2026 14:05", "2026-07-05T12:05:00", "day first, by the connector's setting"),
        ("america", "07/05/2026 2:05 PM", "2026-07-05T18:05:00", "month first, by the connector's setting"),
        ("america", "07-05-2026 14:05", "2026-07-05T18:05:00", "month first, by the connector's setting"),
        ("mail-first", "05/05/2026 14:05", "2026-05-05T08:35:00", None),
        ("mail-first", "2026/07/05 14:05:00", "2026-07-05T08:35:00", None),
        ("mail-first", "July 5, 2026 2:05 PM", "2026-07-05T08:35:00", None),
        ("mail-first", "5th July 2026, 2:05 pm", "2026-07-05T08:35:00", None),
        ("mail-first", "05-Jul-2026 02:05 PM", "2026-07-05T08:35:00", None),
        ("mail-first", "2026-07-05 2:05 PM", "2026-07-05T08:35:00", None),
        ("mail-first", "20260705T083500Z", "2026-07-05T08:35:00", None),
        ("mail-first", "/Date(1783240500000)/", "2026-07-05T08:35:00", None),
        ("mail-first", "/Date(1783240500000+0530)/", "2026-07-05T08:35:00", None),
        ("mail-first", "Sun Jul 05 2026 14:05:00 GMT+0530 (India Standard Time)", "2026-07-05T08:35:00", None),
        ("mail-first", "Sun, 05 Jul 2026 08:35:00 GMT", "2026-07-05T08:35:00", None),
        ("mail-first", "2026-07-04T24:00:00Z", "2026-07-05T00:00:00", None),
        ("mail-first", "2026-07-05T08:34:60Z", "2026-07-05T08:35:00", None),
        ("mail-first", "2026-W27-7T14:05:00+05:30", "2026-07-05T08:35:00", None),
    ],
)
async def test_a_time_is_read_as_people_of_its_country_write_it(
    desk: Desk, connector: str, written: str, meant: str, note: str | None
) -> None:
    result = await desk.post(connector, {"email": fresh_email(), "occurred_at": written, "visit": written})
    row = await desk.row(result["id"])
    assert row["occurred_at"].startswith(meant)
    assert (await desk.fields(result["lead"]))["visit"].startswith(meant)
    assert row["notes"] == ([] if note is None else [f"occurred_at: {note}", f"lead.visit: {note}"])


@pytest.mark.parametrize("written", ["7/5/2026 5:33:50 AM", "7/31/2026 5:33:50 AM"])
async def test_a_preset_says_how_its_vendor_writes_dates(desk: Desk, written: str) -> None:
    """And that needs no note, whatever the country of the connector."""
    result = await desk.post("crm", {"EmailAddress": fresh_email(), "ModifiedOn": written})
    row = await desk.row(result["id"])
    assert (row["occurred_at"][:8], row["notes"]) == ("2026-07-", [])


async def test_a_connector_names_the_place_and_the_format_of_its_times(desk: Desk) -> None:
    email = fresh_email()
    july = {"email": email, "meta": {"at": "05.07.26 14.05"}, "occurred_at": "2020-01-01", "city": "July"}
    june = {"email": email, "meta": {"at": "30.06.26 23.59"}, "occurred_at": "2026-07-20", "city": "June"}
    fields, notes = await ends(desk, "own-times", july, june)
    assert (fields["city"], notes) == ("July", [])


@pytest.mark.parametrize("made", ["2019-01-01T00:00:00Z", "2026-07-01 10:00"])
async def test_when_a_record_was_made_judges_no_update(desk: Desk, made: str) -> None:
    phone = fresh_phone()
    first = {"phone": phone, "updated_at": "2026-07-05T08:00:00Z", "city": "Pune"}
    fields, _ = await ends(desk, "india", first, {"phone": phone, "created_at": made, "city": "Goa"})
    assert fields["city"] == "Goa"
    email = fresh_email()
    lead = {"EmailAddress": email, "ModifiedOn": "2026-07-05 08:00:00", "mx_City": "Pune"}
    fields, _ = await ends(desk, "crm", lead, {"EmailAddress": email, "CreatedOn": made, "mx_City": "Goa"})
    assert fields["city"] == "Goa"


@pytest.mark.parametrize("soon", ["soon", "32/13/2026", "2026-02-30 10:00"])
async def test_a_time_that_cannot_be_read_counts_as_the_arrival_and_is_noted(desk: Desk, soon: str) -> None:
    phone = fresh_phone()
    first = {"phone": phone, "updated_at": "2026-07-05T08:00:00Z", "city": "Pune"}
    fields, notes = await ends(desk, "india", first, {"phone": phone, "occurred_at": soon, "city": "Goa"})
    assert fields["city"] == "Goa"
    assert notes == ["occurred_at: not a time that can be read; the event counts from its arrival"]


async def test_more_than_a_few_unreadable_times_in_a_hundred_are_a_problem_of_the_connector(
    desk: Desk, tmp_path: Path
) -> None:
    file = tmp_path / "odd-times.toml"
    file.write_text('name = "odd-times"\npreset = "generic-json"\n')
    [row] = desk.leadpipe.json("connector", "apply", str(file))["entries"]
    desk.leadpipe.urls[row["name"]] = row["url"]
    for number in range(3):
        await desk.post("odd-times", {"email": fresh_email(), "occurred_at": "soon" if number else "2026-07-05"})
    found = await desk.ask("/connectors/odd-times/notes")
    assert [(each["kind"], each["about"], each["events"]) for each in found["notes"]] == [
        ("time_unreadable", "occurred_at", 2)
    ]
    [problem] = (await desk.ask("/connectors/odd-times"))["problems"]
    assert (problem["kind"], problem["events"], problem["of"]) == ("time_unreadable", 2, 3)
    assert "occurred_at" in problem["remedy"]
    assert "time unreadable: 2 of 3 events (67%)" in desk.leadpipe.run("connector", "notes", "odd-times")
    assert "time unreadable: 2 of 3 events (67%)" in desk.leadpipe.run("connector", "show", "odd-times")
    assert "odd-times: time unreadable" in desk.leadpipe.run("check", code=1)
    file.write_text('name = "odd-times"\npreset = "generic-json"\noccurred_at = []\n')
    desk.leadpipe.run("connector", "apply", str(file))
    assert (await desk.ask("/connectors/odd-times"))["problems"] == []


# Blank words and values that cannot be true -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "blank", ["N/A", "n/a", "NA", "None", "NULL", "nil", "undefined", "-", "--", False, "false", " "]
)
async def test_a_blank_word_says_nothing(desk: Desk, blank: Any) -> None:
    email, phone = fresh_email(), fresh_phone()
    full = {"email": email, "phone": phone, "city": "Pune", "budget": 5, "visit": "2026-07-05T08:35:00Z"}
    fields, notes = await ends(desk, "mail-first", full, {**dict.fromkeys(full, blank), "email": email})
    for name, value in {**full, "visit": "2026-07-05T08:35:00Z"}.items():
        assert fields[name] == value
    fields, notes = await ends(desk, "mail-first", {"phone": phone, "email": blank})
    assert (fields["email"], notes) == (email, [])


async def test_false_is_a_value_of_a_boolean_field_alone(desk: Desk) -> None:
    email = fresh_email()
    fields, _ = await ends(
        desk, "mail-first", {"email": email, "subscribed": True}, {"email": email, "subscribed": False}
    )
    assert fields["subscribed"] is False
    fields, _ = await ends(desk, "mail-first", {"email": email, "subscribed": "N/A", "city": False})
    assert fields["subscribed"] is False and "city" not in fields


@pytest.mark.parametrize("word", ["Not Provided", "?", "not provided "])
async def test_a_connector_has_blank_words_of_its_own(desk: Desk, word: str) -> None:
    email = fresh_email()
    fields, _ = await ends(desk, "lenient", {"email": email, "city": "Pune"}, {"email": email, "city": word})
    assert fields["city"] == "Pune"
    fields, _ = await ends(desk, "mail-first", {"email": fresh_email(), "city": word})
    assert fields["city"] == word.strip()


@pytest.mark.parametrize("bad", ["null@", "not an address", "asha@example"])
async def test_an_address_that_is_not_valid_never_takes_the_place_of_one_that_is(desk: Desk, bad: str) -> None:
    email, phone = fresh_email(), fresh_phone()
    fields, notes = await ends(desk, "india", {"phone": phone, "email": email}, {"phone": phone, "email": bad})
    assert fields["email"] == email
    assert len(notes) == 1 and notes[0].startswith("lead.email: not a valid e-mail address")


@pytest.mark.parametrize("bad", ["12", "+91-1111111111", "call me", "+919999999999"])
async def test_a_number_that_is_not_valid_never_takes_the_place_of_one_that_is(desk: Desk, bad: str) -> None:
    email, phone = fresh_email(), fresh_phone()
    fields, notes = await ends(desk, "mail-first", {"email": email, "phone": phone}, {"email": email, "phone": bad})
    assert (fields["phone"], fields["phone_as_sent"]) == (phone, phone)
    assert len(notes) == 1
    fields, _ = await ends(desk, "mail-first", {"email": (other := fresh_email()), "phone": bad})
    assert fields["phone"] == bad  # where there is nothing better it is kept as it was sent
    third = fresh_phone()
    fields, _ = await ends(desk, "mail-first", {"email": other, "phone": third, "updated_at": "2020-01-01"})
    assert fields["phone"] == third  # and gives way to any number, also to an older one


async def test_empty_members_as_some_systems_write_them(desk: Desk) -> None:
    phone = fresh_phone()
    fields, _ = await ends(desk, "india", {"phone": phone[3:], "email": False, "city": False})
    assert fields["phone"] == phone
    assert not {"email", "city"} & fields.keys()


@pytest.mark.parametrize(
    ("connector", "written", "number"),
    [
        ("mail-first", "1,50,000", 150_000),
        ("mail-first", "₹50000", 50_000),
        ("mail-first", "N/A", None),
        ("mail-first", "Rs. 50,000/-", 50_000),
        ("mail-first", "INR 1,50,000.50", 150_000.5),
        ("america", "$1,500,000.25", 1_500_000.25),
        ("germany", "1.234,56 €", 1_234.56),
        ("germany", "50.000", 50_000),
        ("mail-first", "-", None),
        ("mail-first", '"150000"', 150_000),
    ],
)
async def test_a_number_is_read_as_people_of_its_country_write_it(
    desk: Desk, connector: str, written: str, number: float | None
) -> None:
    fields, _ = await ends(desk, connector, {"email": fresh_email(), "budget": written})
    assert fields.get("budget") == number
    assert number is None or fields["budget_as_sent"] == written


async def test_a_row_says_what_a_value_that_cannot_be_read_does(desk: Desk) -> None:
    email = fresh_email()
    for said in ("about a lakh", "50000 to 60000"):
        result = await desk.post("mail-first", {"email": email, "budget": said})
        assert (result["outcome"], result["field"], result["value"]) == ("failed", "lead.budget", said)
        fields, notes = await ends(desk, "lenient", {"email": email, "budget": said, "city": "Pune"})
        assert fields["city"] == "Pune" and "budget" not in fields
        assert len(notes) == 1 and notes[0].startswith("lead.budget: cannot be read, and is left out")


# Phones and addresses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        "({}){}",
        "p:{}{}",
        "{} {},",
        "{}_{}",
        "whatsapp:{}{}",
        "tel:{}-{}",
        "'{}{}",
        '="{}{}"',
        "<{} {}>",
        "\u200e{}\u00a0{}\u200b",
        "{} (0) {}",
    ],
)
async def test_what_people_wrap_around_a_number_is_taken_off(desk: Desk, written: str) -> None:
    phone = fresh_phone()
    sent = written.format("+91", phone[3:])
    fields, _ = await ends(desk, "india", {"phone": sent})
    assert (fields["phone"], fields["phone_as_sent"]) == (phone, sent.strip())


@pytest.mark.parametrize("written", ["+0{}", "091{}", "0{}", "0091{}", "91{}", "+91 0{}", "{}.0", "%2b91{}"])
async def test_a_call_is_of_whose_number_it_is_however_the_number_is_written(desk: Desk, written: str) -> None:
    phone = fresh_phone()
    result = await desk.post("calls", {**CALL, "SourceNumber": written.format(phone[3:])})
    assert result["outcome"] == "created"
    fields = await desk.fields(result["lead"])
    assert fields["phone"] == phone


@pytest.mark.parametrize(
    ("first", "others"),
    [
        ("+525512345671", ["+5215512345671", "whatsapp:+5215512345671", "52 1 55 1234 5671 "]),
        ("+5511987654321", ["+551187654321", "+55 (11) 8765-4321"]),
    ],
)
async def test_an_old_spelling_of_a_number_is_the_same_number(desk: Desk, first: str, others: list[str]) -> None:
    lead = (await desk.post("india", {"phone": first}))["lead"]
    for other in others:
        result = await desk.post("india", {"phone": other if other.startswith(("+", "w")) else f"+{other}"})
        assert result["lead"] == lead, other


@pytest.mark.parametrize(
    ("phone", "country", "meant"),
    [
        ("(510) 766-6701", "US", "+15107666701"),
        ("(510) 766-6702", "United States", "+15107666702"),
        ("050 123 4567", "AE", "+971501234567"),
        ("050 123 4568", "UAE", "+971501234568"),
        ("020 7946 0958", "United Kingdom", "+442079460958"),
        ("98450 55001", "Atlantis", "+919845055001"),
        ("98450 55003", "Singapore", "+919845055003"),  # does not exist there: it is kept from home
        ("98450 55002", "N/A", "+919845055002"),
    ],
)
async def test_a_number_is_read_in_the_country_that_the_event_names(
    desk: Desk, phone: str, country: str, meant: str
) -> None:
    fields, _ = await ends(desk, "india", {"phone": phone, "country": country})
    assert (fields["phone"], fields["phone_as_sent"]) == (meant, phone)
    fields, _ = await ends(desk, "india", {"phone_number": phone, "country": country})
    assert fields["phone"] == meant


@pytest.mark.parametrize("separator", [" / ", ", ", ";", " or ", "|"])
async def test_of_several_numbers_the_first_is_the_phone_and_the_second_goes_where_there_is_room(
    desk: Desk, separator: str
) -> None:
    one, two = fresh_phone(), fresh_phone()
    fields, notes = await ends(desk, "india", {"phone": f"{one[3:8]} {one[8:]}{separator}{two[3:8]} {two[8:]}"})
    assert (fields["phone"], fields["phone_alt"]) == (one, two)
    assert notes == ["lead.phone: several were sent; the next one went to phone_alt"]
    assert (await desk.post("calls", {**CALL, "SourceNumber": two}))["outcome"] == "updated"  # both are theirs


async def test_a_marketplace_sends_two_numbers_in_one(desk: Desk) -> None:
    one, two, three = fresh_phone(), fresh_phone(), fresh_phone()
    lead = {"UNIQUE_QUERY_ID": one, "SENDER_NAME": "Asha", "QUERY_TIME": "2026-07-05 14:05:00", "QUERY_TYPE": "W"}
    fields, _ = await ends(desk, "market", {"RESPONSE": {**lead, "SENDER_MOBILE": f"{one},{two}"}})
    assert (fields["phone"], fields["phone_alt"]) == (one, two)
    both = {**lead, "UNIQUE_QUERY_ID": three, "SENDER_MOBILE": f"{one}, {two}", "SENDER_MOBILE_ALT": three}
    fields, _ = await ends(desk, "market", {"RESPONSE": both})
    assert (fields["phone"], fields["phone_alt"], fields["landline"]) == (one, three, two)


@pytest.mark.parametrize("written", ["{}.0", "'+91{}", '="{}"', "{} ", "+91{}.00"])
async def test_a_number_out_of_a_spreadsheet_is_read(desk: Desk, written: str) -> None:
    phone = fresh_phone()
    fields, _ = await ends(desk, "india", {"phone": written.format(phone[3:])})
    assert fields["phone"] == phone


@pytest.mark.parametrize("written", ["9.19845E+11", "9,19845E+11", '"9.19845E+11"', "9.19845e11"])
async def test_a_number_that_has_lost_digits_is_refused(desk: Desk, written: str) -> None:
    result = await desk.post("india", {"phone": written})
    assert (result["outcome"], result["field"]) == ("failed", "phone")
    assert "digits were lost" in result["reason"]
    fields, notes = await ends(desk, "mail-first", {"email": fresh_email(), "phone": written})
    assert fields["phone"] == written and "digits were lost" in notes[0]


@pytest.mark.parametrize("written", ["{} ext. 12", "{}x12", "{};ext=12"])
async def test_an_extension_has_a_field_of_its_own(desk: Desk, written: str) -> None:
    phone = f"+1510766{int(fresh_phone()[-4:]):04d}"
    fields, _ = await ends(desk, "mail-first", {"email": fresh_email(), "phone": written.format(phone)})
    assert (fields["phone"], fields["phone_extension"]) == (phone, "12")


@pytest.mark.parametrize(
    "written",
    [
        "Ravi <{}>",
        "mailto:{}?subject=Hi",
        "{}.",
        '"{}"',
        "{}, other@example.com",
        "<{}>",
        "{} ; other@example.com",
        "E-mail: {}",
    ],
)
async def test_what_people_wrap_around_an_address_is_taken_off(desk: Desk, written: str) -> None:
    email = fresh_email()
    fields, _ = await ends(desk, "mail-first", {"email": written.format(email)})
    assert (fields["email"], fields["email_as_sent"]) == (email, written.format(email))
    assert fields.get("email_alt") == ("other@example.com" if "other" in written else None)


async def test_of_several_places_for_a_number_a_valid_one_counts(desk: Desk) -> None:
    phone, email = fresh_phone(), fresh_email()
    fields, notes = await ends(desk, "india", {"phone": "call me", "mobile": phone, "email": email})
    assert fields["phone"] == phone
    assert notes == ["lead.phone: not valid; another value of this event is taken instead"]


# What is said about it ----------------------------------------------------------------------------------------------


async def test_a_failure_names_the_field_that_is_wrong_with_its_value(desk: Desk) -> None:
    result = await desk.post("india", {"email": "not an address"})
    assert (result["outcome"], result["field"], result["value"]) == ("failed", "email", "not an address")
    result = await desk.post("india", {"phone": "12", "email": "not an address"})
    assert [(each["field"], each["value"]) for each in result["problems"]] == [
        ("phone", "12"),
        ("email", "not an address"),
    ]
    result = await desk.post("india", {"name": "Nobody"})
    assert (result["outcome"], result["field"], result.get("value")) == ("failed", "phone", None)


async def test_everything_that_is_wrong_is_told_at_once(desk: Desk) -> None:
    call = {name: value for name, value in CALL.items() if name not in ("DisplayNumber", "EndTime")}
    result = await desk.post("calls", {**call, "CallDuration": "a while"})
    assert result["outcome"] == "failed"
    for name in ("DisplayNumber", "EndTime", "CallDuration"):
        assert name in result["reason"]
    told = [(each["field"], each["source"], each["value"]) for each in result["problems"]]
    assert told == [
        ("DisplayNumber", None, ""),
        ("EndTime", None, ""),
        ("call.duration_s", "CallDuration", "a while"),
    ]
    result = await desk.post("mail-first", {"email": fresh_email(), "budget": "much", "subscribed": "perhaps"})
    assert {each["field"] for each in result["problems"]} == {"lead.budget", "lead.subscribed"}


async def test_a_call_from_the_second_number_is_the_leads_and_leaves_the_first_alone(desk: Desk) -> None:
    phone, mobile = fresh_phone(), fresh_phone()
    lead = (await desk.post("crm", {"ProspectID": phone, "Phone": phone, "Mobile": mobile, "FirstName": "Asha"}))[
        "lead"
    ]
    for number, direction in ((mobile, "Inbound"), (mobile[3:], "Inbound"), (phone, "Inbound")):
        result = await desk.post(
            "calls", {**CALL, "SourceNumber": number, "Direction": direction, "CallSessionId": number}
        )
        assert (result["outcome"], result["lead"]) == ("updated", lead)
    outbound = {**CALL, "SourceNumber": "+919611795980", "DestinationNumber": mobile, "Direction": "Outbound"}
    assert (await desk.post("calls", outbound))["lead"] == lead
    fields = await desk.fields(lead)
    assert (fields["phone"], fields["phone_alt"]) == (phone, mobile)
    assert len((await desk.lead(lead))["activities"]) == 4


async def test_two_leads_behind_one_number_are_said_and_the_caller_may_choose(desk: Desk) -> None:
    shared, own = fresh_phone(), fresh_phone()
    first = (await desk.post("crm", {"Phone": fresh_phone(), "Mobile": shared}))["lead"]
    second = (await desk.post("crm", {"Phone": own, "Mobile": shared}))["lead"]
    assert first != second
    result = await desk.post("calls", {**CALL, "SourceNumber": shared})
    assert result["lead"] == first
    [note] = (await desk.row(result["id"]))["notes"]
    assert second in note and "also that of lead" in note
    chosen = await desk.post("calls", {**CALL, "SourceNumber": shared, "LeadId": second})
    assert (chosen["lead"], chosen["by"]) == (second, "lead_id")
    unknown = await desk.post(
        "calls", {**CALL, "SourceNumber": shared, "LeadId": "8a9f1c52-6a39-4c1e-9f0a-0c1d2e3f4a5b"}
    )
    assert unknown["lead"] == first
    odd = await desk.post("calls", {**CALL, "SourceNumber": shared, "LeadId": "A-17"})
    assert odd["lead"] == first
    assert any(note.startswith("LeadId: not the id of a lead") for note in (await desk.row(odd["id"]))["notes"])


async def test_a_lead_is_found_by_the_name_that_lists_show(desk: Desk) -> None:
    email = fresh_email()
    result = await desk.post("mail-first", {"email": email, "first_name": "Asha", "last_name": f"Rao {email}"})
    for query in (f"Asha Rao {email}", f"asha  rao {email}", f"ASHA RAO {email}"):
        assert [row["id"] for row in desk.leadpipe.json("lead", "find", query)["items"]] == [result["lead"]]
    assert desk.leadpipe.json("lead", "find", "first_name")["items"] == []  # the name of a field is nobody's value


async def test_notes_are_seen(desk: Desk, tmp_path: Path) -> None:
    email = fresh_email()
    result = await desk.post("mail-first", {"email": email, "phone": "12"})
    assert "not a valid phone number" in desk.leadpipe.run("journal", "show", result["id"])
    file = tmp_path / "payload.json"
    file.write_text(f'{{"email": "{email}", "phone": "12"}}')
    assert "not a valid phone number" in desk.leadpipe.run("connector", "try", "mail-first", str(file))
    found = await desk.ask("/connectors/mail-first/notes")
    assert any(each["kind"] == "phone_invalid" and each["about"] == "lead.phone" for each in found["notes"])
