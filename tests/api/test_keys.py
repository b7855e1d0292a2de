"""Keys and users through their life: made, used, rotated with an overlap, revoked; and nobody gets more than he has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.api.rate import Rate
from schemas.access import Role, Scope
from tests.support.api import Served, key_of


async def backdate(api: Served, key: int, **columns: timedelta) -> None:
    """Let a key have been there for longer."""
    for column, ago in columns.items():
        assert column in ("expires_at", "last_used_at")
        await api.database.execute(f"UPDATE api_key SET {column} = now() - $2::interval WHERE id = $1", key, ago)


async def test_a_key_from_its_making_to_its_end(api: Served) -> None:
    made = await api.done("POST", "/keys", {"name": "till", "scopes": ["users:read"]})
    secret = made["key"].removeprefix(f"{made['prefix']}_")
    assert made["key"].startswith("lp_") and len(secret) == 43  # 256 bits
    kept = await api.database.fetchrow("SELECT k::text AS row FROM api_key AS k WHERE id = $1", made["id"])
    assert kept is not None and secret not in kept["row"]

    me = await api.done("GET", "/me", key=made["key"])
    assert (me["role"], me["scopes"], me["key"]) == ("admin", ["users:read"], made["id"])
    shown = await api.done("GET", f"/keys/{made['id']}")
    assert "key" not in shown and shown["prefix"] == made["prefix"] and shown["last_used_at"] is not None
    assert all("key" not in each for each in (await api.done("GET", "/keys"))["items"])

    await backdate(api, made["id"], last_used_at=timedelta(minutes=4))
    before = (await api.done("GET", f"/keys/{made['id']}"))["last_used_at"]
    await api.done("GET", "/me", key=made["key"])
    assert (await api.done("GET", f"/keys/{made['id']}"))["last_used_at"] == before  # written rarely
    await backdate(api, made["id"], last_used_at=timedelta(minutes=6))
    await api.done("GET", "/me", key=made["key"])
    assert (await api.done("GET", f"/keys/{made['id']}"))["last_used_at"] > before

    await api.done("DELETE", f"/keys/{made['id']}")
    assert (await api.ask("GET", "/me", key=made["key"])).status == 401
    assert (await api.done("GET", f"/keys/{made['id']}"))["revoked_at"] is not None
    assert (await api.ask("POST", f"/keys/{made['id']}/rotate", {})).status == 409


async def test_rotation_overlaps_as_long_as_it_says(api: Served) -> None:
    old = await api.done("POST", "/keys", {"name": "sync", "scopes": ["users:read"]})
    new = await api.done("POST", f"/keys/{old['id']}/rotate", {"overlap_s": 3600})
    assert (new["replaces"], new["name"], new["scopes"]) == (old["id"], "sync", ["users:read"])
    for key in (old["key"], new["key"]):
        assert (await api.done("GET", "/me", key=key))["scopes"] == ["users:read"]
    ends = datetime.fromisoformat((await api.done("GET", f"/keys/{old['id']}"))["expires_at"])
    assert timedelta(minutes=59) < ends - datetime.now(UTC) <= timedelta(hours=1)
    await backdate(api, old["id"], expires_at=timedelta(seconds=1))
    assert (await api.ask("GET", "/me", key=old["key"])).status == 401
    assert (await api.ask("POST", f"/keys/{old['id']}/rotate", {})).status == 409

    at_once = await api.done("POST", f"/keys/{new['id']}/rotate", {"overlap_s": 0})
    assert (await api.ask("GET", "/me", key=new["key"])).status == 401
    assert (await api.ask("GET", "/me", key=at_once["key"])).status == 200


async def test_an_earlier_expiry_is_never_put_off_by_a_rotation(api: Served) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    old = await api.done("POST", "/keys", {"expires_at": soon})
    new = await api.done("POST", f"/keys/{old['id']}/rotate", {"overlap_s": 86_400})
    shown = await api.done("GET", f"/keys/{old['id']}")
    assert shown["expires_at"] == new["expires_at"] == old["expires_at"]


PRESENTED = [
    "",
    "x",
    "lp__",
    "lp_ffffffffffff_x",
    "lp_{prefix}_",
    "lp_{prefix}_{secret}x",
    "LP_{prefix}_{secret}",
    "lp_é_x",
    "lp_" * 90,
]


async def test_only_the_whole_key_counts(api: Served) -> None:
    key = api.ours.keys["admin"]
    _, prefix, secret = key.split("_", 2)
    for presented in PRESENTED:
        given = presented.format(prefix=prefix, secret=secret).encode().decode("latin-1")
        assert (await api.ask("GET", "/me", key=None, Authorization=f"Bearer {given}")).status == 401, presented
    assert (await api.ask("GET", "/me", key=None, Authorization=f"Basic {key}")).status == 401
    assert (await api.ask("GET", "/me", key=None, Authorization=f"bearer {key}")).status == 200


async def test_nobody_makes_a_key_that_may_more_than_he(api: Served) -> None:
    narrow = await key_of(api, Role.ADMIN, Scope.KEYS_WRITE, Scope.KEYS_READ, Scope.USERS_WRITE)
    admin = (await api.done("GET", "/me"))["key"]
    for method, path, body in (
        ("POST", "/keys", {}),
        ("POST", "/keys", {"scopes": ["users:read"]}),
        ("POST", "/keys", {"user": "admin@default.example.com"}),
        ("POST", f"/keys/{admin}/rotate", {}),
    ):
        assert (await api.ask(method, path, body, key=narrow)).status == 403, (path, body)
    assert (await api.ask("POST", "/keys", {"scopes": ["keys:read"]}, key=narrow)).status == 201
    beyond = await api.ask("POST", "/keys", {"scopes": ["users:write"]}, key="viewer")
    assert beyond.status == 422 and beyond.error["field"] == "scopes"


async def test_everybody_handles_his_own_keys_and_an_admin_all(api: Served) -> None:
    mine = await api.done("POST", "/keys", {"name": "mine"}, key="viewer")
    assert {each["name"] for each in (await api.done("GET", "/keys", key="viewer"))["items"]} == {"viewer", "mine"}
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/rotate")):
        body = {} if path else None
        assert (await api.ask(method, f"/keys/{mine['id']}{path}", body, key="operator")).status == 404
    other = await api.ask("POST", "/keys", {"user": "viewer@default.example.com", "scopes": []}, key="editor")
    assert other.status == 403
    assert (await api.ask("POST", "/keys", {"user": "nobody@example.com"})).status == 404
    assert (await api.ask("POST", "/keys", {"user": "viewer@zebra.example.com"})).status == 404
    made = await api.done("POST", "/keys", {"user": "Viewer@Default.example.com"})
    assert (await api.done("GET", "/me", key=made["key"]))["role"] == "viewer"
    pages = [await api.done("GET", "/keys?limit=2")]
    while pages[-1]["next"]:
        pages.append(await api.done("GET", f"/keys?limit=2&after={pages[-1]['next']}"))
    ids = [each["id"] for page in pages for each in page["items"]]
    assert ids == sorted(set(ids)) == [each["id"] for each in (await api.done("GET", "/keys"))["items"]]
    await api.done("DELETE", f"/keys/{mine['id']}")
    assert (await api.ask("GET", "/me", key=mine["key"])).status == 401


async def test_what_a_user_becomes_counts_at_once(api: Served) -> None:
    me = await api.done("GET", "/me", key="viewer")
    await api.done("PATCH", f"/users/{me['user']}", {"role": "operator"})
    assert "dead:write" in (await api.done("GET", "/me", key="viewer"))["scopes"]
    await api.done("PATCH", f"/users/{me['user']}", {"active": False})
    assert (await api.ask("GET", "/me", key="viewer")).status == 401
    admin = await api.done("GET", "/me")
    for change in ({"active": False}, {"role": "editor"}):
        last = await api.ask("PATCH", f"/users/{admin['user']}", change)
        assert last.status == 409 and "administrator" in last.error["detail"]
    assert (await api.ask("PATCH", f"/users/{admin['user']}", {"email": "viewer@default.example.com"})).status == 409


USER_VALUES: list[tuple[str, Any, bool]] = [
    ("text", "x" * 1000, True),
    ("text", "x" * 1001, False),
    ("text", 7, False),
    ("number", 7.5, True),
    ("number", True, False),
    ("number", "7", False),
    ("number", 2**60, False),
    ("boolean", True, True),
    ("boolean", "yes", False),
    ("boolean", 1, False),
    ("date", "2026-02-28", True),
    ("date", "2026-02-30", False),
    ("datetime", "2026-02-28T10:00:00+05:30", True),
    ("datetime", "2026-02-28T10:00:00", False),
    ("phone", "+91 98220 12345", True),
    ("phone", "call me", False),
    ("email", "Sam@Example.com", True),
    ("email", "sam@", False),
]


async def test_user_fields_hold_what_they_say(api: Served) -> None:
    me = await api.done("GET", "/me", key="viewer")
    path = f"/users/{me['user']}"
    for kind in dict.fromkeys(kind for kind, _, _ in USER_VALUES):
        await api.done("POST", "/user-fields", {"name": kind, "label": kind, "type": kind})
    for kind, value, fits in USER_VALUES:
        answer = await api.ask("PATCH", path, {"fields": {kind: value}})
        assert (answer.status == 200) == fits, (kind, value, answer)
        assert fits or answer.error["field"] == f"fields.{kind}"
    unknown = await api.ask("PATCH", path, {"fields": {"nope": 1, "nor": 2}})
    assert [each["field"] for each in unknown.error["problems"]] == ["fields.nope", "fields.nor"]
    assert "text" not in (await api.done("PATCH", path, {"fields": {"text": None}}))["fields"]
    assert (await api.ask("POST", "/user-fields", {"name": "text", "label": "Again"})).status == 409
    assert (await api.done("PATCH", "/user-fields/text", {"label": "Other"}))["label"] == "Other"
    await api.done("DELETE", "/user-fields/number")
    assert "number" not in (await api.done("GET", path))["fields"]


def test_a_key_that_calls_too_often_is_told_how_long_to_wait() -> None:
    now = 0.0
    rate = Rate(2, clock=lambda: now)
    assert [rate.spend("a") for _ in range(21)] == [0] * 20 + [1]
    assert rate.spend("b") == 0
    now = 0.5
    assert [rate.spend("a"), rate.spend("a")] == [0, 1]
    now = 1000.0
    assert [rate.spend("a") for _ in range(21)] == [0] * 20 + [1]
    slow = Rate(0.1, clock=lambda: now)
    assert [slow.spend("a"), slow.spend("a")] == [0, 10]
