"""What a connector's access covers: its settings, its secrets, what it did. Two users of each role try it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import World
from tests.support.api import Served, another_user
from tests.support.stock import OPEN, saved, settings_of, through

AUTH = {"scheme": "header", "header": "X-Key"}


async def changes(api: Served) -> list[tuple[str, str, str]]:
    """What was done to secrets: what, which, by whom; the latest first."""
    rows = (await api.done("GET", "/account/changes"))["items"]
    return [(row["what"], row["subject"], row["by"]) for row in rows if row["what"].startswith("secret")]


@pytest.mark.parametrize("named", [{"secrets": ["stored:{}"]}, {"secrets": ["env:X", "stored:{}"]}])
async def test_a_secret_of_a_closed_connector_is_an_administrators(world: World, named: dict[str, list[str]]) -> None:
    api, has = world.api, world.ours
    auth = {**AUTH, "secrets": [each.format(has.secret) for each in named["secrets"]]}
    await api.done("POST", "/connectors", settings_of("vault", auth=auth))
    path = f"/secrets/{has.secret}"
    for key in ("editor", await another_user(api, "editor")):
        for method, body in (("PUT", {"value": "mine"}), ("DELETE", None)):
            refused = await api.ask(method, path, body, key=key)
            assert refused.status == 403 and "administrator" in refused.error["detail"], refused
            assert "vault" not in refused.text
        [row] = (await api.done("GET", "/secrets", key=key))["items"]
        assert row["used_by"] == []
    before = await changes(api)
    await api.done("PUT", path, {"value": "an administrator's"})
    assert await changes(api) == [("secret replaced", has.secret, "admin@default.example.com"), *before]
    told = await api.ask("DELETE", path)
    assert told.status == 409 and "vault" in told.error["detail"]

    # it is theirs once the connector is open to them, or is gone
    await api.done("PUT", "/connectors/vault", settings_of("vault", auth=auth, access=OPEN))
    await api.done("PUT", path, {"value": "an editor's"}, key="editor")
    told = await api.ask("DELETE", path, key="editor")
    assert told.status == 409 and "vault" in told.error["detail"]
    await api.done("DELETE", "/connectors/vault")
    await api.done("DELETE", path, key="editor")


async def test_a_secret_of_an_open_and_a_closed_connector_is_an_administrators_too(world: World) -> None:
    api, has = world.api, world.ours
    auth = {**AUTH, "secrets": [f"stored:{has.secret}"]}
    await api.done("POST", "/connectors", settings_of("a-public", auth=auth, access=OPEN))
    await api.done("POST", "/connectors", settings_of("b-vault", auth=auth))
    for method, body in (("PUT", {"value": "mine"}), ("DELETE", None)):
        refused = await api.ask(method, f"/secrets/{has.secret}", body, key="editor")
        assert refused.status == 403 and "b-vault" not in refused.text


async def test_every_change_of_a_secret_is_kept_and_never_its_value(world: World) -> None:
    api = world.api
    editor = await another_user(api, "editor")
    before = await changes(api)
    await api.done("PUT", "/secrets/acme", {"value": "first-of-all"}, key="editor")
    await api.done("PUT", "/secrets/acme", {"value": "second-of-all"}, key=editor)
    await api.done("DELETE", "/secrets/acme")
    assert (await api.ask("DELETE", "/secrets/acme")).status == 404
    assert (await api.ask("PUT", "/secrets/ACME", {"value": "third-of-all"})).status == 404
    found = await changes(api)
    assert [what for what, _, _ in found[: -len(before) or None]] == [
        "secret removed",
        "secret replaced",
        "secret created",
    ]
    assert {name for _, name, _ in found[:3]} == {"acme"}
    assert found[2][2] == "editor@default.example.com" and found[1][2] != found[2][2]
    assert "of-all" not in (await api.ask("GET", "/account/changes")).text


async def test_a_field_is_not_changed_under_a_closed_connector_and_it_is_not_named(world: World) -> None:
    api = world.api
    await api.done("POST", "/fields/lead", {"name": "plan", "label": "Plan", "type": "text"})
    brings = {"name": "plan", "label": "Plan"}
    for name, access in (("vault", None), ("shop", OPEN)):
        row = {"from": "their.plan", "to": "lead.plan"}
        more = {} if access is None else {"access": access}
        await api.done("POST", "/connectors", settings_of(name, map=[row], fields=[brings], **more))
    for key in ("editor", await another_user(api, "editor")):
        refused = await api.ask("DELETE", "/fields/lead/plan", key=key)
        assert refused.status == 409 and "connector shop" in refused.text and "closed to you" in refused.text
        assert "vault" not in refused.text
    whole = await api.ask("DELETE", "/fields/lead/plan")
    assert whole.status == 409 and "connector vault" in whole.text


async def test_what_a_closed_connector_did_to_a_lead_is_not_told(world: World) -> None:
    api, has = world.api, world.ours
    rows: list[dict[str, Any]] = [
        {"from": "city", "to": "lead.city"},
        {"to": "activity.type", "transforms": [{"constant": "Visit"}]},
        {"from": "product", "to": "activity.product"},
    ]
    sync = {"lead": "capture", "activity": "capture"}
    vault = await saved(api, api.ours, "vault", map=rows, sync=sync)
    document = {"event_id": "v1", "phone": "+919822012345", "city": "Pune", "product": "Loan"}
    [event] = await through(api, vault, [document])
    lead, keys = f"/leads/{has.lead}", ("viewer", await another_user(api, "viewer"), "operator", "editor")

    whole = await api.done("GET", lead)
    assert {each["connector_id"] for each in whole["activities"]} >= {vault.id}
    [city] = (await api.done("GET", f"{lead}/explain?field=city"))["fields"]
    assert (city["connector"], city["event"], city["row"]["from"]) == ("vault", event, "city")
    for key in keys:
        shown = await api.done("GET", lead, key=key)
        assert shown["fields"] == whole["fields"]  # the lead is the account's
        assert vault.id not in {each["connector_id"] for each in shown["activities"]}
        told = await api.ask("GET", f"{lead}/explain", key=key)
        [field] = [each for each in told.json["fields"] if each["field"] == "city"]
        assert (field["value"], field["connector"], field["row"], field["revision"]) == ("Pune", None, None, None)
        assert "vault" not in told.text
        assert (await api.ask("GET", f"/journal/{event}", key=key)).status == 404
        [name] = [each for each in told.json["fields"] if each["field"] == "name"]
        assert name["connector"] == has.connector and name["row"]  # what an open one did is told

    # a later value of an open connector: what it replaced is the lead's, whose connector is not told
    site = await saved(api, api.ours, has.connector, access=OPEN, map=[{"from": "city", "to": "lead.city"}], fields=[])
    await through(api, site, [{"event_id": "s1", "phone": "+919822012345", "city": "Goa"}])
    [field] = (await api.done("GET", f"{lead}/explain?field=city", key="viewer"))["fields"]
    assert (field["connector"], field["replaced"]["value"]) == (has.connector, "Pune")
    assert field["replaced"]["connector"] is None
    [field] = (await api.done("GET", f"{lead}/explain?field=city"))["fields"]
    assert field["replaced"]["connector"] == "vault"


async def test_who_sees_no_connector_sees_the_leads_alone(world: World) -> None:
    api, has = world.api, world.ours
    await api.done("PUT", f"/connectors/{has.connector}", settings_of(has.connector))  # closed to all
    for key in ("viewer", await another_user(api, "viewer")):
        [lead] = (await api.done("GET", "/leads?query=9822012345", key=key))["items"]
        assert lead["id"] == has.lead
        whole = await api.done("GET", f"/leads/{has.lead}", key=key)
        assert whole["activities"] == []
        told = (await api.done("GET", f"/leads/{has.lead}/explain", key=key))["fields"]
        assert {each["connector"] for each in told} == {each["applied_at"] for each in told} == {None}
        assert all(each["row"] is None for each in told)
        for path in ("/connectors", "/journal", "/dead-letters", "/refused", "/conflicts"):
            assert (await api.done("GET", path, key=key))["items"] == []


async def test_the_latest_activities_are_the_latest_that_one_sees(world: World) -> None:
    """Those of a closed connector take no place from those of an open one."""
    api, has = world.api, world.ours
    sync = {"lead": "capture", "activity": "capture"}
    settings = {"map": [{"from": "product", "to": "activity.product"}], "sync": sync}
    open_, vault = (
        await saved(api, api.ours, "open", **settings, access=OPEN),
        await saved(api, api.ours, "vault", **settings),
    )
    of = {"phone": "+919822012345", "product": "Loan"}
    await through(api, open_, [{**of, "event_id": "first"}])
    await through(api, vault, [{**of, "event_id": f"v{n}"} for n in range(60)])
    shown = (await api.done("GET", f"/leads/{has.lead}", key="viewer"))["activities"]
    assert [each["connector_id"] for each in shown] == [open_.id]
