"""Every route, as the table has it: nobody reaches another account, nor what his role or his key leaves out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.api.route import Route
from pipeline.api.routes import table
from schemas.access import ALLOWED, Role, Scope
from tests.api.conftest import World
from tests.support.api import key_of
from tests.support.stock import OPEN, Stock, settings_of

# What each variable part of a path is called in a stock, by the first word of the path.
PARTS: dict[tuple[str, str], Callable[[Stock], object]] = {
    ("users", "id"): lambda has: has.user,
    ("keys", "id"): lambda has: has.key,
    ("dead-letters", "id"): lambda has: has.letter,
    ("refused", "id"): lambda has: has.refused,
    ("conflicts", "id"): lambda has: has.conflict,
    ("user-fields", "name"): lambda has: has.user_field,
    ("fields", "name"): lambda has: has.field,
    ("fields", "record"): lambda has: "lead",
    ("secrets", "name"): lambda has: has.secret,
    ("presets", "name"): lambda has: "generic-json",
    ("connectors", "connector"): lambda has: has.connector_id,
    ("connectors", "revision"): lambda has: 1,
    ("journal", "event"): lambda has: has.event,
    ("leads", "lead"): lambda has: has.lead,
}
QUERIES = {"list_differences": "?old=1"}
BODIES: dict[str, Callable[[Stock], Any]] = {
    "create_user": lambda has: {"email": "new@example.com"},
    "change_user": lambda has: {"name": "Another"},
    "create_user_field": lambda has: {"name": "region", "label": "Region"},
    "change_user_field": lambda has: {"label": "Another"},
    "create_key": lambda has: {"scopes": []},
    "rotate_key": lambda has: {},
    "create_field": lambda has: {"name": "shoe_size", "label": "Shoe size"},
    "replace_field": lambda has: {"name": has.field, "label": "PAN", "unique": True},
    "relabel_field": lambda has: {"label": "Another"},
    "create_connector": lambda has: settings_of("new-one", access=OPEN),
    "validate_connector": lambda has: settings_of("new-one"),
    "plan_connectors": lambda has: {"connectors": [settings_of("new-one", access=OPEN)]},
    "apply_connectors": lambda has: {"connectors": [settings_of("new-one", access=OPEN)]},
    "replace_connector": lambda has: settings_of(has.connector, access=OPEN),
    "patch_connector": lambda has: {"enabled": True},
    "restore_revision": lambda has: {"revision": 1},
    "rename_connector": lambda has: {"name": has.connector},
    "rotate_url": lambda has: {"keep_s": 60},
    "try_connector": lambda has: {"document": {"name": "A", "phone": "+919822012399"}},
    "compare_connector": lambda has: {"draft": settings_of("new-one")},
    "capture_event": lambda has: {},
    "keep_secret": lambda has: {"value": "hush"},
    "retry_events": lambda has: {"events": [has.event]},
    "edit_letter": lambda has: {"document": {"name": "A", "phone": "+919822012399"}},
    "replay_letters": lambda has: {"error": "nothing has this"},
    "discard_letters": lambda has: {"letters": [has.letter]},
    "send_refused": lambda has: {"ids": [has.refused]},
    "merge_leads": lambda has: {"loser": has.lost},
    "release_lead_key": lambda has: {"key": "phone", "value": "+919822012345"},
    "resolve_conflict": lambda has: {"use": has.lead},
}
ROUTES = list(table())
OWN = [route for route in ROUTES if route.parameters and not route.path.startswith(("/presets", "/fields/{record}"))]
OWN += [route for route in ROUTES if route.path == "/fields/{record}/{name}"]
# what keeps a secret, or makes something, under a name that another account has, makes our own and not theirs
MAKES = {"keep_secret"}


def path_of(route: Route, has: Stock) -> str:
    """The route's path in this stock."""
    path, word = route.path, route.path.split("/")[1]
    for name in route.parameters:
        assert (word, name) in PARTS, f"say in PARTS what {name} is in {route.path}"
        path = path.replace(f"{{{name}}}", str(PARTS[word, name](has)))
    return path + QUERIES.get(route.name, "")


