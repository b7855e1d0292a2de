"""Settings that do less than they say are saved, and never in silence: each warning names its row, on every face."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from schemas.presets import preset
from tests.support.api import Served

WEB: dict[str, Any] = {"name": "web", "preset": "generic-json", "default_country": "IN"}
AREA = {"name": "area", "label": "Area", "required": True}
PAN = {"name": "pan", "label": "PAN", "unique": True}
WITHOUT_ACTIVITIES = [
    {**row.model_dump(mode="json", by_alias=True, exclude_defaults=True), "on": False}
    for row in preset("generic-json").map
    if row.record == "activity"
]
NOTE = {"from": "note", "to": "activity.message"}

IDLE: list[tuple[str, dict[str, Any], str, str]] = [
    ("activities without a row", {"map": WITHOUT_ACTIVITIES}, "sync.activity", "no row maps"),
    ("a row of activities that are off", {"sync": {"activity": "off"}, "map": [NOTE]}, "map row 1", "is never read"),
    ("nothing at all", {"sync": {"lead": "nothing"}}, "sync", "change nothing"),
    ("a required field", {"fields": [AREA]}, "map", "map lead.area"),
    ("a primary key that is off", {"map": [{"from": "phone", "to": "lead.phone", "on": False}]}, "map row 1", "is off"),
    ("twice the same key", {"primary_key": "email", "secondary_key": "email"}, "secondary_key", "primary key too"),
    ("a further key that is one", {"further_keys": ["phone"]}, "further_keys 1", "already"),
    ("a key without a row", {"secondary_key": "pan", "fields": [PAN]}, "secondary_key", "map lead.pan"),
    ("a path that nobody sends", {"map": [{"from": "campaing", "to": "lead.notes"}]}, "map row 1", "did you mean"),
    ("a source field", {"source_fields": [{"path": "budget", "type": "number"}]}, "source_fields row 1", "map it"),
    ("a format of no time", {"occurred_at": [], "occurred_format": "%d.%m.%Y"}, "occurred_format", "never used"),
    (
        "the default of a constant",
        {"map": [{"to": "lead.city", "transforms": [{"constant": "Pune"}], "default": "Goa"}]},
        "map row 1",
        "never counts",
    ),
    (
        "a second default",
        {"map": [{"from": f, "to": "lead.city", "default": d} for f, d in (("town", "Goa"), ("place", "Pune"))]},
        "map row 2",
        "comes first",
    ),
    ("mail that nobody sends", {"notify": {"user": "admin@default.example.com"}}, "notify.user", "no mail is sent"),
]


def web(**more: Any) -> dict[str, Any]:
    """A connector with these settings."""
    return {**WEB, **more}


@pytest.mark.parametrize(("settings", "place", "words"), [each[1:] for each in IDLE], ids=[each[0] for each in IDLE])
async def test_what_does_nothing_is_said_with_its_row_wherever_it_is_saved(
    api: Served, settings: dict[str, Any], place: str, words: str
) -> None:
    wanted = web(**settings)
    verdict = await api.done("POST", "/connector-settings/validate", wanted)
    told = [each for each in verdict["warnings"] if str(each["field"]).startswith(place) and words in each["rule"]]
    assert verdict["valid"] and len(told) == 1, verdict["warnings"]
    [planned] = (await api.done("POST", "/connector-settings/plan", {"connectors": [wanted]}))["entries"]
    assert planned["warnings"] == verdict["warnings"]
    saved = await api.done("POST", "/connectors", wanted)
    assert saved["warnings"] == verdict["warnings"]
    assert (await api.done("PUT", "/connectors/web", wanted))["warnings"] == verdict["warnings"]
    assert (await api.done("GET", "/connectors/web"))["warnings"] == verdict["warnings"]
    applied = await api.done("POST", "/connector-settings/apply", {"connectors": [wanted]})
    assert applied["entries"][0]["warnings"] == verdict["warnings"]


@pytest.mark.parametrize("name", ["generic-json", "indiamart-push", "leadsquared-lead", "leadsquared-call-log"])
async def test_what_does_all_that_it_says_has_no_warning(api: Served, name: str) -> None:
    settings = {"name": "plain", "preset": name, "default_country": "IN"}
    verdict = await api.done("POST", "/connector-settings/validate", settings)
    assert (verdict["valid"], verdict["warnings"]) == (True, [])


async def test_everything_in_force_is_shown_with_who_says_it(api: Served) -> None:
    own = {"from": "town", "to": "lead.city"}
    await api.done("POST", "/connectors", web(primary_key="email", secondary_key="phone", map=[own]))
    shown = await api.done("GET", "/connectors/web")
    of = {each["setting"]: each for each in shown["in_force"]}
    assert (of["primary_key"]["value"], of["primary_key"]["origin"], of["primary_key"]["differs"]) == (
        "email",
        "connector",
        True,
    )
    assert of["primary_key"]["preset"] == "phone"
    assert (of["blank"]["value"], of["blank"]["origin"]) == ("keep", "preset")
    assert (of["enabled"]["value"], of["enabled"]["origin"]) == (True, "default")
    assert (of["sync.lead"]["value"], of["sync.activity"]["value"]) == ("capture", "capture")
    assert len(shown["row_origins"]) == len(shown["map"])
    mine = [row for row, origin in zip(shown["map"], shown["row_origins"], strict=True) if origin == "connector"]
    assert mine == [own]


async def test_a_setting_is_changed_alone_and_given_back(api: Served) -> None:
    await api.done("POST", "/connectors", web(sync={"lead": "update"}, lead_source="Site"))
    patch = {"default_country": "US", "sync": {"activity": "off"}, "note": "moved to the US"}
    changed = await api.done("PATCH", "/connectors/web", patch, Content_Type="application/merge-patch+json")
    assert (changed["revision"], [each["place"] for each in changed["differences"]]) == (
        2,
        ["default_country", "sync.activity"],
    )
    shown = await api.done("GET", "/connectors/web")
    assert shown["settings"]["sync"] == {"lead": "update", "activity": "off"}
    assert shown["settings"]["lead_source"] == "Site"
    back = await api.done("PATCH", "/connectors/web", {"lead_source": None, "sync": None})
    assert {each["place"] for each in back["differences"]} == {"lead_source", "sync"}
    latest = (await api.done("GET", "/connectors/web/revisions"))["items"]
    assert [row["note"] for row in latest] == [None, "moved to the US", None]


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({"name": "other"}, "name"),
        ({"name": None}, "name"),
        ({"preset": "nope"}, "preset"),
        ({"default_country": "XX"}, "default_country"),
        ({"primary_key": "city"}, "primary_key"),
        ({"no_such_setting": 1}, "no_such_setting"),
        ({"map": [{"from": "x", "to": "lead.nope"}]}, "map row 1"),
        ({"enabled": "yes"}, "enabled"),
        ({"enabled": 1}, "enabled"),
        ({"further_keys": "phone"}, "further_keys"),
        ({"sync": "update"}, "sync"),
        ({"sync": {"lead": "all"}}, "sync.lead"),
        ({"lead_source": ""}, "lead_source"),
        ({"preset": None}, "preset"),
    ],
)
async def test_a_change_that_breaks_a_rule_changes_nothing(api: Served, patch: dict[str, Any], field: str) -> None:
    await api.done("POST", "/connectors", web())
    refused = await api.ask("PATCH", "/connectors/web", patch)
    assert refused.status == 422 and str(refused.error["field"]).startswith(field), refused
    assert (await api.done("GET", "/connectors/web"))["revision"] == 1


async def test_two_who_change_two_settings_at_once_both_get_their_way(api: Served) -> None:
    await api.done("POST", "/connectors", web())
    changes = [{"lead_source": "A"}, {"default_country": "US"}, {"blank": "clear"}, {"time_zone": "UTC"}]
    await asyncio.gather(*(api.done("PATCH", "/connectors/web", change) for change in changes))
    shown = (await api.done("GET", "/connectors/web"))["settings"]
    assert (shown["lead_source"], shown["default_country"], shown["blank"]) == ("A", "US", "clear")


async def test_a_patch_is_an_object_of_a_known_type(api: Served) -> None:
    await api.done("POST", "/connectors", web())
    assert (await api.ask("PATCH", "/connectors/web", [1])).status == 422
    wrong = await api.ask("PATCH", "/connectors/web", {}, Content_Type="application/json-patch+json")
    assert (wrong.status, wrong.headers["Accept-Patch"]) == (415, "application/merge-patch+json, application/json")
    assert (await api.done("PATCH", "/connectors/web", {}))["revision"] == 1


async def test_an_editor_cannot_close_a_connector_to_themselves_by_a_patch(api: Served) -> None:
    await api.done("POST", "/connectors", web(access={"roles": ["editor"]}))
    assert (await api.ask("PATCH", "/connectors/web", {"access": None}, key="editor")).status == 403
    assert (await api.done("PATCH", "/connectors/web", {"lead_source": "Site"}, key="editor"))["revision"] == 2


async def test_of_two_who_save_at_once_the_second_is_told_who_was_first(api: Served) -> None:
    await api.done("POST", "/connectors", web())
    read = await api.ask("GET", "/connectors/web")
    tag = read.headers["ETag"]
    saved = await api.ask("PUT", "/connectors/web", web(lead_source="A"), If_Match=tag)
    assert saved.status == 200 and saved.headers["ETag"] != tag
    for method, body in (("PUT", web(lead_source="B")), ("PATCH", {"lead_source": "B"}), ("DELETE", None)):
        late = await api.ask(method, "/connectors/web", body, If_Match=tag)
        assert late.status == 412, (method, late)
        assert "admin@default.example.com" in late.error["detail"] and "revision 2" in late.error["detail"]
    assert (await api.done("GET", "/connectors/web"))["settings"]["lead_source"] == "A"
    now = saved.headers["ETag"]
    assert (await api.ask("GET", "/connectors/web", If_None_Match=now)).status == 304
    assert (await api.ask("PATCH", "/connectors/web", {"lead_source": "C"}, If_Match=f'"x", {now}')).status == 200
    assert (await api.ask("DELETE", "/connectors/web", If_Match="*")).status == 204


@pytest.mark.parametrize("tag", ["1.1", '"unclosed', "W/x", '"a" "b"', ""])
async def test_what_is_no_tag_is_refused(api: Served, tag: str) -> None:
    await api.done("POST", "/connectors", web())
    refused = await api.ask("PATCH", "/connectors/web", {"lead_source": "A"}, If_Match=tag)
    assert refused.status in (400, 412), refused
    assert (await api.done("GET", "/connectors/web"))["revision"] == 1


async def test_a_weak_tag_never_matches(api: Served) -> None:
    await api.done("POST", "/connectors", web())
    tag = (await api.ask("GET", "/connectors/web")).headers["ETag"]
    assert (await api.ask("PATCH", "/connectors/web", {"lead_source": "A"}, If_Match=f"W/{tag}")).status == 412
