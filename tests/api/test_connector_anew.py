"""A connector under the name of a removed one: another connector, to which nothing of the removed one belongs."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.api.routes import table
from tests.api.conftest import World
from tests.api.test_scoping import body_of, path_of
from tests.support.api import another_user
from tests.support.stock import OPEN, saved, settings_of, through

LISTS = ("/journal", "/dead-letters", "/dead-letters/groups", "/refused", "/conflicts")
SINGLE = [route for route in table() if route.parameters and f"/{route.path.split('/')[1]}" in LISTS]


async def everything(world: World, key: str) -> str:
    """All that lists show with this key."""
    return "".join([(await world.api.ask("GET", path, key=key)).text for path in LISTS])


async def test_what_a_closed_connector_did_stays_closed_when_an_editor_takes_its_name(world: World) -> None:
    api, has = world.api, world.ours
    other = {role: await another_user(api, role) for role in ("editor", "operator", "viewer")}
    path = f"/connectors/{has.connector}"
    await api.done("PUT", path, settings_of(has.connector, default_country="IN"))  # closed to all but administrators
    await api.done("DELETE", path)
    made = await api.done("POST", "/connectors", settings_of(has.connector, access=OPEN), key="editor")
    assert made["id"] != has.connector_id and made["revision"] == 1

    for key in ("editor", "operator", "viewer", *other.values()):
        told = await everything(world, key)
        assert has.event not in told and f'"connector_id":{has.connector_id}' not in told, key
        for list_ in LISTS:
            query = f"{list_}?connector="
            assert (await api.ask("GET", f"{query}{has.connector_id}", key=key)).status == 404
            assert (await api.done("GET", f"{query}{has.connector}", key=key))["items"] == []
    for route in SINGLE:
        for key in ("editor", other["editor"]):
            answer = await api.ask(route.method, path_of(route, has), body_of(route, has), key=key)
            assert answer.status == 404, (route.name, answer)
    assert (await api.done("GET", f"{path}/notes", key="editor"))["events"] == 0

    [revision] = (await api.done("GET", f"{path}/revisions", key="editor"))["items"]
    assert revision["revision"] == 1
    for body in ({"revision": 2}, {"revision": 3}):
        assert (await api.ask("POST", f"{path}/restore", body, key="editor")).status == 404
    for part in ("", "/revisions", "/export", "/url", "/notes"):
        answer = await api.ask("GET", f"/connectors/{has.connector_id}{part}", key="editor")
        assert answer.status == 404 and "removed" not in answer.text, part
    compared = await api.done("POST", f"{path}/compare", {"draft": settings_of(has.connector)}, key="editor")
    assert compared["compared"] == 0


async def test_an_administrator_finds_both_by_their_ids(world: World) -> None:
    api, has = world.api, world.ours
    await api.done("DELETE", f"/connectors/{has.connector}")
    by_name = await api.ask("GET", f"/journal?connector={has.connector}")
    assert by_name.status == 404 and str(has.connector_id) in by_name.error["detail"]
    again = await saved(api, api.ours, has.connector, access=OPEN)
    [event] = await through(api, again, [{"event_id": "1", "name": "new", "phone": "+919822012399"}])
    [row] = (await api.done("GET", f"/journal?connector={has.connector}"))["items"]
    assert (row["event_id"], row["connector_id"]) == (event, again.id)
    old = (await api.done("GET", f"/journal?connector={has.connector_id}"))["items"]
    assert {each["connector_id"] for each in old} == {has.connector_id} and len(old) == 4
    letter = await api.ask("POST", f"/journal/{has.event}/capture", {})
    assert letter.status == 409 and "removed" in letter.error["detail"]


@pytest.mark.parametrize("access", [OPEN, {"user_field": "default_flag"}, {"roles": ["viewer"]}, None])
async def test_a_removed_connectors_journal_is_open_to_those_who_saw_it_last(world: World, access: Any) -> None:
    api, has = world.api, world.ours
    flagged = await another_user(api, "operator", fields={has.user_field: True})
    plain = await another_user(api, "operator")
    settings = settings_of(has.connector, **({} if access is None else {"access": access}))
    await api.done("PUT", f"/connectors/{has.connector}", settings)
    before = {
        key: (await api.ask("GET", f"/journal/{has.event}", key=key)).status
        for key in ("admin", "editor", "operator", "viewer", flagged, plain)
    }
    await api.done("DELETE", f"/connectors/{has.connector}")
    for key, status in before.items():
        assert (await api.ask("GET", f"/journal/{has.event}", key=key)).status == status
        assert (await api.ask("GET", f"/dead-letters/{has.letter}", key=key)).status == status
        assert (await api.ask("GET", f"/refused/{has.refused}", key=key)).status == status
        assert ((await api.done("GET", "/conflicts", key=key))["items"] != []) == (status == 200)
        assert (await api.ask("GET", f"/connectors/{has.connector_id}", key=key)).status == 404
        assert has.connector not in (await api.ask("GET", "/connectors", key=key)).text


async def test_a_removed_connector_that_was_open_opens_no_closed_one_of_its_name(world: World) -> None:
    api, has = world.api, world.ours
    path = f"/connectors/{has.connector}"
    await api.done("DELETE", path)  # it was open to everybody
    auth = {"scheme": "header", "header": "X-Key", "secrets": [f"stored:{has.secret}"]}
    await api.done("POST", "/connectors", settings_of(has.connector, auth=auth))  # closed
    assert (await api.ask("GET", path, key="editor")).status == 404
    opened = settings_of(has.connector, access=OPEN)
    assert (await api.ask("PUT", path, opened, key="editor")).status == 404
    assert (await api.ask("POST", "/connectors", opened, key="editor")).status == 409
    for way in ("plan", "apply"):
        body = {"connectors": [opened]}
        assert (await api.ask("POST", f"/connector-settings/{way}", body, key="editor")).status == 409, way
    [secret] = (await api.done("GET", "/secrets", key="editor"))["items"]
    assert secret["used_by"] == []
    sent = await api.ask("POST", f"/refused/{has.refused}/send", key="editor")
    assert sent.status == 409  # its own connector is gone, whoever has its name
