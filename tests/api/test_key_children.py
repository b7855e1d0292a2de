"""A key that was made with another key: it may no more, ends no later, and is revoked with it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.access import Role, Scope
from tests.api.test_keys import backdate
from tests.support.api import Served, another_user, key_of

SOON = timedelta(hours=1)


def at(shown: dict[str, Any]) -> datetime | None:
    return None if shown["expires_at"] is None else datetime.fromisoformat(shown["expires_at"])


async def made(api: Served, key: str = "admin", **body: Any) -> dict[str, Any]:
    return dict(await api.done("POST", "/keys", body, key=key))


async def works(api: Served, key: dict[str, Any]) -> bool:
    status = (await api.ask("GET", "/me", key=key["key"])).status
    assert status in (200, 401)
    return status == 200


@pytest.mark.parametrize("whose", ["admin", "editor", "another admin", "another viewer"])
async def test_a_child_ends_no_later_than_its_parent(api: Served, whose: str) -> None:
    own = whose if " " not in whose else await another_user(api, whose.split()[1])
    end = datetime.now(UTC) + SOON
    parent = await made(api, own, expires_at=end.isoformat())
    child = await made(api, parent["key"])
    assert at(child) == at(parent) == end and child["parent"] == parent["id"]
    assert at(await made(api, parent["key"], expires_at=(end - SOON / 2).isoformat())) == end - SOON / 2
    for late in (end + timedelta(seconds=1), end + timedelta(days=365)):
        refused = await api.ask("POST", "/keys", {"expires_at": late.isoformat()}, key=parent["key"])
        assert refused.status == 422 and refused.error["field"] == "expires_at", refused
        assert end.isoformat()[:16] in refused.error["rule"]
    grandchild = await made(api, child["key"], expires_at=(end - SOON / 3).isoformat())
    assert at(await made(api, grandchild["key"])) == end - SOON / 3


async def test_a_rotation_is_no_way_around_the_end(api: Served) -> None:
    end = datetime.now(UTC) + SOON
    endless = await made(api)
    parent = await made(api, expires_at=end.isoformat())
    of_itself = await api.done("POST", f"/keys/{parent['id']}/rotate", {"overlap_s": 3_600}, key=parent["key"])
    assert at(of_itself) == end
    following = await api.done("POST", f"/keys/{endless['id']}/rotate", {"overlap_s": 3_600}, key=of_itself["key"])
    assert at(following) == end and following["parent"] == of_itself["id"]
    users = await made(api, user="viewer@default.example.com")
    following = await api.done("POST", f"/keys/{users['id']}/rotate", {}, key=of_itself["key"])
    assert at(following) == end


async def test_a_key_is_revoked_with_all_that_came_of_it(api: Served) -> None:
    parent = await made(api)
    child = await made(api, parent["key"], name="child")
    of_a_user = await made(api, parent["key"], user="viewer@default.example.com")
    grandchild = await made(api, of_a_user["key"])
    following = await api.done("POST", f"/keys/{child['id']}/rotate", {"overlap_s": 0}, key=child["key"])
    of_following = await made(api, following["key"])
    by_admin = await api.done("POST", f"/keys/{grandchild['id']}/rotate", {"overlap_s": 60})
    other = await made(api)
    below = (of_a_user, grandchild, following, of_following, by_admin)
    assert all([await works(api, key) for key in (parent, *below, other)])
    await api.done("DELETE", f"/keys/{parent['id']}")
    assert not any([await works(api, key) for key in (parent, child, *below)])
    assert await works(api, other) and (await api.ask("GET", "/me")).status == 200
    assert all([(await api.done("GET", f"/keys/{key['id']}"))["revoked_at"] for key in below])
    rows = (await api.done("GET", "/account/changes"))["items"]
    revoked = {row["subject"]: row["details"] for row in rows if row["what"] == "key revoked"}
    assert {key["prefix"] for key in (parent, *below)} <= revoked.keys()
    assert revoked[of_following["prefix"]]["with"] == parent["prefix"] and "with" not in revoked[parent["prefix"]]


async def test_a_key_goes_on_when_the_one_before_it_ends_and_what_was_made_with_that_one_does_not(api: Served) -> None:
    old = await made(api)
    child = await made(api, old["key"])
    new = await api.done("POST", f"/keys/{old['id']}/rotate", {"overlap_s": 3_600}, key=old["key"])
    shown = await api.done("GET", f"/keys/{child['id']}")
    assert at(shown) == at(await api.done("GET", f"/keys/{old['id']}")) and at(shown) is not None
    assert new["parent"] == old["parent"] and at(new) is None
    later = await made(api, old["key"])  # while it still works
    assert at(later) == at(shown)
    await api.done("DELETE", f"/keys/{old['id']}")
    assert await works(api, new) and not await works(api, child) and not await works(api, later)


async def test_a_child_does_not_take_the_place_of_its_parent(api: Served) -> None:
    parent = await made(api)
    child = await made(api, (await made(api, parent["key"]))["key"])
    refused = await api.ask("POST", f"/keys/{parent['id']}/rotate", {}, key=child["key"])
    assert refused.status == 403 and str(parent["id"]) in refused.error["detail"]
    assert await works(api, parent)


async def test_a_child_gains_nothing_when_its_user_gains_a_role(api: Served) -> None:
    scopes = sorted(Scope(each) for each in (await api.done("GET", "/me", key="viewer"))["scopes"])
    narrow = await key_of(api, Role.VIEWER, *scopes)  # all that the role allows, by name
    child = await made(api, narrow)
    endless = await made(api, "viewer")
    following = await api.done("POST", f"/keys/{endless['id']}/rotate", {}, key=narrow)
    me = await api.done("GET", "/me", key="viewer")
    await api.done("PATCH", f"/users/{me['user']}", {"role": "admin"})
    for key in (narrow, child["key"], following["key"]):
        assert sorted((await api.done("GET", "/me", key=key))["scopes"]) == scopes
    assert "users:write" in (await api.done("GET", "/me", key="viewer"))["scopes"]


async def test_nothing_is_made_with_a_key_that_ends_meanwhile(api: Served) -> None:
    for _ in range(5):
        parent = await made(api)
        answers = await asyncio.gather(
            *(api.ask("POST", "/keys", {}, key=parent["key"]) for _ in range(6)),
            api.ask("DELETE", f"/keys/{parent['id']}"),
        )
        children = [answer.json for answer in answers[:-1] if answer.status == 201]
        assert {answer.status for answer in answers[:-1]} <= {201, 401, 403}
        assert not any([await works(api, child) for child in children])


async def test_an_ended_key_makes_nothing(api: Served) -> None:
    parent = await made(api, expires_at=(datetime.now(UTC) + SOON).isoformat())
    child = await made(api, parent["key"])
    for key in (parent, child):
        await backdate(api, key["id"], expires_at=timedelta(seconds=1))
        assert (await api.ask("POST", "/keys", {}, key=key["key"])).status == 401
