"""Text keys take no account of case, and a default fills what the source sent as a blank."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest

from pipeline.store.database import Database
from tests.acceptance.conftest import Install
from tests.support.daemon import Leadpipe
from tests.support.desk import Desk, desk_of, fresh_email, fresh_phone, key_of
from tests.support.until import PROCESSES, until

_numbers = count(1)
PAN = {"name": "pan", "label": "PAN", "unique": True}
CITY = {"from": "mx_City", "to": "lead.city", "default": "Goa"}


def fresh_pan() -> str:
    return f"ABCDE{next(_numbers):04d}F"


def crm(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "preset": "leadsquared-lead", "default_country": "IN", **more}


CONNECTORS = [
    crm(
        "crm",
        secondary_key="pan",
        fields=[PAN, {"name": "ref", "label": "Ref", "unique": True, "case_sensitive": True}],
        map=[{"from": "mx_PAN", "to": "lead.pan"}, {"from": "mx_Ref", "to": "lead.ref", "key": True}],
    ),
    crm("clears", blank="clear", map=[CITY]),
    crm("keeps", blank="keep", map=[CITY]),
    crm(
        "conditional",
        blank_words=["not given"],
        map=[
            {"from": "mx_City", "to": "lead.city", "default": "Goa", "when": {"mx_Country": "IN"}},
            {"from": "mx_Town", "to": "lead.city"},
            {"from": "Score", "to": "lead.score", "default": 5},
            {"from": ["SourceMedium", "mx_Medium"], "to": "lead.source_medium", "default": "web"},
            {"from": "SourceCampaign", "to": "lead.source_campaign", "fill": True, "default": "spring"},
        ],
    ),
    {
        "name": "site",
        "preset": "generic-json",
        "blank": "clear",
        "default_country": "IN",
        "map": [
            {"from": "product", "to": "activity.product", "default": "Water pump"},
            {"from": "subject", "to": "activity.subject", "default": "An enquiry"},
        ],
    },
    {
        "name": "calls",
        "preset": "leadsquared-call-log",
        "default_country": "IN",
        "map": [
            {"from": "Disposition", "to": "call.disposition", "default": "to be rated"},
            {"from": "Kind", "to": "activity.subject", "default": "A call"},
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


async def same_lead(desk: Desk, one: dict[str, Any], other: dict[str, Any]) -> bool:
    first, second = await desk.post("crm", one), await desk.post("crm", other)
    return bool(first["lead"] == second["lead"])


# Keys ---------------------------------------------------------------------------------------------------------------


async def test_a_text_key_finds_its_lead_in_any_case_and_is_shown_as_it_was_sent(desk: Desk) -> None:
    pan = fresh_pan()
    first = await desk.post("crm", {"mx_PAN": pan, "Phone": fresh_phone()})
    second = await desk.post("crm", {"mx_PAN": f"  {pan.lower()} ", "Phone": fresh_phone()})
    assert (second["lead"], second["outcome"]) == (first["lead"], "updated")
    assert (await desk.fields(first["lead"]))["pan"] == pan.lower()
    for query in (pan, pan.lower(), pan.title()):
        found = (await desk.ask(f"/leads?query={query}"))["items"]
        assert [row["id"] for row in found] == [first["lead"]]
    assert first["lead"] in desk.leadpipe.run("lead", "find", pan.swapcase())


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("STRASSE {}", "straße {}", True),
        ("ＡＢ{}", "ab{}", True),  # full-width letters
        ("E\u0301 {}", "é {}", True),  # a letter and its accent, apart and in one
        ("ΣΟΦΟΣ {}", "σοφος {}", True),
        ("a  {}", "a {}", False),  # blanks inside stay
    ],
)
async def test_what_unicode_calls_the_same_text_is_one_key(desk: Desk, one: str, other: str, same: bool) -> None:
    number = next(_numbers)
    documents = ({"mx_PAN": text.format(number), "Phone": fresh_phone()} for text in (one, other))
    assert await same_lead(desk, *documents) is same


async def test_a_field_whose_case_counts_tells_two_people_apart(desk: Desk) -> None:
    number = next(_numbers)
    upper, lower = ({"mx_Ref": f"{ref}{number}", "EmailAddress": fresh_email()} for ref in ("R", "r"))
    assert not await same_lead(desk, upper, lower)
    assert await same_lead(desk, upper, {**upper, "EmailAddress": fresh_email(), "mx_Ref": f" R{number} "})


async def test_a_junk_value_is_junk_in_any_case(desk: Desk) -> None:
    field = {"name": "card", "label": "Card", "unique": True, "junk": ["UNKNOWN"]}
    await desk.ask("/fields/lead", "POST", field)
    settings = crm("cards", map=[{"from": "Card", "to": "lead.card", "key": True}])
    desk.leadpipe.urls["cards"] = (await desk.ask("/connectors", "POST", settings))["url"]
    one, two = [await desk.post("cards", {"Card": word, "Phone": fresh_phone()}) for word in ("Unknown", "unKNOWN")]
    assert one["lead"] != two["lead"]


async def test_case_counts_where_the_command_line_says_so(desk: Desk) -> None:
    set_ = ("field", "set", "badge", "--unique")
    desk.leadpipe.run(*set_, "--case-sensitive")
    assert desk.leadpipe.json("field", "show", "badge")["case_sensitive"] is True
    settings = crm("badges", map=[{"from": "Badge", "to": "lead.badge", "key": True}])
    desk.leadpipe.urls["badges"] = (await desk.ask("/connectors", "POST", settings))["url"]
    one, two = [await desk.post("badges", {"Badge": text, "Phone": fresh_phone()}) for text in ("Q1", "q1")]
    assert one["lead"] != two["lead"]
    told = desk.leadpipe.run(*set_, "--any-case", code=1)
    assert "differs by case alone" in told and "'q1'" in told


async def test_a_connector_of_before_whose_mapping_writes_a_key_is_named_by_check_and_show(desk: Desk) -> None:
    settings = crm("legacy")
    desk.leadpipe.urls["legacy"] = (await desk.ask("/connectors", "POST", settings))["url"]
    rows = [
        {"from": "EmailAddress", "to": "lead.email"},
        {"to": "lead.email", "transforms": [{"constant": "fallback@b.co"}]},
    ]
    database = await Database.open(desk.leadpipe.environment["LEADPIPE_DATABASE_URL"], size=1)
    try:
        stored = {**settings, "map": rows}
        await database.execute("UPDATE connector SET settings = $1 WHERE name = 'legacy'", stored)
    finally:
        await database.close()
    shown = desk.leadpipe.run("connector", "show", "legacy")
    checked = " ".join(desk.leadpipe.run("check", code=1).split())
    for told in (shown, checked):
        for part in ("map row 2 (to lead.email)", "'fallback@b.co'", "must come from the source"):
            assert part in told, told

    async def identifies_nobody() -> bool:  # once the processes have taken the settings
        phones = [fresh_phone(), fresh_phone()]
        one, two = [await desk.post("legacy", {"Phone": phone}) for phone in phones]
        assert one["lead"] != two["lead"]
        return (await desk.fields(two["lead"])).get("email") == "fallback@b.co"

    await until(identifies_nobody, "the settings in force", PROCESSES)


# Defaults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("connector", ["clears", "keeps"])
@pytest.mark.parametrize("blank", ["", None, "  ", "N/A", "null", []])
async def test_a_blank_is_no_data_for_a_default(desk: Desk, connector: str, blank: Any) -> None:
    phone = fresh_phone()
    lead = (await desk.post(connector, {"Phone": phone, "mx_City": blank}))["lead"]
    assert (await desk.fields(lead))["city"] == "Goa"
    await desk.post(connector, {"Phone": phone, "mx_City": "Pune"})
    assert (await desk.fields(lead))["city"] == "Pune"  # what is sent goes before any default
    await desk.post(connector, {"Phone": phone})
    assert (await desk.fields(lead))["city"] == "Pune"  # nothing was sent: the lead has a value
    await desk.post(connector, {"Phone": phone, "mx_City": blank})
    assert (await desk.fields(lead))["city"] == ("Pune" if connector == "keeps" else "Goa")


async def test_a_lead_whose_field_was_blank_before_there_was_a_default_has_it_with_the_next_record(desk: Desk) -> None:
    phone = fresh_phone()
    lead = (await desk.post("crm", {"Phone": phone, "mx_City": ""}))["lead"]
    assert "city" not in await desk.fields(lead)
    await desk.post("clears", {"Phone": phone, "mx_City": ""})
    assert (await desk.fields(lead))["city"] == "Goa"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"mx_City": "", "mx_Country": "IN"}, {"city": "Goa"}),
        ({"mx_City": "", "mx_Country": "US"}, {"city": None}),  # the condition of the default does not hold
        ({"mx_City": "", "mx_Country": "IN", "mx_Town": "Margao"}, {"city": "Margao"}),
        ({"mx_City": "Not given", "mx_Country": "IN", "mx_Town": None}, {"city": "Goa"}),
        ({"Score": ""}, {"score": 5}),
        ({"Score": 0}, {"score": 0}),
        ({"SourceMedium": "", "mx_Medium": "-"}, {"source_medium": "web"}),
        ({"SourceMedium": "", "mx_Medium": "mail"}, {"source_medium": "mail"}),
        ({"SourceCampaign": ""}, {"source_campaign": "spring"}),
    ],
)
async def test_conditions_and_several_sources_of_a_default(
    desk: Desk, document: dict[str, Any], expected: dict[str, Any]
) -> None:
    lead = (await desk.post("conditional", {"Phone": fresh_phone(), **document}))["lead"]
    fields = await desk.fields(lead)
    assert {name: fields.get(name) for name in expected} == expected


async def test_explain_names_the_row_whose_default_took_the_place_of_a_blank(desk: Desk) -> None:
    document = {"mx_City": "", "mx_Country": "IN", "mx_Town": " ", "Score": ""}
    lead = (await desk.post("conditional", {"Phone": fresh_phone(), **document}))["lead"]
    told = {row["field"]: row for row in (await desk.ask(f"/leads/{lead}/explain"))["fields"]}
    assert (told["city"]["value"], told["city"]["row"]["row"], told["city"]["row"]["default"]) == ("Goa", 1, "Goa")
    assert (told["score"]["value"], told["score"]["row"]["from"]) == (5, "Score")


async def test_a_default_of_an_activity_fills_it_and_makes_none(desk: Desk) -> None:
    sent = {"phone": fresh_phone(), "message": "Call me", "product": "", "event_id": fresh_pan()}
    lead = await desk.lead((await desk.post("site", sent))["lead"])
    [activity] = lead["activities"]
    told = {name: activity["fields"].get(name) for name in ("product", "subject", "message")}
    assert told == {"product": "Water pump", "subject": "An enquiry", "message": "Call me"}
    lead = await desk.lead((await desk.post("site", {"phone": fresh_phone(), "name": "Asha"}))["lead"])
    assert lead["activities"] == []


async def test_a_default_of_a_call_fills_it(desk: Desk) -> None:
    call = {
        "SourceNumber": fresh_phone(),
        "DestinationNumber": "+919611795980",
        "DisplayNumber": "+919020897874",
        "StartTime": "2026-07-05 08:00:00",
        "EndTime": "2026-07-05 08:01:00",
        "CallDuration": "60",
        "Status": "Answered",
        "Direction": "Inbound",
        "CallSessionId": fresh_pan(),
    }
    result = await desk.post("calls", call)
    assert "call.disposition" in (await desk.row(result["id"]))["changed"]
    [activity] = (await desk.lead(result["lead"]))["activities"]
    assert activity["fields"]["subject"] == "A call"
    later = await desk.post("calls", {**call, "Disposition": "interested", "EndTime": "2026-07-05 08:02:00"})
    assert "call.disposition" in (await desk.row(later["id"]))["changed"]
