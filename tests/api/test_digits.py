"""A text of digits alone is an id wherever a call takes a name or an id, so it is no name of anything."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.operations import connectors as operations
from pipeline.operations import users
from pipeline.operations.errors import Invalid
from pipeline.store import connectors
from schemas.connector import ConnectorSettings
from tests.api.conftest import World
from tests.support.api import Served
from tests.support.stock import OPEN, settings_of, through

RULE = "digits alone"


@pytest.mark.parametrize("name", ["148", "0", "007", "9" * 63])
async def test_a_connector_has_no_name_of_digits_alone(api: Served, name: str) -> None:
    settings = settings_of(name, access=OPEN)
    broken = {**settings, "preset": "no-such"}
    for key in ("editor", "admin"):
        for path, body in (
            ("/connectors", settings),
            ("/connectors", broken),
            ("/connector-settings/apply", {"connectors": [settings]}),
        ):
            refused = await api.ask("POST", path, body, key=key)
            assert refused.status == 422 and RULE in refused.text, refused
        for body in (settings, broken):
            verdict = await api.done("POST", "/connector-settings/validate", body, key=key)
            assert [each["field"] for each in verdict["problems"] if RULE in each["rule"]] == ["name"]
        [entry] = (await api.done("POST", "/connector-settings/plan", {"connectors": [settings]}, key=key))["entries"]
        assert entry["state"] == "refused"
    assert (await api.done("GET", "/connectors"))["items"] == []
    await api.done("POST", "/connectors", settings_of("148-b"))  # digits may stand in a name
    refused = await api.ask("POST", "/connectors/148-b/rename", {"name": name})
    assert refused.status == 422 and RULE in refused.error["rule"]


async def test_nor_has_a_secret_or_an_account(api: Served) -> None:
    refused = await api.ask("PUT", "/secrets/148", {"value": "x"})
    assert refused.status == 422 and RULE in refused.error["rule"]
    for name in ("148", " 148 ", "٣"):
        with pytest.raises(Invalid, match=RULE):
            await users.create_account(api.database, name)


async def older(world: World, name: str, **more: Any) -> int:
    """A connector that an older version let be called like this."""
    settings = ConnectorSettings(**settings_of(name, access=OPEN, **more))
    return (await connectors.apply(world.api.database, world.api.ours.id, settings)).id


async def test_digits_are_an_id_also_where_an_older_connector_is_called_so(world: World) -> None:
    api, has = world.api, world.ours
    id = await older(world, str(has.connector_id))  # the name is the other one's id
    path = f"/connectors/{has.connector_id}"
    assert (await api.done("GET", path))["name"] == has.connector
    await through(
        api, await operations.find(api.database, api.ours.id, str(has.connector_id)), [{"phone": "9822012399"}]
    )
    rows = (await api.done("GET", f"/journal?connector={has.connector_id}"))["items"]
    assert {row["connector_id"] for row in rows} == {has.connector_id}
    shown = await api.done("GET", f"/connectors/{id}")
    assert shown["name"] == str(has.connector_id)
    [told] = [each for each in shown["refused_today"] if each["field"] == "name"]
    assert RULE in told["rule"] and "leadpipe connector rename" in told["rule"]
    # it can be changed as it is
    await api.done("PUT", f"/connectors/{id}", settings_of(shown["name"], access=OPEN, default_country="IN"))

    # and renamed: it stays the same connector
    taken = await api.ask("POST", f"/connectors/{id}/rename", {"name": has.connector}, key="editor")
    assert taken.status == 409 and has.connector in taken.error["detail"]
    urls = (await api.done("GET", f"/connectors/{id}/url"))["items"]
    renamed = await api.done("POST", f"/connectors/{id}/rename", {"name": "shop", "note": "digits"}, key="editor")
    assert (renamed["id"], renamed["name"], renamed["revision"]) == (id, "shop", 3)
    assert (await api.done("GET", "/connectors/shop/url"))["items"] == urls
    whole = await api.done("GET", "/connectors/shop")
    assert whole["refused_today"] == [] and whole["settings"]["name"] == "shop"
    [latest, *_] = (await api.done("GET", "/connectors/shop/revisions"))["items"]
    assert (latest["note"], latest["saved_by"]) == ("digits", "editor@default.example.com")
    [row] = (await api.done("GET", "/journal?connector=shop"))["items"]
    assert row["connector"] == "shop"
    # an old revision says the old name, and restoring it brings no other connector
    restored = await api.done("POST", "/connectors/shop/restore", {"revision": 1}, key="editor")
    assert (restored["id"], restored["name"]) == (id, "shop")
    assert (await api.ask("GET", f"/connectors/{id}/rename")).status == 405


async def test_a_closed_connector_is_not_renamed_by_others(world: World) -> None:
    api, has = world.api, world.ours
    await api.done("POST", "/connectors", settings_of("vault"))
    assert (await api.ask("POST", "/connectors/vault/rename", {"name": "mine"}, key="editor")).status == 404
    onto = await api.ask("POST", f"/connectors/{has.connector}/rename", {"name": "vault"}, key="editor")
    assert onto.status == 409
    assert (await api.ask("POST", f"/connectors/{has.connector}/rename", {"name": "Vault"})).status == 422
    assert (await api.ask("POST", "/connectors/vault/rename", {"name": "vault"})).status == 409
