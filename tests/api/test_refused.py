"""Refused requests over HTTP: looked at, and sent in once the cause is mended, as what they were when they came."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from pipeline.ingress.door import cut
from pipeline.ingress.limits import Limits
from pipeline.operations import connectors, refused
from pipeline.store.ids import new_id
from pipeline.store.receipts import balance
from pipeline.store.request_keys import Claim, claim
from pipeline.transport.memory import MemoryTransport
from schemas.connector import Connector
from tests.api.conftest import World
from tests.support.events import NOON
from tests.support.stock import OPEN, arrived, saved, settings_of, through
from tests.support.turned_away import turned_away

FORM = "application/x-www-form-urlencoded"
ASHA = {"name": "Asha Rao", "phone": "+919822012355", "city": "Pune"}


async def live(world: World) -> Connector:
    return await connectors.find(world.api.database, world.api.ours.id, world.ours.connector)


async def kept(world: World, body: Any, **changes: Any) -> int:
    return await turned_away(world.api.database, await live(world), body, **changes)


async def send(world: World, id: int) -> list[str]:
    return cast(list[str], (await world.api.done("POST", f"/refused/{id}/send"))["events"])


async def test_they_are_listed_the_newest_first_and_by_what_they_are(world: World) -> None:
    api, has = world.api, world.ours
    broken = await kept(world, b'{"a": 1', at=NOON)
    stranger = await kept(world, b"{}", status=401, title="Not authenticated", proven=False, at=NOON)
    await send(world, has.refused)
    for query, ids in (
        ("", [stranger, broken, has.refused]),
        ("limit=1", [stranger]),
        (f"after={broken}", [has.refused]),
        (f"connector={has.connector}", [stranger, broken, has.refused]),
        ("status=401", [stranger]),
        ("sent=yes", [has.refused]),
        ("sent=no", [stranger, broken]),
        ("until=2000-01-01T00:00:00Z", []),
        (f"since={NOON.isoformat().replace('+', '%2B')}&sent=no", [stranger, broken]),
    ):
        assert [row["id"] for row in (await api.done("GET", f"/refused?{query}"))["items"]] == ids, query
    first = await api.done("GET", "/refused?limit=1")
    rest = (await api.done("GET", f"/refused?after={first['next']}"))["items"]
    assert [row["id"] for row in rest] == [broken, has.refused]
    [first, *_] = (await api.done("GET", "/refused"))["items"]
    assert "body" not in first and (first["connector"], first["proven"]) == (has.connector, False)
    assert (await api.ask("GET", "/refused?connector=nobody")).status == 404
    assert (await api.ask("GET", "/refused?status=200")).status == 422


@pytest.mark.parametrize(
    ("body", "changes", "shown", "encoding"),
    [
        (b'{"a": 1', {}, '{"a": 1', "text"),
        (b"name=Jos\xe9", {"content_type": FORM}, "name=José", "text"),
        (b"\x00\x01", {}, "AAE=", "base64"),
        (None, {"size": 7}, None, None),
    ],
)
async def test_one_is_shown_with_its_body(
    world: World, body: Any, changes: Any, shown: str | None, encoding: str | None
) -> None:
    id = await kept(world, body, key_header="svix-id", key="k-1", signed_key="k-2", **changes)
    row = await world.api.done("GET", f"/refused/{id}")
    assert (row["body"], row["encoding"]) == (shown, encoding)
    assert (row["title"], row["detail"], row["where"]) == ("Malformed JSON", "unexpected end", {"line": 2})
    assert row["idempotency_key"] == "k-1" and "signed_key" not in row and "uid" not in row


@pytest.mark.parametrize("own_id", [{}, {"event_id": "thing-1"}])
async def test_what_is_sent_in_becomes_what_it_would_have_been_and_only_once(world: World, own_id: Any) -> None:
    api = world.api
    id = await kept(world, [{**ASHA, **own_id}, {"name": "Ben", "phone": "+919822012356"}])
    events = await send(world, id)
    assert len(set(events)) == 2 and await arrived(api) > 0
    first, second = [await api.done("GET", f"/journal/{event}") for event in events]
    assert (first["outcome"], second["outcome"], first["replay"]) == ("created", "created", 0)
    assert [datetime.fromisoformat(row["received_at"]) - NOON for row in (first, second)] == [
        timedelta(0),
        timedelta(microseconds=1),
    ]
    row = await api.done("GET", f"/refused/{id}")
    assert (row["sent_by"], row["events"]) == ("admin@default.example.com", events)
    assert await send(world, id) == events
    await arrived(api)
    again = await api.done("GET", f"/journal/{events[0]}")
    assert (again["outcome"], again["lead_id"], again["finished_at"]) == (
        "created",
        first["lead_id"],
        first["finished_at"],
    )
    told = await balance(api.database, NOON - timedelta(hours=1))
    assert (told.missing, told.double, told.receipts) == (0, 0, 2)


async def test_a_producer_that_repeats_the_request_repeats_its_events(world: World) -> None:
    site = await live(world)
    headers = {"Content-Type": "application/json", "Idempotency-Key": "order-5"}
    [repeated] = cut(site, headers, b'{"name": "Asha"}', Limits()).ids
    id = await kept(world, {"name": "Asha"}, key_header="Idempotency-Key", key="order-5")
    assert await send(world, id) == [repeated]
    forged = await kept(world, {"name": "Asha"}, key_header="Idempotency-Key", key="order-5", proven=False)
    assert await send(world, forged) != [repeated]
    signed = await kept(world, {"name": "Asha"}, key_header="webhook-id", key="x", signed_key="msg-1")
    assert await send(world, signed) == cut(site, headers, b'{"name": "Asha"}', Limits(), "msg-1").ids


async def test_a_key_that_names_nothing_is_no_hindrance(world: World) -> None:
    id = await kept(world, ASHA, title="Bad idempotency key", key_header="svix-id", key="")
    events = await send(world, id)
    assert len(events) == 1 and await send(world, id) == events


async def test_a_key_that_stands_for_something_else_keeps_a_request_out(world: World) -> None:
    api, site = world.api, await live(world)
    await claim(api.database, [Claim.of(site.id, "order-6", b"another body")])
    id = await kept(world, ASHA, key_header="svix-id", key="order-6")
    answer = await api.ask("POST", f"/refused/{id}/send")
    assert answer.status == 422 and "Idempotency key reused" in answer.text
    assert await arrived(api) == 0


async def test_what_was_refused_long_ago_outdoes_nothing_that_was_said_since(world: World) -> None:
    api, site = world.api, await live(world)
    id = await kept(world, ASHA)
    [now] = await through(api, site, [{**ASHA, "city": "Goa"}])
    lead = (await api.done("GET", f"/journal/{now}"))["lead_id"]
    await send(world, id)
    await arrived(api)
    assert (await api.done("GET", f"/leads/{lead}"))["fields"]["city"] == "Goa"


async def test_what_is_refused_still_says_why_and_stays(world: World) -> None:
    api, has = world.api, world.ours
    id = await kept(world, b"body=%7B%22name%22%3A%22Asha%22%2C%22phone%22%3A%22%2B919822012355%22%7D&x=%", at=NOON)
    answer = await api.ask("POST", f"/refused/{id}/send")
    assert answer.status == 422 and "Malformed JSON" in answer.error["rule"], answer
    assert answer.error["detail"] == f"refused request {id} would be refused again with 400"
    assert (await api.done("GET", f"/refused/{id}"))["sent_at"] is None
    form = await kept(world, b"body=%7B%22name%22%3A%22Asha%22%7D", content_type=FORM)
    await api.done("PUT", f"/connectors/{has.connector}", settings_of(has.connector, access=OPEN, form_field="body"))
    [event] = await send(world, form)
    await arrived(api)
    assert '"name":"Asha"' in (await api.done("GET", f"/journal/{event}"))["request"].replace(" ", "")


async def test_while_its_connector_is_disabled_it_is_refused_still(world: World) -> None:
    api, has = world.api, world.ours
    await api.done("PATCH", f"/connectors/{has.connector}", {"enabled": False})
    answer = await api.ask("POST", f"/refused/{has.refused}/send")
    assert answer.status == 422 and "Connector disabled" in answer.error["rule"]
    await api.done("PATCH", f"/connectors/{has.connector}", {"enabled": True})
    assert len(await send(world, has.refused)) == 1


@pytest.mark.parametrize(
    ("body", "changes", "why"),
    [
        (b"x" * 10, {"truncated": True, "size": 1_000_000}, "of its 1,000,000 bytes only the first 10 are kept"),
        (None, {}, "its body was not read to the end"),
        (None, {"missing": "secret"}, "may hold a secret"),
        (None, {"missing": "compressed"}, "was compressed"),
    ],
)
async def test_what_is_not_kept_whole_cannot_be_sent(world: World, body: Any, changes: Any, why: str) -> None:
    id = await kept(world, body, **changes)
    answer = await world.api.ask("POST", f"/refused/{id}/send")
    assert answer.status == 409 and why in answer.error["detail"]
    assert "its source must send it again" in answer.error["detail"]


async def test_of_a_removed_connector_nothing_can_be_sent_and_all_be_seen(world: World) -> None:
    api, has = world.api, world.ours
    await api.done("DELETE", f"/connectors/{has.connector}")
    assert (await api.done("GET", f"/refused/{has.refused}"))["connector"] == has.connector
    answer = await api.ask("POST", f"/refused/{has.refused}/send")
    assert answer.status == 409 and "removed" in answer.error["detail"]


async def test_all_that_match_are_sent_but_those_that_were_and_those_of_strangers(world: World) -> None:
    api, has = world.api, world.ours
    broken = await kept(world, b'{"a": 1')
    stranger = await kept(world, {"name": "Eve"}, status=401, proven=False)
    other = await saved(api, api.ours, "other", access=OPEN)
    await turned_away(api.database, other, {"name": "Of the other"})
    told = await api.done("POST", "/refused/send", {"connector": has.connector})
    assert (told["requests"], told["events"], told["left"], told["unproven"]) == (1, 1, 1, 1)
    [left] = told["refused"]
    assert left["id"] == broken and "Malformed JSON" in left["detail"]
    assert (await api.done("POST", "/refused/send", {"status": 401}))["requests"] == 0
    told = await api.done("POST", "/refused/send", {"unproven": True})
    assert (told["requests"], told["left"], told["unproven"]) == (2, 1, 0)
    sent = (await api.done("GET", "/refused?sent=yes"))["items"]
    assert len(sent) == 3 and stranger in [row["id"] for row in sent]
    again = await api.done("POST", "/refused/send", {"ids": [has.refused, has.refused]})
    assert (again["requests"], again["events"]) == (1, 1)


async def test_one_call_says_which_in_one_way_and_has_a_bound(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    api, has = world.api, world.ours
    for body in ({"ids": [has.refused], "status": 400}, {"ids": []}, {"ids": None, "statsu": 1}):
        assert (await api.ask("POST", "/refused/send", body)).status == 422, body
    assert (await api.ask("POST", "/refused/send", {"ids": [has.refused, 10**9]})).status == 404
    monkeypatch.setattr(refused, "MOST", 1)
    await kept(world, ASHA)
    answer = await api.ask("POST", "/refused/send", {})
    assert answer.status == 409 and "filter more" in answer.error["detail"]
    assert (await api.done("GET", f"/refused/{has.refused}"))["sent_at"] is None


async def test_many_are_sent_page_by_page(world: World) -> None:
    for number in range(45):
        await kept(world, {"name": f"lead {number}", "phone": f"+9198220124{number:02}"})
    told = await world.api.done("POST", "/refused/send", {})
    assert (told["requests"], told["left"]) == (46, 0)
    await arrived(world.api)
    assert (await balance(world.api.database, NOON - timedelta(days=1))).journalled == 46


async def test_without_the_broker_nothing_is_marked(world: World) -> None:
    api, has = world.api, world.ours
    transport = cast(MemoryTransport, api.core.transport)
    transport.connected = False
    assert (await api.ask("POST", f"/refused/{has.refused}/send")).status == 503
    assert (await api.done("GET", f"/refused/{has.refused}"))["sent_at"] is None
    transport.connected = True
    assert len(await send(world, has.refused)) == 1


async def test_an_event_larger_than_the_door_takes_is_refused_still(world: World) -> None:
    id = await kept(world, {"name": "x" * 2_000_000})
    answer = await world.api.ask("POST", f"/refused/{id}/send")
    assert answer.status == 422 and "Too large" in answer.error["rule"]


async def test_ids_are_new_to_each_request(world: World) -> None:
    one, two = await kept(world, ASHA, uid=new_id()), await kept(world, ASHA, uid=new_id())
    assert await send(world, one) != await send(world, two)
