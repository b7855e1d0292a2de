"""The stage `map`: from a normal document to fields, defaults and keys. Absent, blank and value are three things."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.engine.outcome import DeadLetter, Forward, Outcome
from schemas.event import Event
from schemas.fields import AS_SENT
from schemas.keying import TOO_LONG
from schemas.mapping import MapRow
from schemas.normal.time import utc_text
from schemas.normal.values import BAD_EMAIL, BAD_PHONE
from schemas.presets import UnknownPreset, preset
from schemas.reader import AHEAD
from schemas.transforming import UNLISTED
from stages.map import map_fields
from tests.support.chain import ARRIVED, connector_of, event_of, outcome_of, tools_with


async def mapped(source: dict[str, Any], preset: str = "generic-json", **settings: Any) -> Outcome:
    event = event_of({}).evolve(data={"source": source})
    return await outcome_of(map_fields, event, connector_of(preset, settings))


async def fields(source: dict[str, Any], preset: str = "generic-json", **settings: Any) -> Event:
    outcome = await mapped(source, preset, **settings)
    assert isinstance(outcome, Forward), outcome
    return outcome.event


async def rejection(source: dict[str, Any], **settings: Any) -> DeadLetter:
    outcome = await mapped(source, **settings)
    assert isinstance(outcome, DeadLetter), outcome
    return outcome


def said(event: Event) -> dict[str, Any]:
    """The lead's fields, without the numbers as they were sent."""
    return {name: value for name, value in event.data["lead"].items() if not name.endswith(AS_SENT)}


async def test_the_revision_in_force_is_named() -> None:
    assert (await fields({"phone": "+919811122233"})).revision == 3


@pytest.mark.parametrize(
    ("source", "blank", "lead"),
    [
        ({}, "keep", {}),
        ({}, "clear", {}),
        ({"city": ""}, "keep", {}),
        ({"city": None}, "keep", {}),
        ({"city": ""}, "clear", {"city": None}),
        ({"city": None}, "clear", {"city": None}),
        ({"city": []}, "clear", {"city": None}),
        ({"city": "Pune"}, "keep", {"city": "Pune"}),
        ({"city": "Pune"}, "clear", {"city": "Pune"}),
        ({"score": 0}, "clear", {"score": 0}),
        ({"score": "0"}, "keep", {"score": 0}),
    ],
)
async def test_absent_blank_and_value(source: dict[str, Any], blank: str, lead: dict[str, Any]) -> None:
    assert (await fields(source, blank=blank)).data["lead"] == lead


@pytest.mark.parametrize(
    ("source", "blank", "defaults", "lead"),
    [
        ({}, "keep", {"city": "Pune"}, {}),
        ({"city": ""}, "keep", {"city": "Pune"}, {}),
        ({"city": ""}, "clear", {}, {"city": "Pune"}),  # a blank clears what is stored: the default takes its place
        ({"city": None}, "clear", {}, {"city": "Pune"}),
        ({"city": "N/A"}, "clear", {}, {"city": "Pune"}),
        ({"city": " "}, "keep", {"city": "Pune"}, {}),
        ({"city": None}, "keep", {"city": "Pune"}, {}),
        ({"city": "n/a"}, "keep", {"city": "Pune"}, {}),
        ({"city": "Delhi"}, "keep", {}, {"city": "Delhi"}),
    ],
)
async def test_a_default_is_for_what_was_not_sent(
    source: dict[str, Any], blank: str, defaults: dict[str, Any], lead: dict[str, Any]
) -> None:
    event = await fields(source, blank=blank, map=[{"to": "lead.city", "from": "city", "default": "Pune"}])
    assert (event.data["defaults"], event.data["lead"]) == (defaults, lead)


async def test_of_several_paths_and_rows_the_first_that_says_something_counts() -> None:
    rows = [
        {"to": "lead.city", "from": ["a", "b"]},
        {"to": "lead.city", "from": "c"},
        {"to": "lead.city", "transforms": [{"constant": "X"}]},
    ]
    assert (await fields({"a": "", "b": "B", "c": "C"}, map=rows)).data["lead"] == {"city": "B"}
    assert (await fields({"a": "", "c": "C"}, map=rows)).data["lead"] == {"city": "C"}
    assert (await fields({}, map=rows)).data["lead"] == {"city": "X"}
    assert (await fields({"a": "", "c": None}, map=rows[:2], blank="clear")).data["lead"] == {"city": None}


async def test_a_condition_is_compared_without_case_and_a_blank_is_the_empty_text() -> None:
    rows = [{"to": "lead.city", "from": "city", "when": {"type": ["A", "b"], "void": ""}}]
    assert (await fields({"city": "Pune", "type": "B"}, map=rows)).data["lead"] == {"city": "Pune"}
    assert (await fields({"city": "Pune", "type": "a", "void": None}, map=rows)).data["lead"] == {"city": "Pune"}
    assert (await fields({"city": "Pune", "type": "c"}, map=rows)).data["lead"] == {}
    assert (await fields({"city": "Pune", "type": "a", "void": 1}, map=rows)).data["lead"] == {}


