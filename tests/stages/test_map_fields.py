"""The stage `map` on fields with options, users, required and unique fields, and on what follows from numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline.engine.outcome import DeadLetter, Forward, Outcome
from schemas.connector import Connector
from schemas.fields import Field
from schemas.normal.choices import NO_USER
from schemas.normal.people import ANYBODY, People
from schemas.normal.values import SHARED_PHONE
from schemas.standard import with_standard
from stages.map import map_fields
from stages.normalize import normalize
from tests.support.chain import choices, connector_of, event_of, outcome_of

FIELDS: list[dict[str, Any]] = [
    *choices(["Home Loan", "Car"], {"car": ["Sedan", "SUV"], "Home Loan": ["Fixed"]}),
    {"name": "agent", "label": "Agent", "type": "user"},
    {"name": "consent", "label": "Consent", "type": "boolean", "required": True},
    {"name": "pan", "label": "PAN", "unique": True, "junk": ["AAAAA0000A"]},
    {"name": "customer_no", "label": "Customer number", "type": "number", "unique": True},
]
ROWS: list[dict[str, Any]] = [{"from": field["name"], "to": f"lead.{field['name']}"} for field in FIELDS]


async def outcome(document: dict[str, Any], people: People = ANYBODY, **settings: Any) -> Outcome:
    connector = connector_of("generic-json", {"default_country": "IN", "fields": FIELDS, "map": ROWS, **settings})
    connector = replace(connector, people=people)
    read = await outcome_of(normalize, event_of(document), connector)
    assert isinstance(read, Forward)
    return await outcome_of(map_fields, read.event, connector)


async def data_of(document: dict[str, Any], **settings: Any) -> dict[str, Any]:
    made = await outcome(document, **settings)
    assert isinstance(made, Forward), made
    return made.event.data


async def rejection(document: dict[str, Any], **settings: Any) -> DeadLetter:
    made = await outcome(document, **settings)
    assert isinstance(made, DeadLetter), made
    return made


async def test_an_option_is_stored_as_it_is_defined() -> None:
    assert (await data_of({"product": " home LOAN"}))["lead"] == {"product": "Home Loan"}
    dead = await rejection({"product": "Boat"})
    assert (dead.field, dead.value) == ("lead.product", "Boat")
    assert "one of: Home Loan, Car" in str(dead.rule)
    for value in ({"x": 1}, ["Car"], 5, True):
        assert (await rejection({"product": value}, sync={"activity": "off"})).field == "lead.product"


@pytest.mark.parametrize(
    ("document", "model"),
    [
        ({"product": "Car", "model": "suv"}, "SUV"),
        ({"product": "CAR", "model": "Sedan"}, "Sedan"),
        ({"product": "Car"}, None),
        ({"product": "Car", "model": ""}, None),
        ({"model": ""}, None),
    ],
)
async def test_a_child_goes_with_its_parent(document: dict[str, Any], model: str | None) -> None:
    assert (await data_of(document))["lead"].get("model") == model


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        ({"product": "Car", "model": "Fixed"}, "with product 'Car' it takes one of: Sedan, SUV"),
        ({"product": "Car", "model": "Boat"}, "one of: Sedan, SUV, Fixed"),
        ({"model": "SUV"}, "its parent product must come with it"),
        ({"product": "", "model": "SUV"}, "its parent product must come with it"),
    ],
)
async def test_a_child_that_does_not_go_with_its_parent_is_rejected(document: dict[str, Any], rule: str) -> None:
    dead = await rejection(document)
    assert dead.field == "lead.model" and rule in str(dead.rule)


async def test_a_childs_default_counts_only_with_its_parent() -> None:
    rows = [*ROWS[:1], {"from": "model", "to": "lead.model", "default": "SUV"}]
    assert (await data_of({"product": "Car"}, map=rows))["defaults"] == {"model": "SUV"}
    assert (await data_of({"product": "Home Loan"}, map=rows))["defaults"] == {}
    assert (await data_of({}, map=rows))["defaults"] == {}
    rows = [{"from": "product", "to": "lead.product", "default": "Car"}, rows[1]]
    assert (await data_of({}, map=rows))["defaults"] == {"product": "Car", "model": "SUV"}


async def test_a_user_is_an_e_mail_address() -> None:
    assert (await data_of({"agent": "Sam@Example.com"}))["lead"] == {"agent": "sam@example.com"}
    assert "e-mail address of a user" in str((await rejection({"agent": "Sam"})).rule)


async def test_a_user_is_one_of_the_account_by_address_or_id() -> None:
    people = People({"sam@example.com": "sam@example.com", "17": "sam@example.com"})
    for named in ("Sam@Example.com ", "17", 17):
        assert (await data_of({"agent": named}, people=people))["lead"] == {"agent": "sam@example.com"}
    for stranger in ("kim@example.com", "18", 18, True, "Sam", {"id": 17}, ["sam@example.com"]):
        dead = await rejection({"agent": stranger}, people=people)
        assert (dead.field, dead.rule) == ("lead.agent", NO_USER)
    gone = [{"from": "agent", "to": "lead.agent", "default": "kim@example.com"}]
    assert (await data_of({}, people=people, map=gone))["defaults"]["agent"] == "kim@example.com"  # it took another one


async def test_a_missing_required_field_is_named_and_a_blank_never_clears_it() -> None:
    assert (await data_of({}))["required"] == ["consent"]
    assert (await data_of({"consent": ""}, blank="clear"))["required"] == ["consent"]
    assert (await data_of({"consent": "", "city": ""}, blank="clear"))["lead"] == {"city": None}
    assert "required" not in await data_of({"consent": "no"})
    rows = [{"from": "consent", "to": "lead.consent", "default": False}]
    assert "required" not in await data_of({}, map=rows)


async def test_unique_fields_are_keys_in_spaces_of_their_own() -> None:
    settings = {"primary_key": "pan", "secondary_key": "phone", "further_keys": ["customer_no", "email"]}
    keys = (await data_of({"pan": "X1", "customer_no": "0042", "phone": "9811122233"}, **settings))["keys"]
    assert keys == {"search": [["pan", "x1"], ["phone", "+919811122233"], ["customer_no", "42"]], "also": []}
    marked = [{**row, "key": row["to"] == "lead.pan"} for row in ROWS]
    keys = (await data_of({"pan": "X1", "customer_no": 42, "email": "a@example.com"}, map=marked))["keys"]
    assert keys == {"search": [["email", "a@example.com"], ["pan", "x1"]], "also": [["customer_no", "42"]]}


async def test_what_many_people_give_identifies_nobody() -> None:
    made = await outcome({"phone": "99999 99999", "pan": "AAAAA0000A"}, further_keys=["pan"])
    assert isinstance(made, Forward)
    assert made.event.data["keys"] == {"search": [], "also": []}
    assert made.event.data["lead"] == {
        "phone": "+919999999999",
        "phone_as_sent": "99999 99999",
        "pan": "AAAAA0000A",
    }
    assert made.event.notes == (f"lead.phone: {SHARED_PHONE}",)


async def test_an_account_knows_more_of_those() -> None:
    own = Field(name="phone", label="Phone", type="phone", unique=True, junk=["098111 22233"])
    plain = connector_of("generic-json", {"default_country": "IN"})
    fields = with_standard({"lead": {"phone": own}})
    connector = Connector(7, 1, 3, plain.settings, plain.preset, fields)
    for number, keys in (("9811122233", []), ("9811122234", [["phone", "+919811122234"]])):
        mapped = await outcome_of(map_fields, event_of({}).evolve(data={"source": {"phone": number}}), connector)
        assert isinstance(mapped, Forward)
        assert mapped.event.data["keys"]["search"] == keys


@pytest.mark.parametrize(
    ("document", "number", "sent"),
    [
        ({"phone": "098111 22233"}, "+919811122233", "098111 22233"),  # read in normalize
        ({"tel": "098111-22233"}, "+919811122233", "098111-22233"),  # read in map
        ({"phone": 9811122233}, "+919811122233", "9811122233"),
        ({"phone": "+919811122233"}, "+919811122233", "+919811122233"),
        ({"phone": "98"}, "98", "98"),
    ],
)
async def test_a_number_is_kept_as_it_was_sent_beside_its_normal_form(
    document: dict[str, Any], number: str, sent: str
) -> None:
    assert (await data_of(document))["lead"] == {"phone": number, "phone_as_sent": sent}


async def test_a_cleared_number_leaves_nothing_that_was_sent() -> None:
    assert (await data_of({"phone": ""}, blank="clear"))["lead"] == {"phone": None, "phone_as_sent": None}


async def test_a_time_zone_follows_where_no_row_names_one() -> None:
    assert (await data_of({"phone": "9811122233"}))["defaults"] == {"time_zone": "Asia/Kolkata"}
    assert (await data_of({"country": "Nepal", "phone": "98"}))["defaults"] == {"time_zone": "Asia/Kathmandu"}
    assert (await data_of({"phone": "99999 99999"}))["defaults"] == {}
    row = {"from": "zone", "to": "lead.time_zone"}
    made = await data_of({"phone": "9811122233", "zone": "Asia/Dubai"}, map=[row])
    assert (made["lead"]["time_zone"], made["defaults"]) == ("Asia/Dubai", {})


@pytest.mark.parametrize(
    ("preset", "settings", "sync"),
    [
        ("generic-json", {}, {"lead": "capture", "activity": "capture"}),
        ("leadsquared-lead", {}, {"lead": "capture", "activity": "off"}),
        ("leadsquared-call-log", {"required": []}, {"lead": "capture", "activity": "capture"}),
        (
            "leadsquared-lead",
            {"sync": {"lead": "update", "activity": "create"}},
            {"lead": "update", "activity": "create"},
        ),
        ("leadsquared-call-log", {"required": [], "sync": {"activity": "off"}}, {"lead": "capture", "activity": "off"}),
    ],
)
async def test_later_stages_are_told_the_behaviours_in_force(
    preset: str, settings: dict[str, Any], sync: dict[str, str]
) -> None:
    event = event_of({}).evolve(data={"source": {"CallSessionId": "1"}})
    made = await outcome_of(map_fields, event, connector_of(preset, settings))
    assert isinstance(made, Forward)
    assert made.event.data["sync"] == sync
    assert ("call" in made.event.data) == (preset == "leadsquared-call-log" and sync["activity"] != "off")


@pytest.mark.parametrize(
    ("required", "source", "told"),
    [
        (["city", "phone"], {"phone": "+919811122233"}, ["city"]),
        (["city", "state"], {"city": "N/A", "state": False}, ["city", "state"]),
        (["consent"], {"phone": "+919811122233", "consent": False}, []),
        (["consent", "score"], {"consent": "N/A", "score": "much"}, ["consent", "lead.score"]),
    ],
)
async def test_everything_that_is_missing_or_wrong_is_told_at_once(
    required: list[str], source: dict[str, Any], told: list[str]
) -> None:
    consent = {"name": "consent", "label": "Consent", "type": "boolean"}
    own = {"required": required, "fields": [consent], "map": [{"from": "consent", "to": "lead.consent"}]}
    made = await outcome_of(map_fields, event_of({}).evolve(data={"source": source}), connector_of("generic-json", own))
    if not told:
        assert isinstance(made, Forward)
        return
    assert isinstance(made, DeadLetter) and made.result is not None
    assert [problem["field"] for problem in made.result["problems"]] == told
    assert made.field == told[0] and all(name in made.reason for name in told)


async def test_where_activities_are_off_their_values_reject_nothing() -> None:
    event = event_of({}).evolve(data={"source": {"message": {"not": "a text"}}})
    assert isinstance(await outcome_of(map_fields, event, connector_of("generic-json")), DeadLetter)
    off = connector_of("generic-json", {"sync": {"activity": "off"}})
    assert isinstance(await outcome_of(map_fields, event, off), Forward)
