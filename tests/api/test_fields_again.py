"""A field that is made again, or compared in another way: what is stored in it fits, or the change is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.api import Served
from tests.support.stock import saved, through

NUMBERS = iter(range(1, 1000))


def field(type: str, **more: Any) -> dict[str, Any]:
    return {"name": "extra", "label": "Extra", "type": type, **more}


def dropdown(*options: str) -> dict[str, Any]:
    return field("dropdown", options=list(options))


async def holding(api: Served, record: str, made: Mapping[str, Any], *values: Any) -> None:
    """A field of this record with these values stored in it, and no connector that needs it."""
    await api.done("POST", f"/fields/{record}", made)
    preset = {"lead": "generic-json", "activity": "generic-json", "call": "leadsquared-call-log"}[record]
    rows = [{"from": "extra", "to": f"{record}.extra"}]
    connector = await saved(api, api.ours, "site", preset=preset, map=rows, fields=[])
    for value in values:
        number = f"+9198450113{next(NUMBERS) % 100:02d}"
        document = {"phone": number, "message": "Hello", "extra": value} if preset == "generic-json" else call(number)
        await through(api, connector, [{**document, "extra": value}])
    await api.done("DELETE", "/connectors/site")


def call(number: str) -> dict[str, Any]:
    return {
        "SourceNumber": number,
        "DestinationNumber": "+919611795980",
        "DisplayNumber": "+919020897874",
        "StartTime": "2026-07-05 08:00:00",
        "EndTime": "2026-07-05 08:01:00",
        "CallDuration": "60",
        "Status": "Answered",
        "Direction": "Inbound",
    }


REMADE = [
    (field("number"), 40, field("boolean"), "40"),
    (field("number"), 40, field("email"), None),  # kept as text, and never a key: as a change of type does
    (field("text"), "many", field("number"), "many"),
    (field("text"), "soon", field("datetime"), "soon"),
    (field("boolean"), True, field("number"), "True"),
    (field("datetime"), "2026-07-05T08:00:00Z", field("boolean"), "2026-07-05T08:00:00Z"),
    (dropdown("Hot", "Cold"), "Cold", dropdown("Hot"), "Cold"),
    (dropdown("Hot", "Cold"), "Hot", dropdown("Hot"), None),
    (field("number"), 40, field("text"), None),
    (field("number"), 1, field("boolean"), None),
]


@pytest.mark.parametrize("record", ["lead", "activity", "call"])
@pytest.mark.parametrize(("was", "value", "then", "named"), REMADE)
async def test_a_removed_field_comes_back_only_as_what_its_values_can_be(
    api: Served, record: str, was: dict[str, Any], value: Any, then: dict[str, Any], named: str | None
) -> None:
    await holding(api, record, was, value)
    changed = await api.ask("PUT", f"/fields/{record}/extra", then)
    await api.ask("PUT", f"/fields/{record}/extra", was)
    if changed.status < 300:
        assert named is None
    await api.done("DELETE", f"/fields/{record}/extra")
    made = await api.ask("POST", f"/fields/{record}", then)
    assert made.status == (201 if named is None else 409), made
    if named is not None:
        assert repr(named) in made.error["problems"][0]["rule"]
        assert named in [each.get("value") for each in made.error["problems"]]
        assert changed.error["problems"] == made.error["problems"]  # as a change of type says it
        await api.done("POST", f"/fields/{record}", was)  # as it was, it comes back


async def test_a_removed_field_comes_back_unique_only_if_no_two_leads_share_a_value(api: Served) -> None:
    await holding(api, "lead", field("text"), "ABC", "abc")
    await api.done("DELETE", "/fields/lead/extra")
    told = await api.ask("POST", "/fields/lead", field("text", unique=True))
    assert told.status == 409 and "several leads have it" in told.error["problems"][0]["rule"]
    assert told.error["problems"][1]["value"] in ("ABC", "abc")
    await api.done("POST", "/fields/lead", field("text", unique=True, case_sensitive=True))


async def test_a_field_that_a_connector_brings_along_is_asked_the_same(api: Served) -> None:
    await holding(api, "lead", field("number"), 40)
    await api.done("DELETE", "/fields/lead/extra")
    site = {"name": "site", "preset": "generic-json", "fields": [field("boolean")]}
    told = await api.ask("POST", "/connectors", site)
    assert told.status == 422, told
    [problem] = told.error["problems"]
    assert problem["field"] == "fields row 1 (extra)" and "'40'" in problem["rule"]
    await api.done("POST", "/connectors", {**site, "fields": [field("number")]})


# Case ---------------------------------------------------------------------------------------------------------------


async def test_values_that_differ_by_case_alone_keep_a_field_from_ceasing_to_count_it(api: Served) -> None:
    exact = field("text", unique=True, case_sensitive=True)
    await holding(api, "lead", exact, "ABC", "abc", "XYZ")
    told = await api.ask("PUT", "/fields/lead/extra", field("text", unique=True))
    assert told.status == 409
    assert "differs by case alone" in told.error["problems"][0]["rule"]
    assert told.error["problems"][1]["value"] == "abc"
    assert (await api.done("GET", "/fields/lead/extra"))["case_sensitive"] is True
    assert await keys(api) == ["ABC", "XYZ", "abc"]


async def test_keys_are_compared_anew_when_case_begins_to_count_and_when_it_ceases_to(api: Served) -> None:
    await holding(api, "lead", field("text", unique=True), "ABC", "Straße")
    assert await keys(api) == ["abc", "strasse"]
    await api.done("PUT", "/fields/lead/extra", field("text", unique=True, case_sensitive=True))
    assert await keys(api) == ["ABC", "Straße"]
    await api.done("PUT", "/fields/lead/extra", field("text", unique=True))
    assert await keys(api) == ["abc", "strasse"]


@pytest.mark.parametrize(
    "wrong",
    [field("phone", unique=True, case_sensitive=True), field("text", case_sensitive=True)],
)
async def test_case_is_a_matter_of_unique_text_fields(api: Served, wrong: dict[str, Any]) -> None:
    told = await api.ask("POST", "/fields/lead", wrong)
    assert told.status == 422 and "case_sensitive" in str(told.error)


async def test_fields_of_one_key_space_take_case_alike(api: Served) -> None:
    await api.done("POST", "/fields/lead", field("text", unique=True))
    told = await api.ask(
        "POST", "/fields/lead", {**field("text", unique=True, key="extra", case_sensitive=True), "name": "second"}
    )
    assert told.status == 422 and "another value of `case_sensitive`; give both the same" in str(told.error)


async def keys(api: Served) -> list[str]:
    rows = await api.database.fetch("SELECT value FROM identity_key WHERE space = 'extra'")
    return sorted(row["value"] for row in rows)
