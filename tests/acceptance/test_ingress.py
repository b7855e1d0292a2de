"""`/in/{token}` over real HTTP: what is taken, who is known, and what an event is made of."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import orjson
import pytest

from pipeline.store.ids import thing_of
from tests.support.ingress import TOPOLOGY, WatchedTransport, connector, open_door

JSON = "application/json"


async def test_one_object_is_accepted_and_lies_at_the_entry_of_the_chain() -> None:
    async with open_door() as door:
        status, answer, headers = await door.post(b'{"Name": "Zo\xc3\xab",  "n": 1}', content_type=JSON)
        assert (status, headers["Content-Type"]) == (202, JSON)
        (event,) = await door.events()
        assert answer == {"accepted": 1, "ids": [event.id]}
        assert (event.account, event.connector, event.revision, event.kind) == (1, 7, 3, "lead")
        assert event.raw == '{"Name":"Zoë","n":1}'
        assert event.received_at.utcoffset() is not None


@pytest.mark.parametrize(
    ("body", "headers", "raws"),
    [
        (b'[{"a": 1}, {"a": 2}]', {"content_type": JSON}, ['{"a":1}', '{"a":2}']),
        (b'{"a": 1}\n{"a": 2}\n', {"content_type": "application/x-ndjson"}, ['{"a":1}', '{"a":2}']),
        (b'[{"a": 1}]\n{"a": 2}\n', {"content_type": "text/plain"}, ['{"a":1}', '{"a":2}']),
        (b"a=1&b=x%20y", {"content_type": "application/x-www-form-urlencoded"}, ['{"a":"1","b":"x y"}']),
        (b'{"a": 1}', {}, ['{"a":1}']),
        (gzip.compress(b'{"a": 1}', mtime=0), {"content_type": JSON, "content_encoding": "gzip"}, ['{"a":1}']),
        (b"[]", {"content_type": JSON}, []),
    ],
)
async def test_every_form_of_body(body: bytes, headers: dict[str, str], raws: list[str]) -> None:
    async with open_door() as door:
        status, answer, _ = await door.post(body, **headers)
        assert (status, answer["accepted"], len(answer["ids"])) == (202, len(raws), len(raws))
        assert [event.raw for event in await door.events()] == raws


async def test_a_body_in_chunks_is_one_body() -> None:
    async def chunks() -> Any:
        yield b'{"a"'
        yield b": 1}"

    async with open_door() as door:
        assert (await door.post(chunks()))[0] == 202
        assert [event.raw for event in await door.events()] == ['{"a":1}']


async def test_an_unknown_token_is_404_whatever_it_is() -> None:
    async with open_door() as door:
        answers = [await door.post(b"{}", token=token) for token in ("u", "x" * 5000, "%ff", "%00", "..%2f", "é")]
        assert {answer[0] for answer in answers} == {404}
        assert len({orjson.dumps(answer[1]) for answer in answers}) == 1
        assert (await door.raw(b"POST /in/\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).split()[1] in (
            b"404",
            b"400",
        )


async def test_with_the_database_away_a_known_token_is_served_and_an_unknown_one_is_503() -> None:
    async with open_door() as door:
        door.catalog.away = door.database.away = True
        assert (await door.post(b"{}"))[0] == 202
        status, problem, headers = await door.post(b"{}", token="u")
        assert (status, problem["title"]) == (503, "Unavailable")
        assert int(headers["Retry-After"]) > 0


async def test_a_disabled_connector_refuses() -> None:
    async with open_door(t=connector(enabled=False)) as door:
        assert (await door.post(b"{}"))[0] == 403


async def test_verification_pings() -> None:
    async with open_door() as door:
        for method in ("GET", "HEAD", "POST"):
            async with door.session.request(method, f"{door.url}/in/t") as response:
                assert response.status == 200
            async with door.session.request(method, f"{door.url}/in/u") as response:
                assert response.status == 404
        assert (await door.post(b" \r\n"))[:2] == (200, {"accepted": 0, "ids": []})
        assert await door.events() == []


async def test_other_methods_and_paths_do_not_exist() -> None:
    async with open_door() as door:
        async with door.session.put(f"{door.url}/in/t", data=b"{}") as response:
            assert response.status == 405
        async with door.session.post(f"{door.url}/in/t/x", data=b"{}") as response:
            assert response.status == 404


async def test_events_lie_where_the_preset_says() -> None:
    inlet = connector(door={"events": ["body.RESPONSE", "RESPONSE", "$"], "id": ["ID"]})
    async with open_door(t=inlet) as door:
        for body in (b'{"RESPONSE": {"ID": 1}}', b'{"body": {"RESPONSE": [{"ID": 1}, {"ID": 2}]}}', b'[{"ID": "1"}]'):
            assert (await door.post(body))[0] == 202
        ids = [event.id for event in await door.events()]
        assert len(ids) == 4
        assert ids[0] == ids[1] != ids[2]
        assert ids[0] != ids[3] and thing_of(ids[0]) == thing_of(ids[3]) != thing_of(ids[2])  # a text, not a number


async def test_secrets_are_gone_before_anything_is_kept() -> None:
    async with open_door(t=connector(door={"redact": ["pin"]})) as door:
        await door.post(b'{"apiKey": "s3cret", "PIN": "s3cret", "n": {"secret_key": "s3cret"}, "ok": 1}')
        await door.post(b'{"n": {"apikey": "s3cret"}, "n": 1}')
        first, second = await door.events()
        assert "s3cret" not in first.raw + second.raw
        assert orjson.loads(first.raw)["ok"] == 1


async def test_the_same_event_at_two_processes_at_once_has_one_id() -> None:
    transport = WatchedTransport()
    await transport.declare(TOPOLOGY)
    inlet = connector(door={"id": ["id"]})
    async with open_door(transport=transport, t=inlet) as one, open_door(transport=transport, t=inlet) as two:
        for headers in ({"Idempotency_Key": "k"}, {"webhook_id": "w"}, {"svix_id": "s"}):
            answers = await asyncio.gather(*(door.post(b'{"a": 5}', **headers) for door in (one, two)))
            assert answers[0][1] == answers[1][1]
        answers = await asyncio.gather(*(door.post(b'{"id": 5}') for door in (one, two)))
        assert answers[0][1] == answers[1][1]
        assert len({event.id for event in await transport.events()}) == 4