async def test_values_are_translated_and_an_unlisted_one_stays_and_is_noted() -> None:
    row = {"to": "lead.lead_stage", "from": "grade", "transforms": [{"look_up": {"A": "Hot", "1": "Warm"}}]}
    assert (await fields({"grade": "a"}, map=[row])).data["lead"] == {"lead_stage": "Hot"}
    assert (await fields({"grade": 1}, map=[row])).data["lead"] == {"lead_stage": "Warm"}
    event = await fields({"grade": "Z"}, map=[row])
    assert event.data["lead"] == {"lead_stage": "Z"}
    assert event.notes == (f"lead.lead_stage: {UNLISTED}",)
    outcome = await rejection({"grade": "Z"}, map=[{**row, "transforms": [{"look_up": {"A": "Hot"}, "strict": True}]}])
    assert (outcome.field, outcome.value) == ("lead.lead_stage", "Z")


async def test_a_filling_value_is_a_default() -> None:
    event = await fields({"city": "Pune"}, map=[{"to": "lead.city", "from": "city", "fill": True}])
    assert event.data["lead"] == {}
    assert event.data["defaults"] == {"city": "Pune"}


async def test_a_row_that_is_off_is_no_row_and_a_connector_stamps_its_source() -> None:
    event = await fields(
        {"city": "Pune", "source": "web"}, map=[{"to": "lead.city", "from": "city", "on": False}], lead_source="Stamp"
    )
    assert (event.data["lead"], event.data["defaults"]) == ({}, {"lead_source": "Stamp"})


async def test_the_keys_are_the_valid_values_primary_first_and_none_twice() -> None:
    source = {"phone": "+919811122233", "phone2": "+919811122244", "email": "a@example.com", "id": 17}
    keys = (await fields(source)).data["keys"]
    assert keys["search"] == [["phone", "+919811122233"], ["email", "a@example.com"]]
    assert sorted(keys["also"]) == [["external_id:7", "17"], ["phone", "+919811122244"]]
    keys = (await fields({**source, "phone2": "+919811122233"}, primary_key="email", secondary_key="phone")).data[
        "keys"
    ]
    assert keys["search"] == [["email", "a@example.com"], ["phone", "+919811122233"]]
    assert keys["also"] == [["external_id:7", "17"]]


async def test_ids_of_two_sources_never_meet() -> None:
    source = {"id": "17"}
    spaces = set()
    for id in (7, 8):
        connector = connector_of("generic-json", {"primary_key": "external_id"}, id=id)
        outcome = await outcome_of(map_fields, event_of({}, id).evolve(data={"source": source}), connector)
        assert isinstance(outcome, Forward)
        [[space, value]] = outcome.event.data["keys"]["search"]
        assert value == "17"
        spaces.add(space)
    assert len(spaces) == 2


async def test_junk_is_kept_noted_and_no_key() -> None:
    event = await fields({"phone": "+91-1111111111", "email": "asha at example", "phone2": "98"})
    assert said(event) == {"phone": "+91-1111111111", "email": "asha at example", "phone_alt": "98"}
    assert event.data["keys"] == {"search": [], "also": []}
    assert event.notes == (f"lead.phone: {BAD_PHONE}", f"lead.phone_alt: {BAD_PHONE}", f"lead.email: {BAD_EMAIL}")


PHONE, SAME, OTHER = "+919811122233", "+91 98111-22233", "+14155550100"


@pytest.mark.parametrize(
    ("source", "blank", "lead"),
    [
        ({"phone": PHONE, "phone2": SAME}, "keep", {"phone": PHONE}),
        ({"phone": PHONE, "phone2": SAME}, "clear", {"phone": PHONE, "phone_alt": None}),
        ({"phone": PHONE, "phone2": OTHER}, "keep", {"phone": PHONE, "phone_alt": OTHER}),
        ({"phone": "98", "phone2": "98"}, "keep", {"phone": "98"}),
        ({"phone2": PHONE}, "keep", {"phone_alt": PHONE}),
        ({"phone": "", "phone2": PHONE}, "clear", {"phone": None, "phone_alt": PHONE}),
        (
            {"email": "a@b.example", "email2": "a@b.example"},
            "keep",
            {"email": "a@b.example", "email_alt": "a@b.example"},
        ),
    ],
)
async def test_a_second_number_that_repeats_the_first_counts_as_blank(
    source: dict[str, Any], blank: str, lead: dict[str, Any]
) -> None:
    event = await fields(source, blank=blank)
    assert said(event) == lead
    sent = {name: value is None for name, value in event.data["lead"].items() if name == f"phone_alt{AS_SENT}"}
    assert sent == {f"phone_alt{AS_SENT}": lead[name] is None for name in lead if name == "phone_alt"}


