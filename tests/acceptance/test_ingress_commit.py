"""What `accepted` means: requests share publishes, nobody is answered before the confirm, and some wait for the end."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.engine.transport import BrokerUnavailable, Unroutable
from pipeline.ingress.limits import Limits
from tests.support.ingress import open_door
from tests.support.until import until


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
        await until(lambda: len(door.transport.groups) == 1)  # it may have been given up by now
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


async def test_wait_answers_with_what_became_of_each_event() -> None:
    async with open_door() as door:
        posting = asyncio.create_task(door.post(b"[{}, {}]", query="?wait=60"))
        await until(lambda: bool(door.transport.groups))
        events = await door.events()
        for event in events:
            door.journal[event.id] = {"outcome": "created", "lead": "L"}
        status, answer, _ = await posting
        assert status == 200
        assert answer["results"] == [
            {"id": event.id, "event_id": event.id, "outcome": "created", "lead": "L"} for event in events
        ]


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
