"""User fields, over HTTP: whom they can name, when that changes, and what else would break."""

from __future__ import annotations

from typing import Any

from schemas.normal.choices import NO_USER
from tests.support.api import Served

OWNER = {"name": "owner", "label": "Owner", "type": "user"}
SAM = "admin@default.example.com"
SITE: dict[str, Any] = {
    "name": "site",
    "preset": "generic-json",
    "default_country": "IN",
    "map": [{"from": "owner", "to": "lead.owner"}],
}


async def tried(api: Served, owner: object) -> Any:
    document = {"phone": "+91 98220 12345", "owner": owner}
    (trial,) = (await api.done("POST", "/connectors/site/try", {"document": document}))["items"]
    return trial


async def owner_of(api: Served, owner: object) -> object:
    changes = (await tried(api, owner))["changes"]
    return next(each["new"] for each in changes if each["field"] == "owner")


async def test_a_user_field_takes_the_users_of_the_account_alone(api: Served) -> None:
    await api.done("POST", "/fields/lead", OWNER)
    await api.done("POST", "/connectors", SITE)
    sam = next(each for each in (await api.done("GET", "/users"))["items"] if each["email"] == SAM)
    assert [await owner_of(api, each) for each in (SAM, SAM.upper(), str(sam["id"]), sam["id"])] == [SAM] * 4
    for stranger in ("nobody@example.com", "admin@zebra.example.com", "Sam", 10**6):
        trial = await tried(api, stranger)
        assert (trial["outcome"], trial["failure"]["field"]) == ("failed", "lead.owner")
        assert (trial["failure"]["rule"], trial["failure"]["value"]) == (NO_USER, str(stranger))


async def test_workers_take_a_new_user_without_a_restart(api: Served) -> None:
    await api.done("POST", "/fields/lead", OWNER)
    site = await api.done("POST", "/connectors", SITE)
    catalog = api.core.catalog
    await catalog.refresh()
    assert (await catalog.get(site["id"])).people.address("kim@example.com") is None
    kim = await api.done("POST", "/users", {"email": "kim@example.com"})
    await catalog.refresh()
    assert (await catalog.get(site["id"])).people.address(kim["id"]) == "kim@example.com"
    await api.done("PATCH", f"/users/{kim['id']}", {"email": "kim@other.example"})
    await catalog.refresh()
    assert (await catalog.get(site["id"])).people.address(kim["id"]) == "kim@other.example"
    version = catalog.known.version
    await api.done("PATCH", f"/users/{kim['id']}", {"name": "Kim"})
    await catalog.refresh()
    assert catalog.known.version == version


async def test_users_of_an_account_without_user_fields_have_nothing_loaded_anew(api: Served) -> None:
    await api.core.catalog.refresh()
    version = api.core.catalog.known.version
    await api.done("POST", "/users", {"email": "kim@example.com"})
    await api.core.catalog.refresh()
    assert api.core.catalog.known.version == version


async def test_a_mapping_puts_nobody_else_into_a_user_field(api: Served) -> None:
    rows = [
        {"from": "a", "to": "lead.owner", "default": "nobody@example.com"},
        {"from": "b", "to": "lead.owner", "transforms": [{"look_up": {"x": SAM, "y": "admin@zebra.example.com"}}]},
    ]
    draft = {**SITE, "fields": [OWNER], "map": rows}
    refused = await api.ask("POST", "/connectors", draft)
    assert refused.status == 422
    assert [(each["field"], each["rule"]) for each in refused.error["problems"]] == [
        ("map row 1 (to lead.owner)", f"its default is 'nobody@example.com', and {NO_USER}"),
        ("map row 2 (to lead.owner)", f"its look-up of 'y' is 'admin@zebra.example.com', and {NO_USER}"),
    ]


async def test_a_field_becomes_a_user_field_only_where_every_value_is_one(api: Served) -> None:
    database, account = api.database, api.ours.id
    insert = (
        "INSERT INTO lead (id, account_id, fields, stamps, created_at, updated_at)"
        " VALUES (gen_random_uuid(), $1, $2, '{}', now(), now())"
    )
    await api.done("POST", "/fields/lead", {**OWNER, "type": "text"})
    await database.execute(insert, account, {"owner": SAM.title()})
    await database.execute(insert, account, {"owner": "gone@example.com"})
    refused = await api.ask("PUT", "/fields/lead/owner", OWNER)
    assert refused.status == 409
    assert {"field": "owner", "rule": NO_USER, "value": "gone@example.com"} in refused.error["problems"]
    await api.done("POST", "/users", {"email": "gone@example.com", "active": False})
    await api.done("PUT", "/fields/lead/owner", OWNER)
    stored = await database.fetch("SELECT fields ->> 'owner' AS owner FROM lead ORDER BY 1")
    assert [row["owner"] for row in stored] == [SAM, "gone@example.com"]
