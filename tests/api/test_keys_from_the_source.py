"""A key comes from the source: what the mapping itself would write into one is refused, whichever is saved later."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.operations import connectors
from pipeline.store.database import Database
from tests.support.api import Served
from tests.support.stock import through

MAIL = "fallback@b.co"
PAN = {"name": "pan", "label": "PAN", "unique": True}


def crm(**more: Any) -> dict[str, Any]:
    return {"name": "crm", "preset": "leadsquared-lead", "default_country": "IN", **more}


FROM_SOURCE = {"from": "EmailAddress", "to": "lead.email"}
REFUSED: list[tuple[str, list[dict[str, Any]], str]] = [
    ("constant", [FROM_SOURCE, {"to": "lead.email", "transforms": [{"constant": MAIL}]}], MAIL),
    ("constant", [FROM_SOURCE, {"to": "lead.email", "transforms": [{"constant": MAIL}], "fill": True}], MAIL),
    (
        "constant",
        [FROM_SOURCE, {"to": "lead.email", "transforms": [{"constant": MAIL}], "when": {"Source": "Web"}}],
        MAIL,
    ),
    ("constant", [{"from": "EmailAddress", "to": "lead.email", "transforms": [{"constant": MAIL}]}], MAIL),
    ("constant", [{"from": "x", "to": "lead.pan", "transforms": [{"constant": "A1"}, "lower"]}], "A1"),
    ("default", [{"from": "Phone", "to": "lead.phone", "default": "+919845098450"}], "+919845098450"),
    ("default", [{"from": "Mobile", "to": "lead.phone_alt", "default": "+919845098450"}], "+919845098450"),
    ("default", [{**FROM_SOURCE, "default": MAIL, "when": {"Source": "Web"}}], MAIL),
    ("default", [{"from": "ProspectID", "to": "lead.external_id", "default": "none"}], "none"),
    ("default", [{"from": "x", "to": "lead.pan", "default": "A1"}], "A1"),
    ("look-up", [{**FROM_SOURCE, "transforms": [{"look_up": {"unknown": MAIL}}]}], MAIL),
    ("look-up", [{"from": "x", "to": "lead.pan", "transforms": [{"look_up": {"a": "X", "b": "x"}}]}], "x"),
    ("look-up", [{"from": "x", "to": "lead.pan", "transforms": [{"look_up": {"n/a": "X"}}, "trim"]}], "x"),
    ("constant", [{"to": "activity.external_id", "transforms": [{"constant": "1"}]}], "1"),
    ("default", [{"from": "x", "to": "call.call_id", "default": "1"}], "1"),
]


@pytest.mark.parametrize(("part", "rows", "value"), REFUSED)
async def test_what_the_mapping_writes_into_a_key_is_refused_on_every_way_in(
    api: Served, part: str, rows: list[dict[str, Any]], value: str
) -> None:
    settings = crm(map=rows, fields=[PAN])
    told = await api.ask("POST", "/connectors", settings)
    assert told.status == 422, told
    [problem] = told.error["problems"]
    for word in (f"its {part}", repr(value), rows[-1]["to"], "must come from the source", "out"):
        assert word in f"{problem['field']} {problem['rule']}", (word, problem)
    verdict = await api.done("POST", "/connector-settings/validate", settings)
    [judged] = verdict["problems"]
    assert not verdict["valid"] and judged == problem and problem["value"] in (value, value.upper())
    await api.done("POST", "/connectors", crm())
    assert (await api.ask("PUT", "/connectors/crm", settings)).error["problems"] == told.error["problems"]


@pytest.mark.parametrize(
    "rows",
    [
        [{"from": "City", "to": "lead.city", "default": "Goa"}, {"to": "lead.city", "transforms": [{"constant": "x"}]}],
        [{"to": "lead.email", "transforms": [{"constant": MAIL}], "on": False}],
        [{"from": "x", "to": "lead.pan", "transforms": ["trim", "lower"]}],
        [{"from": "x", "to": "lead.pan", "transforms": [{"look_up": {"old-1": "new-1", "old-2": "new-2"}}]}],
        [{"from": ["EmailAddress", "mx_Second"], "to": "lead.email"}],
    ],
)
async def test_what_comes_from_the_source_and_what_is_no_key_can_be_saved(
    api: Served, rows: list[dict[str, Any]]
) -> None:
    await api.done("POST", "/connectors", crm(map=rows, fields=[PAN]))


async def test_a_field_that_a_mapping_writes_does_not_become_a_key(api: Served) -> None:
    await api.done("POST", "/fields/lead", {"name": "branch", "label": "Branch"})
    row = {"from": "mx_Branch", "to": "lead.branch", "default": "Pune"}
    await api.done("POST", "/connectors", crm(map=[row]))
    unique = {"name": "branch", "label": "Branch", "unique": True}
    told = await api.ask("PUT", "/fields/lead/branch", unique)
    assert told.status == 409
    for word in ("connector crm", "map row 1 (to lead.branch)", "its default is 'Pune'", "must come from the source"):
        assert word in told.error["problems"][0]["rule"], told
    await api.done("PUT", "/connectors/crm", crm(map=[{"from": "mx_Branch", "to": "lead.branch"}]))
    await api.done("PUT", "/fields/lead/branch", unique)
    assert (await api.ask("PUT", "/connectors/crm", crm(map=[row]))).status == 422


async def test_the_constants_of_a_preset_and_of_a_setting_keep_their_field_from_being_a_key(api: Served) -> None:
    unique = {"name": "lead_source", "label": "Lead source", "unique": True}
    await api.done("POST", "/connectors", {"name": "market", "preset": "indiamart-push"})
    told = await api.ask("PUT", "/fields/lead/lead_source", unique)
    assert told.status == 409 and "the preset's row to lead.lead_source" in told.error["problems"][0]["rule"]
    await api.done("PUT", "/connectors/market", {"name": "market", "preset": "indiamart-push", "lead_source": "Ours"})
    told = await api.ask("PUT", "/fields/lead/lead_source", unique)
    assert "connector market: lead_source: its constant is 'Ours'" in told.error["problems"][0]["rule"]
    await api.done("DELETE", "/connectors/market")
    await api.done("PUT", "/fields/lead/lead_source", unique)
    told = await api.ask("POST", "/connectors", crm(lead_source="Ours"))
    assert told.status == 422 and told.error["problems"][0]["field"] == "lead_source"


async def stored_before(api: Served, name: str, rows: list[dict[str, Any]]) -> None:
    """A connector as a version stored it that asked nothing of the kind."""
    await api.done("POST", "/connectors", crm(name=name))
    settings = crm(name=name, map=rows)
    await api.database.execute("UPDATE connector SET settings = $2 WHERE name = $1", name, settings)


async def test_a_mapping_of_before_works_on_and_what_it_writes_identifies_nobody(api: Served) -> None:
    rows = [FROM_SOURCE, {"to": "lead.email", "transforms": [{"constant": MAIL}]}]
    await stored_before(api, "crm", rows)
    connector = await connectors.find(api.database, api.ours.id, "crm")
    one, two = await through(api, connector, [{"Phone": "+919845011221"}, {"Phone": "+919845011222"}])
    first, second = [await api.done("GET", f"/journal/{event}") for event in (one, two)]
    assert (first["outcome"], second["outcome"]) == ("created", "created")
    assert any("not sent by the source" in note for note in first["notes"])
    lead = await api.done("GET", f"/leads/{first['lead_id']}")
    assert lead["fields"]["email"] == MAIL
    assert await spaces(api.database, first["lead_id"]) == ["phone"]
    [problem] = (await api.done("GET", "/connectors/crm"))["refused_today"]
    assert problem["field"] == "map row 2 (to lead.email)" and problem["value"] == MAIL


async def test_an_event_with_no_key_but_that_of_the_mapping_is_rejected_naming_it(api: Served) -> None:
    await stored_before(api, "crm", [FROM_SOURCE, {"to": "lead.email", "transforms": [{"constant": MAIL}]}])
    connector = await connectors.find(api.database, api.ours.id, "crm")
    [event] = await through(api, connector, [{"FirstName": "Asha"}])
    row = await api.done("GET", f"/journal/{event}")
    assert row["outcome"] == "failed" and "not sent by the source" in row["reason"]


async def test_a_mapping_of_before_does_not_stand_in_the_way_of_other_changes(api: Served) -> None:
    await stored_before(api, "crm", [FROM_SOURCE, {"to": "lead.email", "transforms": [{"constant": MAIL}]}])
    await api.done("POST", "/fields/lead", PAN)


async def spaces(database: Database, lead: str) -> list[str]:
    rows = await database.fetch("SELECT space FROM identity_key WHERE lead_id = $1 ORDER BY space", lead)
    return [row["space"] for row in rows]
