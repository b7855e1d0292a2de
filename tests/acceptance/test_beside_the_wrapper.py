"""What stands beside the wrapper of an event is lost neither to the mapping nor to the journal, with every preset."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import orjson
import pytest

from schemas.preset import Preset
from schemas.presets import presets
from tests.acceptance.conftest import Install
from tests.support.daemon import Leadpipe
from tests.support.desk import Desk, desk_of, fresh_email, fresh_phone, key_of

_numbers = count(1)
CAPTURE = {"activity": "capture"}
VISIT = [{"from": "Data.mx_Custom_1", "to": "activity.product"}, {"from": "Before.mx_City", "to": "lead.state"}]
CONNECTORS: list[dict[str, Any]] = [
    {"name": "crm", "preset": "leadsquared-lead", "default_country": "IN", "sync": CAPTURE},
    {"name": "crm-off", "preset": "leadsquared-lead", "default_country": "IN"},
    {"name": "crm-own", "preset": "leadsquared-lead", "default_country": "IN", "sync": CAPTURE, "map": VISIT},
    {
        "name": "market",
        "preset": "indiamart-push",
        "default_country": "IN",
        "map": [
            {"from": "STATUS", "to": "lead.notes"},
            {"from": "$beside.SUBJECT", "to": "lead.company"},
            {"from": "body.campaign", "to": "lead.source_campaign"},
        ],
    },
]


@pytest.fixture(scope="module")
def leadpipe(install: Install) -> Leadpipe:
    leadpipe = install("postgresql")
    leadpipe.start("up")
    leadpipe.ready()
    return leadpipe


@pytest.fixture(scope="module")
def key(leadpipe: Leadpipe) -> str:
    return key_of(leadpipe)


@pytest.fixture
async def desk(leadpipe: Leadpipe, key: str) -> AsyncIterator[Desk]:
    async with desk_of(leadpipe, key) as desk:
        if not leadpipe.urls:
            for settings in CONNECTORS:
                saved = await desk.ask("/connectors", "POST", settings)
                leadpipe.urls[saved["name"]] = saved["url"]
        yield desk


async def raw_of(desk: Desk, event: str) -> Any:
    return orjson.loads((await desk.row(event))["request"])


@pytest.mark.parametrize(
    ("beside", "told"),
    [
        ({"Data": {"ActivityEvent": "201", "ActivityEvent_Note": "Site visit"}}, ("201", "Site visit")),
        ({"Data": {"mx_Custom_1": "Pune"}}, ("activity", None)),
        ({"Data": [{"Key": "ActivityEvent", "Value": "22"}, {"Key": "Notes", "Value": "Rang"}]}, ("22", "Rang")),
        ({"ActivityEvent": 3002, "ActivityEvent_Note": "Stage change", "Data": {}}, ("3002", "Stage change")),
        ({"Data": {"FirstName": "Other", "ActivityEventName": "Demo given"}}, ("Demo given", None)),
    ],
)
@pytest.mark.parametrize("wrapper", ["Current", "After"])
async def test_an_activity_beside_its_lead_is_posted(
    desk: Desk, wrapper: str, beside: dict[str, Any], told: tuple[str, str | None]
) -> None:
    sent = {wrapper: {"FirstName": "Asha", "Phone": fresh_phone()}, **beside}
    result = await desk.post("crm", sent)
    assert result["outcome"] == "created"
    lead = await desk.lead(result["lead"])
    assert lead["fields"]["first_name"] == "Asha"
    [activity] = lead["activities"]
    assert (activity["type"], activity["fields"].get("message")) == told
    assert await raw_of(desk, result["id"]) == sent


async def test_an_activity_with_an_id_is_one_however_often_it_is_sent(desk: Desk) -> None:
    lead, id = {"Phone": fresh_phone()}, f"activity-{next(_numbers)}"
    for note in ("First", "Second"):
        sent = {"ProspectActivityId": id, "Current": lead, "Data": {"ActivityEvent": "201", "Notes": note}}
        found = await desk.lead((await desk.post("crm", sent))["lead"])
    [activity] = found["activities"]
    assert activity["fields"]["message"] == "Second"


async def test_where_activities_are_off_the_lead_alone_is_kept(desk: Desk) -> None:
    sent = {"Current": {"Phone": fresh_phone()}, "Data": {"ActivityEvent": "201"}}
    assert (await desk.lead((await desk.post("crm-off", sent))["lead"]))["activities"] == []


async def test_a_row_reads_beside_the_wrapper_by_the_path_that_was_sent(desk: Desk) -> None:
    after = {"Phone": fresh_phone(), "mx_City": "Pune"}
    sent = {"Before": {"mx_City": "Goa"}, "After": after, "Data": {"mx_Custom_1": "Flat%201"}}
    lead = await desk.lead((await desk.post("crm-own", sent))["lead"])
    assert (lead["fields"]["city"], lead["fields"]["state"]) == ("Pune", "Goa")
    assert lead["activities"][0]["fields"]["product"] == "Flat 1"


async def test_what_is_beside_the_lead_is_not_taken_for_the_lead(desk: Desk) -> None:
    lead = {"Phone": fresh_phone(), "FirstName": "Asha", "Notes": "the lead's"}
    others = {
        "FirstName": "Other",
        "Notes": "the envelope's",
        "Fields": [{"SchemaName": "mx_City", "Value": "Nowhere"}],
    }
    fields = await desk.fields((await desk.post("crm", {"Current": lead, **others}))["lead"])
    assert (fields["first_name"], fields["notes"], fields.get("city")) == ("Asha", "the lead's", None)


def enquiry(**more: Any) -> dict[str, Any]:
    return {"UNIQUE_QUERY_ID": f"q{next(_numbers)}", "SENDER_EMAIL": fresh_email(), "SUBJECT": "Pumps", **more}


async def test_the_envelope_of_an_enquiry_goes_with_each_of_its_events(desk: Desk) -> None:
    envelope = {"CODE": 200, "STATUS": "SUCCESS", "SUBJECT": "of the envelope", "apiKey": "hidden"}
    status, _ = await desk.send("market", orjson.dumps({**envelope, "RESPONSE": [enquiry(), enquiry()]}))
    assert status == 200
    rows = (await desk.ask("/journal?connector=market&limit=2"))["items"]
    for row in rows:
        raw = await raw_of(desk, row["event_id"])
        assert (raw["STATUS"], raw["CODE"], raw["SUBJECT"]) == ("SUCCESS", 200, "Pumps")
        assert raw["$beside"] == {"SUBJECT": "of the envelope"} and raw["apiKey"] == "[redacted]"
        fields = await desk.fields(row["lead_id"])
        assert (fields["notes"], fields["company"]) == ("SUCCESS", "of the envelope")


async def test_members_at_every_level_around_an_event_keep_their_paths(desk: Desk) -> None:
    body = {"body": {"RESPONSE": enquiry(), "campaign": "spring"}, "STATUS": "OK"}
    result = await market(desk, body)
    assert (result["notes"], result["source_campaign"]) == ("OK", "spring")


async def test_an_enquiry_that_comes_again_in_another_envelope_is_the_same_one(desk: Desk) -> None:
    sent = enquiry()
    for total in (1, 5):
        await market(desk, {"TOTAL_RECORDS": total, "RESPONSE": sent})
    rows = (await desk.ask(f"/journal?connector=market&search={sent['SENDER_EMAIL']}"))["items"]
    assert len(rows) == 1


async def test_a_large_envelope_goes_with_the_first_of_its_events_alone(desk: Desk) -> None:
    body = {"RESPONSE": [enquiry(), enquiry()], "CAMPAIGN": "x" * 5_000}
    status, _ = await desk.send("market", orjson.dumps(body))
    assert status == 200
    rows = (await desk.ask("/journal?connector=market&limit=2"))["items"]
    raws = [await raw_of(desk, row["event_id"]) for row in rows]
    assert sorted("CAMPAIGN" in raw for raw in raws) == [False, True]


async def market(desk: Desk, body: Any) -> dict[str, Any]:
    status, _ = await desk.send("market", orjson.dumps(body))
    assert status == 200
    [row] = (await desk.ask("/journal?connector=market&limit=1"))["items"]
    return await desk.fields(row["lead_id"])


@pytest.mark.parametrize("preset", presets().values(), ids=lambda each: each.name)
def test_no_shipped_preset_drops_what_stands_beside_its_wrapper(preset: Preset) -> None:
    from pipeline.ingress.door import cut
    from pipeline.ingress.limits import Limits
    from schemas.connector import Connector, ConnectorSettings
    from schemas.document import document_of

    connector = Connector(1, 1, 1, ConnectorSettings(name="a", preset=preset.name), preset)
    for path in [*preset.door.events, *preset.source.unwrap]:
        body: Any = {"x": "1"}
        for name in reversed([] if path == "$" else path.split(".")):
            body = {name: body, f"beside_{name}": {"deep": ["kept"]}}
        [event] = cut(connector, {"Content-Type": "application/json"}, orjson.dumps(body), Limits()).events
        document = document_of(event.raw, preset.source)
        for name in [] if path == "$" else path.split("."):
            assert f"beside_{name}" in str(document), (path, document)
            assert f"beside_{name}" in event.raw
        assert document["x"] == "1"
