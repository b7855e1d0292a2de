"""`/in/{token}` over real HTTP, with a key in a header: it names one request; and an id in the body comes first."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.ingress.identity import event_id
from pipeline.store.database import DatabaseUnavailable
from pipeline.store.ids import thing_of
from tests.support.guarding import HOOKS, guarded, guards, hooks
from tests.support.ingress import connector, open_door
from tests.unit.test_request_keys import Table

FORM = "application/x-www-form-urlencoded"
LINES = "application/x-ndjson"
OWN = {
    "accepted": {"status": 200, "body": {"Status": "Success"}},
    "refused": {"status": 400, "body": {"Status": "Error", "Why": "{reason}"}},
    "unavailable": {"status": 503, "body": {"Status": "Later"}},
}


@pytest.mark.parametrize("header", ["idempotency_key", "webhook_id", "svix_id"])
@pytest.mark.parametrize("query", ["", "?wait=0.05"])
async def test_another_body_under_a_key_is_refused_and_nothing_of_it_is_accepted(header: str, query: str) -> None:
    async with open_door(keys=Table()) as door:
        _, first, _ = await door.post(b'{"a":1}', query=query, **{header: "k"})
        for body in (b'{"a":2}', b'[{"a":1},{"a":2}]', b'{"a":1,"b":null}', b"[]", b'{"a":"1"}'):
            status, problem, answered = await door.post(body, query=query, **{header: "k"})
            assert (status, problem["title"]) == (422, "Idempotency key reused"), body
            assert "another body" in problem["detail"] and answered["Content-Type"] == "application/problem+json"
        assert [event.id for event in await door.events()] == first["ids"]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'{"a":1,"b":[2,{"c":3,"d":4}]}', {}),
        (b' { "b" : [2, {"d":4, "c":3}], "a" : 1 } ', {}),
        (b'[{"b":[2,{"c":3,"d":4}],"a":1}]', {}),
        (b'{"b":[2,{"c":3,"d":4}],"a":1}\n', {"content_type": LINES}),
    ],
)
async def test_the_same_content_however_it_is_written_repeats_the_request(body: bytes, headers: dict[str, str]) -> None:
    async with open_door(keys=Table()) as door:
        first = (await door.post(b'{"a":1,"b":[2,{"c":3,"d":4}]}', idempotency_key="k"))[1]["ids"]
        status, answer, _ = await door.post(body, idempotency_key="k", **headers)
        assert (status, answer["ids"]) == (202, first)


async def test_a_key_stands_also_for_an_array_and_each_event_of_it_has_its_place() -> None:
    async with open_door(keys=Table()) as door:
        first = (await door.post(b'[{"a":1},{"a":2}]', idempotency_key="k"))[1]["ids"]
        assert (await door.post(b'[{"a":1},{"a":2}]', idempotency_key="k"))[1]["ids"] == first
        assert (await door.post(b'[{"a":2},{"a":1}]', idempotency_key="k"))[0] == 422
        assert (await door.post(b'[{"a":1}]', idempotency_key="k"))[0] == 422
        assert (await door.post(b'{"a":2}', idempotency_key="k/1"))[1]["ids"] == first[1:], "one of them again, alone"


async def test_a_secret_and_a_form_in_another_order_make_no_other_request() -> None:
    async with open_door(keys=Table()) as door:
        first = (await door.post(b"a=1&b=2&password=x", idempotency_key="k", content_type=FORM))[1]["ids"]
        again = await door.post(b"password=y&b=2&a=1", idempotency_key="k", content_type=FORM)
        assert (again[0], again[1]["ids"]) == (202, first)


async def test_a_key_that_was_refused_for_its_body_stands_for_nothing_yet() -> None:
    async with open_door(keys=Table()) as door:
        assert (await door.post(b'{"a":', idempotency_key="k"))[0] == 400
        assert (await door.post(b"", idempotency_key="k"))[0] == 200  # a ping
        assert (await door.post(b'{"a":1}', idempotency_key="k"))[0] == 202
        assert (await door.post(b'{"a":2}', idempotency_key="k"))[0] == 422
        assert (await door.post(b'{"a":1}', idempotency_key="k"))[0] == 202


async def test_keys_of_two_connectors_have_nothing_to_do_with_each_other() -> None:
    async with open_door(keys=Table(), t=connector(), u=connector(id=8, name="other")) as door:
        assert (await door.post(b'{"a":1}', idempotency_key="k"))[0] == 202
        assert (await door.post(b'{"a":2}', "u", idempotency_key="k"))[0] == 202


async def test_the_id_in_the_body_comes_before_the_header() -> None:
    async with open_door(keys=Table(), t=connector(door={"id": ["id"]})) as door:
        document = {"id": "x", "a": 1}
        plain = (await door.post(b'{"id":"x","a":1}'))[1]["ids"]
        assert plain == [event_id(1, 7, "x", document)]
        for key in ("k1", "k2"):
            assert (await door.post(b'{"a":1,"id":"x"}', idempotency_key=key))[1]["ids"] == plain
        assert (await door.post(b'{"id":"x","a":2}', idempotency_key="k1"))[0] == 422
        later = (await door.post(b'{"id":"x","a":2}', idempotency_key="k3"))[1]["ids"]
        assert later != plain and thing_of(later[0]) == thing_of(plain[0])


async def test_events_of_an_array_that_name_nothing_go_by_the_header() -> None:
    async with open_door(keys=Table(), t=connector(door={"id": ["id"]})) as door:
        ids = (await door.post(b'[{"id":"x"},{"a":1}]', idempotency_key="k"))[1]["ids"]
        assert ids == [event_id(1, 7, "x", {"id": "x"}), event_id(1, 7, "k/1", {"a": 1})]


async def test_a_vendor_with_an_answer_of_its_own_gets_that() -> None:
    async with open_door(keys=Table(), t=connector(door={"reply": OWN})) as door:
        assert (await door.post(b'{"a":1}', idempotency_key="k"))[:2] == (200, {"Status": "Success"})
        status, answer, _ = await door.post(b'{"a":2}', idempotency_key="k")
        assert status == 400 and answer["Status"] == "Error"
        assert answer["Why"].startswith("Idempotency key reused: ")


async def test_a_signed_id_names_one_message_too() -> None:
    async with open_door(keys=Table(), guards=guards(), t=guarded(HOOKS)) as door:
        first = (await door.post(b'{"a":1}', **hooks(b'{"a":1}')))[1]["ids"]
        assert (await door.post(b'{"a":2}', **hooks(b'{"a":2}')))[0] == 422
        assert (await door.post(b'{"a":1}', **hooks(b'{"a":1}')))[1]["ids"] == first
        # whoever cannot sign claims nothing, so that nobody can spoil an id before its sender uses it
        assert (await door.post(b'{"a":3}', **{**hooks(b'{"a":3}', "msg_2"), "webhook_signature": "v1,AAAA"}))[0] == 401
        assert (await door.post(b'{"a":4}', **hooks(b'{"a":4}', "msg_2")))[0] == 202


async def test_without_the_database_everything_is_accepted_and_nothing_is_taken_for_something_else() -> None:
    table = Table()
    table.trouble = DatabaseUnavailable("away")
    async with open_door(keys=table) as door, open_door(keys=table) as other:
        first = (await door.post(b'{"a":1}', idempotency_key="k"))[1]["ids"]
        second = (await other.post(b'{"a":2}', idempotency_key="k"))[1]["ids"]
        assert first != second
        assert (await door.post(b'{"a":2}', idempotency_key="k"))[0] == 422, "what is known here holds"


async def test_a_post_without_a_key_asks_for_nothing() -> None:
    table = Table()
    headers: tuple[dict[str, Any], ...] = ({}, {"x_request_id": "r"}, {"content_type": "application/json"})
    async with open_door(keys=table) as door:
        for each in headers:
            assert (await door.post(b'{"a":1}', **each))[0] == 202
    assert table.asked == []
