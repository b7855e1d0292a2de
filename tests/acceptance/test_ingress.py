"""`/in/{token}` over real HTTP: what is taken, what is refused and how, and what `accepted` means."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import orjson
import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.engine.transport import BrokerUnavailable, Unroutable
from pipeline.ingress.app import SERVER
from pipeline.ingress.connection import HEADERS
from pipeline.ingress.limits import Limits
from pipeline.ingress.reply import filled
from schemas import presets
from schemas.connector import Connector, ConnectorSettings
from tests.support.ingress import TOPOLOGY, Door, WatchedTransport, connector, open_door, until

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


@pytest.mark.parametrize(
    ("body", "headers", "status", "title", "where"),
    [
        (b'{"a": 1', {}, 400, "Malformed JSON", {}),
        (b'{"a": 1}\n{"a": \n{"a": 3}', {"content_type": "application/x-ndjson"}, 400, "Malformed JSON", {"line": 2}),
        (b'[{"a": 1}, {"a": 2}, 3]', {}, 400, "Not an event", {"element": 2}),
        (b'{"a": 1}\n[{}, "x"]', {}, 400, "Not an event", {"line": 2, "element": 1}),
        (b'"text"', {}, 400, "Not an event", {}),
        (b"null", {}, 400, "Not an event", {}),
        (b'[{"a": 1}, {"a": "' + b"x" * 1000 + b'"}]', {}, 413, "Too large", {"element": 1}),
        (b"[" + b"{}," * 20 + b"{}]", {}, 413, "Too large", {}),
        (b"x" * 5001, {}, 413, "Too large", {}),
        (gzip.compress(b" " * 5001, mtime=0), {"content_encoding": "gzip"}, 413, "Too large", {}),
        (b"{}", {"content_encoding": "gzip"}, 400, "Malformed gzip", {}),
        (gzip.compress(b"{}", mtime=0)[:-2], {"content_encoding": "gzip"}, 400, "Malformed gzip", {}),
        (b"{}", {"content_encoding": "br"}, 415, "Unsupported content", {}),
        (b"{}", {"content_encoding": "deflate"}, 415, "Unsupported content", {}),
        (b"--x--", {"content_type": "multipart/form-data; boundary=x"}, 415, "Unsupported content", {}),
        (b"{}", {"Idempotency_Key": ""}, 400, "Bad idempotency key", {"field": "Idempotency-Key"}),
        (b"{}", {"webhook_id": "x" * 256}, 400, "Bad idempotency key", {"field": "webhook-id"}),
    ],
)
async def test_a_refusal_names_the_rule_and_takes_nothing(
    body: bytes, headers: dict[str, str], status: int, title: str, where: dict[str, Any]
) -> None:
    async with open_door(limits=Limits(body=5000, event=900, events=20)) as door:
        got, problem, answered = await door.post(body, **headers)
        assert got == status
        assert answered["Content-Type"] == "application/problem+json"
        assert problem.pop("detail")
        assert problem == {"title": title, "status": status, **where}
        assert await door.events() == []
        assert (await door.post(b"{}"))[0] == 202  # and the next one passes


async def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent() -> None:
    async with open_door() as door:
        answer = await door.raw(b"POST /in/t HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_gzip_bomb_is_refused_at_the_cap() -> None:
    async with open_door() as door:
        bomb = gzip.compress(bytes(200_000_000), 1)
        status, problem, _ = await door.post(bomb, content_encoding="gzip")
        assert (status, problem["title"]) == (413, "Too large")


async def test_a_body_that_does_not_end_is_given_up() -> None:
    async with open_door(limits=Limits(body_seconds=0.05)) as door:
        answer = await door.raw(b"POST /in/t HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"Too slow" in answer


async def test_a_body_in_chunks_without_end_is_refused_at_the_cap() -> None:
    async with open_door(limits=Limits(body=5000)) as door:
        head = b"POST /in/t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        answer = await door.raw(head + b"3e8\r\n%b\r\n" % (b" " * 1000) * 6)
        assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_header_that_does_not_end_is_given_up() -> None:
    async with open_door(keepalive=0.05) as door:
        assert await door.raw(b"POST /in/t HTTP/1.1\r\nHost: x\r\nX-Slow: ") == b""


def test_the_server_is_given_bounds() -> None:
    assert HEADERS <= 15 < SERVER["keepalive_timeout"] <= 20  # aiohttp's own client keeps a connection for 15 s
    assert not SERVER["auto_decompress"]
    assert SERVER["access_log"] is None


async def test_large_bodies_that_arrive_together_have_a_bound() -> None:
    async with open_door(limits=Limits(held=10_000)) as door:
        head = b"POST /in/t HTTP/1.1\r\nHost: x\r\nContent-Length: 9001\r\n\r\n" + b" " * 9000
        _, slow = await asyncio.open_connection("127.0.0.1", door.port)
        slow.write(head)
        await until(lambda: door.ingress._receiver.held == 9000)
        answer = await door.raw(head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        assert answer.startswith(b"HTTP/1.1 503 ")
        slow.close()
        await until(lambda: door.ingress._receiver.held == 0)


async def test_a_producer_that_goes_in_the_middle_of_its_body_leaves_nothing() -> None:
    async with open_door() as door:
        _, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(b"POST /in/t HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
        await until(lambda: door.ingress._receiver.held == 1)
        writer.close()
        await until(lambda: door.ingress._receiver.held == 0)
        assert await door.events() == []


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /in/t HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        b"POST /in/t HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST /in/t HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}",
        b"POST /in/t HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"POST /in/t HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 9000 + b"\r\n\r\n",
        b"POST /in/t HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"POST /in/t HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
async def test_broken_http_is_a_400_and_its_text_is_not_logged(
    request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_door() as door:
        answer = await door.raw(request_)
        assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
        assert "/in/t" not in caplog.text


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


def of_preset(name: str, id: int = 7, enabled: bool = True) -> Connector:
    return Connector(id, 1, 1, ConnectorSettings(name="vendor", preset=name, enabled=enabled), presets.preset(name))


def unavailable_answer(name: str) -> tuple[int, dict[str, Any]]:
    reply = presets.preset(name).door.reply
    assert reply is not None
    reason = "Unavailable: the broker did not confirm; send it again"
    return reply.unavailable.status, filled(reply.unavailable.body, reason)


async def test_leadsquared_hears_200_also_when_it_is_refused() -> None:
    lead = "leadsquared-lead"
    async with open_door(t=of_preset(lead), off=of_preset(lead, 8, enabled=False)) as door:
        assert (await door.post(b'{"ProspectID": "p"}'))[:2] == (200, {"Status": "Success", "StatusReason": ""})
        assert (await door.post(b""))[:2] == (200, {"Status": "Success", "StatusReason": ""})
        status, answer, _ = await door.post(b"{")
        assert (status, answer["Status"]) == (200, "Error")
        assert answer["StatusReason"].startswith("Malformed JSON: ")
        status, answer, _ = await door.post(b"{}", token="off")
        assert (status, answer["Status"]) == (200, "Error")
        door.transport.connected = False
        assert (await door.post(b"{}"))[:2] == unavailable_answer(lead)


async def test_indiamart_is_answered_as_it_wants() -> None:
    async with open_door(t=of_preset("indiamart-push")) as door:
        lead = b'{"UNIQUE_QUERY_ID": 12, "SENDER_NAME": "A"}'
        for shape in (b"%b", b"[%b]", b'{"CODE": 200, "RESPONSE": %b}', b'{"body": {"RESPONSE": [%b]}}'):
            assert (await door.post(shape % lead))[:2] == (200, {"code": 200, "status": "Success"})
        assert len({event.id for event in await door.events()}) == 1
        assert (await door.post(b'{"CODE": 204, "RESPONSE": []}'))[0] == 200
        status, answer, _ = await door.post(b"{")
        assert (status, answer["status"]) == (400, "Error")
        assert answer["message"].startswith("Malformed JSON: ")
        door.transport.connected = False
        status, answer, headers = await door.post(lead)
        assert (status, answer) == unavailable_answer("indiamart-push")
        assert "Retry-After" in headers


async def test_events_lie_where_the_preset_says() -> None:
    inlet = connector(door={"events": ["body.RESPONSE", "RESPONSE", "$"], "id": ["ID"]})
    async with open_door(t=inlet) as door:
        for body in (b'{"RESPONSE": {"ID": 1}}', b'{"body": {"RESPONSE": [{"ID": 1}, {"ID": 2}]}}', b'[{"ID": "1"}]'):
            assert (await door.post(body))[0] == 202
        ids = [event.id for event in await door.events()]
        assert len(ids) == 4
        assert ids[0] == ids[1] == ids[3] != ids[2]


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
        for headers in ({"Idempotency_Key": "k"}, {"webhook_id": "w"}, {"svix_id": "s"}, {}):
            answers = await asyncio.gather(*(door.post(b'{"id": 5}', **headers) for door in (one, two)))
            assert answers[0][1] == answers[1][1]
        assert len({event.id for event in await transport.events()}) == 4


# group commit


async def test_concurrent_posts_share_publishes() -> None:
    async with open_door() as door:
        answers = await asyncio.gather(*(door.post(b'{"n": %d}' % n) for n in range(400)))
        assert {status for status, _, _ in answers} == {202}
        ids = {answer["ids"][0] for _, answer, _ in answers}
        assert ids == {event.id for event in await door.events()}
        assert len(ids) == 400
        assert len(door.transport.groups) < 200


async def test_nobody_is_answered_before_the_broker_has_confirmed() -> None:
    async with open_door() as door:
        door.transport.gate.clear()
        posts = [asyncio.create_task(door.post(b"{}")) for _ in range(20)]
        await until(lambda: door.ingress.backlog == 20 and door.transport.waiting > 0)
        assert not any(post.done() for post in posts)
        door.transport.gate.set()
        assert {(await post)[0] for post in posts} == {202}


@pytest.mark.parametrize("failure", [BrokerUnavailable("away"), Unroutable("gone"), KeyError("a bug")])
async def test_a_publish_that_fails_fails_its_own_requests_and_no_others(failure: Exception) -> None:
    async with open_door() as door:
        door.transport.failures.append(failure)
        status, problem, headers = await door.post(b"{}")
        assert (status, problem["title"]) == (503, "Unavailable")
        assert int(headers["Retry-After"]) > 0
        assert (await door.post(b"{}"))[0] == 202
        assert len(await door.events()) == 1


async def test_a_broker_that_does_not_confirm_is_given_up_also_for_those_who_wait_behind() -> None:
    async with open_door(limits=Limits(commit_seconds=0.2, commits=1)) as door:
        door.transport.gate.clear()
        first = asyncio.create_task(door.post(b"{}"))
        await until(lambda: door.transport.waiting == 1)
        second = asyncio.create_task(door.post(b"{}"))
        assert [(await post)[0] for post in (first, second)] == [503, 503]
        assert door.ingress.backlog == 0


async def test_a_lost_connection_that_looks_like_a_cancellation_is_a_503() -> None:
    async with open_door() as door:
        door.transport.failures.append(asyncio.CancelledError())  # type: ignore[arg-type]
        assert (await door.post(b"{}"))[0] == 503
        assert (await door.post(b"{}"))[0] == 202


async def test_a_client_that_goes_does_not_take_the_event_back() -> None:
    async with open_door() as door:
        door.transport.gate.clear()
        _, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(b"POST /in/t HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        await until(lambda: door.transport.waiting == 1)
        other = asyncio.create_task(door.post(b"{}"))
        writer.close()
        await writer.wait_closed()
        door.transport.gate.set()
        assert (await other)[0] == 202
        assert len(await door.events()) == 2


async def test_the_backlog_has_a_bound() -> None:
    async with open_door(limits=Limits(backlog_events=5)) as door:
        door.transport.gate.clear()
        waiting = asyncio.create_task(door.post(b"[{}, {}, {}, {}]"))
        await until(lambda: door.ingress.backlog == 4)
        status, problem, headers = await door.post(b"[{}, {}]")
        assert (status, problem["title"], headers["Retry-After"]) == (503, "Unavailable", "1")
        door.transport.gate.set()
        assert (await waiting)[0] == 202
        assert (await door.post(b"[{}, {}]"))[0] == 202


async def test_stopping_finishes_what_is_in_hand_and_takes_no_more() -> None:
    async with open_door() as door:
        door.transport.gate.clear()
        posts = [asyncio.create_task(door.post(b"{}")) for _ in range(3)]
        await until(lambda: door.ingress.backlog == 3)
        stopping = asyncio.create_task(door.ingress.stop())
        await until(lambda: door.ingress.stopping)
        assert (await door.post(b"{}"))[0] == 503
        async with door.session.get(f"{door.url}/readyz") as response:
            assert response.status == 503
        assert not stopping.done()
        door.transport.gate.set()
        await stopping
        assert {(await post)[0] for post in posts} == {202}


# ?wait=


async def test_wait_answers_with_what_became_of_each_event() -> None:
    async with open_door() as door:
        posting = asyncio.create_task(door.post(b"[{}, {}]", query="?wait=10"))
        await until(lambda: bool(door.transport.groups))
        events = await door.events()
        for event in events:
            door.journal[event.id] = {"outcome": "created", "lead": "L"}
        status, answer, _ = await posting
        assert status == 200
        assert answer["results"] == [{"id": event.id, "outcome": "created", "lead": "L"} for event in events]


async def test_wait_ends_with_what_is_pending() -> None:
    async with open_door() as door:
        known = (await door.post(b"{}", Idempotency_Key="k/0"))[1]["ids"][0]
        door.journal[known] = {"outcome": "unchanged", "lead": "L"}
        status, answer, _ = await door.post(b"[{}, {}]", query="?wait=0.2", Idempotency_Key="k")
        assert status == 202
        assert answer["accepted"] == 2
        assert [result["outcome"] for result in answer["results"]] == ["unchanged", "pending"]


@pytest.mark.parametrize("wait", ["0", "-1", "61", "nan", "inf", "x", ""])
async def test_a_wait_that_is_no_time_is_refused(wait: str) -> None:
    async with open_door() as door:
        status, problem, _ = await door.post(b"{}", query=f"?wait={wait}")
        assert (status, problem["title"], problem["field"]) == (400, "Bad wait", "wait")
        assert await door.events() == []


# probes and metrics


async def probe(door: Door) -> tuple[int, dict[str, str]]:
    async with door.session.get(f"{door.url}/readyz") as response:
        return response.status, (await response.json())["checks"]


async def test_probes() -> None:
    async with open_door() as door:
        async with door.session.get(f"{door.url}/healthz") as response:
            assert response.status == 200
        assert await probe(door) == (200, {"broker": "ok", "topology": "ok", "database": "ok"})
        door.database.away = True
        status, checks = await probe(door)
        assert status == 200  # known connectors are served without it
        assert checks["database"] != "ok"
        door.catalog.by.clear()
        assert (await probe(door))[0] == 503
        door.database.away = False
        door.transport.connected = False
        status, checks = await probe(door)
        assert (status, checks["broker"]) == (503, "cannot be reached")


async def test_readiness_names_a_queue_that_is_missing() -> None:
    async with open_door() as door:
        del door.transport._queues["work.last"]
        status, checks = await probe(door)
        assert (status, checks["broker"]) == (503, "ok")
        assert "work.last" in checks["topology"]


async def test_readiness_answers_while_the_database_hangs() -> None:
    async with open_door() as door:
        door.database.hangs = True
        async with asyncio.timeout(5):
            assert (await probe(door))[1]["database"].startswith("no answer in 1 s")


async def test_metrics_count_by_connector_and_never_show_a_token() -> None:
    inlet = connector(9, "counted")
    async with open_door(topsecret=inlet) as door:
        await door.post(b"[{}, {}]", token="topsecret")
        await door.post(b"{", token="topsecret")
        door.transport.connected = False
        await door.post(b"{}", token="topsecret")
        await door.post(b"{}", token="guess")
        async with door.session.get(f"{door.url}/metrics") as response:
            text = await response.text()
        for result, count in (("accepted", 2), ("refused", 1), ("unavailable", 1)):
            assert f'leadpipe_ingress_events_total{{connector="counted",result="{result}"}} {count}.0' in text
        assert 'connector="-",result="refused"' in text
        assert "leadpipe_ingress_backlog_events 0.0" in text
        assert "topsecret" not in text
        assert "guess" not in text


async def test_a_refusal_is_one_log_line_without_token_or_content() -> None:
    async with open_door(topsecret=connector()) as door:
        with structlog.testing.capture_logs() as lines:
            await door.post(b'{"phone": +919611795983}', token="topsecret", query="?accessKey=topsecret")
        assert len(lines) == 1
        assert {"connector": "site", "status": 400, "why": "Malformed JSON"}.items() <= lines[0].items()
        assert "topsecret" not in str(lines)
        assert "9611795983" not in str(lines)


# anything at all

content_types = st.sampled_from(
    ["", JSON, "application/x-ndjson", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ";="]
)


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=200)
            | st.text(max_size=50).map(lambda text: orjson.dumps({"a": text.encode("utf-8", "replace").decode()})),
            content_types,
            st.sampled_from(["", "gzip", "br"]),
            st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=20),
        ),
        max_size=20,
    )
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_posted_is_never_a_500(requests: list[tuple[bytes, str, str, str]]) -> None:
    async def post_all() -> set[int]:
        statuses = set()
        async with open_door() as door:
            for body, content_type, encoding, key in requests:
                headers = {"content_encoding": encoding} if encoding else {}
                status, _, _ = await door.post(body, content_type=content_type, webhook_id=key, **headers)
                statuses.add(status)
        return statuses

    assert all(200 <= status < 500 for status in asyncio.run(post_all()))