def body_of(route: Route, has: Stock) -> Any:
    """A body that the route takes."""
    if route.body is None:
        return None
    assert route.name in BODIES, f"say in BODIES what {route.name} takes"
    return BODIES[route.name](has)


def test_every_route_says_what_it_is() -> None:
    assert len(ROUTES) > 60
    assert len({route.name for route in ROUTES}) == len(ROUTES)
    assert [route.name for route in ROUTES if not route.summary or route.work.__name__.startswith("_")] == []
    assert [route.name for route in ROUTES if route.scope is None] == ["show_me"]


async def test_another_accounts_things_are_404_and_stay_as_they_are(world: World) -> None:
    api = world.api
    lists = [route for route in ROUTES if route.method == "GET" and route.name != "show_me"]

    async def seen() -> list[str]:
        return [
            (await api.ask("GET", path_of(route, world.theirs), key=api.theirs.keys["admin"])).text
            for route in lists
            if not route.path.startswith(("/keys", "/stages"))  # which tell when they were looked at
        ]

    before = await seen()
    for route in sorted(OWN, key=lambda each: each.name in MAKES):
        mixed = (
            Stock(**{**vars(world.theirs), "lost": world.ours.lost}) if route.name == "merge_leads" else world.theirs
        )
        answer = await api.ask(route.method, path_of(route, mixed), body_of(route, world.theirs))
        if route.name not in MAKES:
            assert answer.status == 404, (route.name, answer)
    loser = {"loser": world.theirs.lost}
    assert (await api.ask("POST", f"/leads/{world.ours.lead}/merge", loser)).status == 404
    theirs = {"use": world.theirs.lead}
    assert (await api.ask("POST", f"/conflicts/{world.ours.conflict}/resolve", theirs)).status in (404, 409)
    assert (await api.ask("POST", "/dead-letters/discard", {"letters": [world.theirs.letter]})).status == 404
    assert (await api.ask("POST", "/refused/send", {"ids": [world.ours.refused, world.theirs.refused]})).status == 404
    assert (await api.done("GET", f"/refused/{world.ours.refused}"))["sent_at"] is None
    told = await api.done("POST", "/journal/retry", {"events": [world.theirs.event]})
    assert (told["events"], [each["event_id"] for each in told["refused"]]) == (0, [world.theirs.event])
    assert (await api.ask("GET", f"/journal?connector={world.theirs.connector_id}")).status == 404
    assert await seen() == before


async def test_lists_hold_nothing_of_another_account(world: World) -> None:
    api = world.api
    for route in ROUTES:
        if route.method == "GET" and not route.parameters:
            answer = await api.ask("GET", route.path)
            assert answer.status == 200, (route.name, answer)
            assert api.theirs.name not in answer.text, (route.name, answer)
    assert (await api.done("GET", f"/leads?query={world.theirs.lead}"))["items"] == []
    assert (await api.done("GET", f"/journal?search={world.theirs.event}"))["items"] == []


@pytest.mark.parametrize("role", ["viewer", "operator", "editor", "admin"])
async def test_a_role_may_do_what_it_may_and_nothing_else(world: World, role: str) -> None:
    for route in sorted(ROUTES, key=lambda each: each.method == "DELETE"):
        answer = await world.api.ask(route.method, path_of(route, world.ours), body_of(route, world.ours), key=role)
        allowed = route.scope is None or route.scope in ALLOWED[Role(role)]
        if allowed:
            assert answer.status < 300 or answer.status in (404, 409), (route.name, answer)
            assert answer.status in (route.status, *route.statuses), (route.name, answer)
        else:
            assert answer.status == 403 and answer.error["title"] == "Not allowed", (route.name, answer)


async def test_a_scoped_key_may_do_what_it_names_and_nothing_else(world: World) -> None:
    for scope in Scope:
        key = await key_of(world.api, Role.ADMIN, scope)
        for route in ROUTES:
            if route.scope not in (scope, None):
                answer = await world.api.ask(route.method, path_of(route, world.ours), key=key)
                assert answer.status == 403, (scope, route.name, answer)
    none = await key_of(world.api, Role.ADMIN)
    assert (await world.api.done("GET", "/me", key=none))["scopes"] == []
    viewer = await key_of(world.api, Role.VIEWER, Scope.JOURNAL_READ, Scope.LEADS_READ)
    assert (await world.api.done("GET", "/me", key=viewer))["scopes"] == ["journal:read", "leads:read"]


