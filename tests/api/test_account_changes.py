"""Who made, changed and ended users, user fields and keys: over HTTP, and in an account's first moment."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from pipeline.operations import access, keys
from pipeline.operations.access import Actor
from pipeline.operations.errors import Invalid
from pipeline.store import accounts, users
from tests.support.api import Served

ADMIN = "admin@default.example.com"


async def told(api: Served, key: str = "admin") -> list[dict[str, Any]]:
    return list((await api.done("GET", "/account/changes", key=key))["items"])


async def test_each_change_says_who_made_it_with_which_key_and_what_differs(api: Served) -> None:
    before = len(await told(api))
    me = await api.done("GET", "/me")
    await api.done("POST", "/user-fields", {"name": "region", "label": "Region"})
    kim = await api.done("POST", "/users", {"email": "kim@example.com", "role": "editor"})
    path = f"/users/{kim['id']}"
    await api.done("PATCH", path, {"role": "viewer", "name": kim["name"], "fields": {"region": "North"}})
    await api.done("PATCH", path, {"role": "viewer"})  # it is that already: nothing is changed
    key = await api.done("POST", "/keys", {"user": "kim@example.com", "scopes": ["journal:read"], "name": "export"})
    following = await api.done("POST", f"/keys/{key['id']}/rotate", {"overlap_s": 60})
    await api.done("DELETE", f"/keys/{key['id']}")
    await api.done("DELETE", f"/keys/{key['id']}")  # it is revoked already
    await api.done("PATCH", "/user-fields/region", {"label": "Sales region"})
    await api.done("DELETE", "/user-fields/region")
    refused = await api.ask("POST", "/users", {"email": "kim@example.com"})
    assert refused.status == 409
    found = (await told(api))[: -before or None]
    assert {(each["by"], each["key_id"]) for each in found} == {(ADMIN, me["key"])}
    made = {"name": "export", "scopes": ["journal:read"], "expires_at": None}
    assert [(each["what"], each["subject"], each["user_id"], each["details"]) for each in reversed(found)] == [
        ("user field created", "region", None, {"label": "Region", "type": "text"}),
        (
            "user created",
            "kim@example.com",
            kim["id"],
            {"email": "kim@example.com", "name": "kim@example.com", "role": "editor", "active": True, "fields": {}},
        ),
        (
            "user changed",
            "kim@example.com",
            kim["id"],
            {"role": {"old": "editor", "new": "viewer"}, "fields": {"old": {}, "new": {"region": "North"}}},
        ),
        ("key created", key["prefix"], kim["id"], made),
        ("key rotated", following["prefix"], kim["id"], {**made, "replaces": key["id"]}),
        ("key revoked", key["prefix"], kim["id"], {"name": "export"}),
        ("user field changed", "region", None, {"label": {"new": "Sales region"}}),
        ("user field removed", "region", None, {}),
    ]
    assert key["key"].removeprefix(key["prefix"]) not in str(found)


async def test_pages_go_back_in_time_and_others_see_what_is_about_them(api: Served) -> None:
    first = await api.done("GET", "/account/changes?limit=3")
    second = await api.done("GET", f"/account/changes?limit=3&after={first['next']}")
    ids = [each["id"] for each in (*first["items"], *second["items"])]
    assert ids == sorted(ids, reverse=True) and len(set(ids)) == 6
    me = await api.done("GET", "/me", key="viewer")
    mine = await told(api, key="viewer")
    assert {each["what"] for each in mine} == {"user created", "key created"}
    assert {each["user_id"] for each in mine} == {me["user"]}


async def test_the_first_administrator_and_his_key_come_together_or_not_at_all(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = api.database
    new = Actor.local(await accounts.create(database, "new"), "new")
    past = datetime.now(UTC) - timedelta(seconds=1)
    with pytest.raises(Invalid):
        await keys.create_first(database, new, "", "boss@new.example", expires_at=past)
    assert await users.page(database, new.account) == []
    minted = access.mint()
    monkeypatch.setattr(keys, "mint", lambda: minted)
    made = await keys.create_first(database, new, "", "boss@new.example")
    assert made and made.row["user_email"] == "boss@new.example"
    other = Actor.local(await accounts.create(database, "other"), "other")
    with pytest.raises(asyncpg.UniqueViolationError):  # a key that cannot be stored
        await keys.create_first(database, other, "", "boss@other.example")
    monkeypatch.undo()
    assert await users.page(database, other.account) == []
    both = (keys.create_first(database, other, "", f"{name}@other.example") for name in ("one", "two"))
    assert sorted(made is None for made in await asyncio.gather(*both)) == [False, True]


async def test_of_two_who_make_one_field_one_is_refused_and_changes_nothing(api: Served) -> None:
    answers = await asyncio.gather(
        *(api.ask("POST", "/fields/lead", {"name": "plan", "label": label}) for label in ("One", "Two", "Three"))
    )
    assert sorted(answer.status for answer in answers) == [201, 409, 409]
    [made] = [answer.json["label"] for answer in answers if answer.status == 201]
    assert (await api.done("GET", "/fields/lead/plan"))["label"] == made


async def test_a_field_goes_back_as_it_was_shown(api: Served) -> None:
    pan = {"name": "pan", "label": "PAN", "unique": True, "junk": ["AAAAA0000A"]}
    shown = await api.done("POST", "/fields/lead", pan)
    assert shown["junk"] == ["AAAAA0000A"]
    again = {name: value for name, value in shown.items() if name not in ("record", "origin")}
    assert await api.done("PUT", "/fields/lead/pan", again) == shown


async def test_a_field_that_can_never_be_is_no_conflict(api: Served) -> None:
    wrong = {
        "name": "branch",
        "label": "Branch",
        "type": "dependent_dropdown",
        "parent": "regoin",
        "options_by_parent": {"North": ["Delhi"]},
    }
    refused = await api.ask("POST", "/fields/lead", wrong)
    assert (refused.status, refused.error["detail"]) == (422, "the field is not saved")
    assert "its parent 'regoin' must be a dropdown" in refused.error["rule"]