async def test_of_two_fields_with_one_number_the_search_key_has_it() -> None:
    event = await fields({"phone": PHONE, "phone2": SAME}, primary_key="phone_alt", secondary_key="email")
    assert said(event) == {"phone_alt": PHONE}


async def test_a_value_that_would_fill_in_may_not_repeat_another_either() -> None:
    row = {"to": "lead.phone_alt", "from": "phone2", "fill": True}
    assert (await fields({"phone": PHONE, "phone2": SAME}, map=[row])).data["defaults"].keys() == {"time_zone"}
    filled = (await fields({"phone": PHONE, "phone2": OTHER}, map=[row])).data["defaults"]
    assert filled.keys() == {"time_zone", "phone_alt", f"phone_alt{AS_SENT}"}


async def test_a_required_field_keeps_what_it_repeats() -> None:
    work = {"name": "work", "label": "Work", "type": "phone", "unique": True, "key": "phone", "required": True}
    row = {"to": "lead.work", "from": "phone2"}
    event = await fields({"phone": PHONE, "phone2": SAME}, fields=[work], map=[row])
    assert said(event) == {"phone": PHONE, "work": PHONE}
    assert event.data["keys"]["also"] == []


async def test_an_endless_id_identifies_nobody() -> None:
    event = await fields({"id": "x" * 5000})
    assert event.data["keys"] == {"search": [], "also": []}
    assert event.notes == (f"lead.external_id: {TOO_LONG}",)


async def test_blanked_and_defaulted_values_are_no_keys() -> None:
    row = {"to": "lead.phone", "from": "phone", "default": "+919811122233"}
    assert (await fields({}, map=[row])).data["keys"] == {"search": [], "also": []}
    assert (await fields({"phone": ""}, blank="clear")).data["keys"] == {"search": [], "also": []}


async def test_a_record_is_made_only_of_what_the_source_said() -> None:
    assert "activity" not in (await fields({"phone": "+919811122233"})).data
    assert (await fields({"message": "Hello"})).data["activity"] == {"message": "Hello", "type": "enquiry"}
    assert "call" not in (await fields({"QUERY_TYPE": "W", "CALL_DURATION": "5"}, "indiamart-push")).data


async def test_a_call_cannot_have_begun_tomorrow() -> None:
    event = await fields(
        {"QUERY_TYPE": "P", "UNIQUE_QUERY_ID": "1", "QUERY_TIME": "2026-08-12T00:00:00Z"}, "indiamart-push"
    )
    assert event.data["call"]["started_at"] == utc_text(ARRIVED)
    assert event.notes == (f"call.started_at: {AHEAD}",)


async def test_a_rejection_names_field_value_and_rule_and_its_sentence_has_no_value() -> None:
    outcome = await rejection({"score": "very secret"})
    assert (outcome.kind, outcome.field, outcome.value) == ("rejected", "lead.score", "very secret")
    assert "number" in str(outcome.rule)
    assert "lead.score" in outcome.reason
    assert "a-connector" in outcome.reason
    assert "secret" not in outcome.reason


async def test_the_others_of_a_batch_pass() -> None:
    events = [event_of({}).evolve(data={"source": {"score": score}}) for score in (1, "x", 2)]
    outcomes = await map_fields.run([*events, event_of({}, 99)], tools_with(connector_of("generic-json")))
    assert [type(outcome) for outcome in outcomes] == [Forward, DeadLetter, Forward, DeadLetter]


@pytest.mark.parametrize(
    "row",
    [
        {"to": "lead.score", "transforms": [{"constant": "high"}]},
        {"to": "lead.score", "from": "a", "default": "high"},
        {"to": "lead.score", "from": "a", "transforms": [{"look_up": {"x": "high"}}]},
        {"to": "lead.nothing", "from": "a"},
    ],
)
def test_a_row_that_can_never_fit_is_refused_when_the_connector_is_made(row: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="map row to 'lead"):
        connector_of("generic-json", {"map": [row]})


@pytest.mark.parametrize(
    "row",
    [
        {"to": "lead.city"},
        {"to": "lead.city", "transforms": ["trim"]},
        {"to": "call.notes", "from": "a", "fill": True},
        {"to": "lead.city", "from": "a", "transforms": [{"look_up": {}}]},
        {"to": "person.city", "from": "a"},
        {"to": "lead.city", "form": "a"},
    ],
)
def test_a_row_that_makes_no_sense_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MapRow(**row)


def test_an_unknown_preset_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownPreset, match="did you mean 'indiamart-push'"):
        preset("indiamart-psh")