async def test_without_a_key_there_is_nothing(world: World) -> None:
    for route in ROUTES:
        for key in (None, "lp_000000000000_nothing", "nonsense"):
            answer = await world.api.ask(route.method, path_of(route, world.ours), body_of(route, world.ours), key=key)
            assert answer.status == 401 and answer.headers["WWW-Authenticate"], (route.name, answer)


async def test_a_connector_is_closed_until_it_is_opened(world: World) -> None:
    api, has = world.api, world.ours
    name, settings = has.connector, settings_of(has.connector)
    await api.done("PUT", f"/connectors/{name}", settings)  # no [access]
    of_connector = [route for route in ROUTES if "connector" in route.parameters]
    hidden = ("show_event", "retry_event", "capture_event", "show_letter", "replay_letter", "edit_letter")
    hidden = (*hidden, "show_refused", "send_one_refused", "send_refused", "show_conflict", "resolve_conflict")

    async def statuses() -> set[int]:
        return {
            (await api.ask(route.method, path_of(route, has), body_of(route, has), key="editor")).status
            for route in (*of_connector, *(route for route in ROUTES if route.name in hidden))
        }

    assert await statuses() == {404}
    told = await api.done("POST", "/journal/retry", {"events": [has.event]}, key="editor")
    assert told["events"] == 0 and "no event" in told["refused"][0]["detail"]
    for path in ("/connectors", "/journal", "/dead-letters", "/dead-letters/groups", "/refused", "/conflicts"):
        assert (await api.done("GET", path, key="operator"))["items"] == [], path
        assert (await api.done("GET", path))["items"] != [], path
    assert (await api.ask("GET", f"/journal?connector={name}", key="viewer")).status == 404
    taken = await api.ask("POST", "/connectors", settings_of(name, access=OPEN), key="editor")
    assert taken.status == 409
    [secret] = (await api.done("GET", "/secrets", key="viewer"))["items"]
    assert secret["used_by"] == []

    opened = settings_of(name, access={"user_field": has.user_field})
    await api.done("PUT", f"/connectors/{name}", opened)
    assert (await api.ask("GET", f"/connectors/{name}", key="viewer")).status == 404
    me = await api.done("GET", "/me", key="viewer")
    await api.done("PATCH", f"/users/{me['user']}", {"fields": {has.user_field: True}})
    assert (await api.done("GET", f"/connectors/{name}", key="viewer"))["name"] == name
    assert (await api.done("GET", "/journal", key="viewer"))["items"] != []
    assert (await api.ask("GET", f"/connectors/{name}", key="editor")).status == 404
    await api.done("DELETE", f"/user-fields/{has.user_field}")
    assert (await api.ask("GET", f"/connectors/{name}", key="viewer")).status == 404


async def test_an_editor_makes_only_what_stays_open_to_him(world: World) -> None:
    api = world.api
    for access in ({}, {"access": {"roles": ["viewer"]}}, {"access": {"user_field": world.ours.user_field}}):
        for path, body in (
            ("/connectors", settings_of("mine", **access)),
            ("/connector-settings/apply", {"connectors": [settings_of("mine", **access)]}),
        ):
            refused = await api.ask("POST", path, body, key="editor")
            assert refused.status == 403 and "mine" in refused.error["detail"], refused
    await api.done("POST", "/connectors", settings_of("mine", access={"roles": ["editor"]}), key="editor")
    shut = await api.ask("PUT", "/connectors/mine", settings_of("mine"), key="editor")
    assert shut.status == 403
    await api.done("PUT", "/connectors/mine", settings_of("mine", access={"roles": ["viewer"]}))
    gone = await api.ask("POST", "/connectors/mine/restore", {"revision": 1}, key="editor")
    assert gone.status == 404
    pruned = await api.ask(
        "POST",
        "/connector-settings/apply",
        {"connectors": [settings_of("x", access=OPEN)], "prune": True},
        key="editor",
    )
    assert pruned.status == 403
