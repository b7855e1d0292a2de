"""Hostile input at the door: one clear answer each, and everybody else goes on being served."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.ingress.limits import Limits
from tests.support.hostile import Outcome, Target, attacks, exchange, play, post
from tests.support.ingress import open_door
from tests.support.until import PATIENCE, until

SLOW = ("S2", "S3")  # the items that try the door's patience; all others are given time, however busy the machine is


@pytest.mark.parametrize(("slow", "patience"), [(True, 0.6), (False, PATIENCE)])
async def test_every_attack_gets_its_answer_and_nobody_else_is_refused(slow: bool, patience: float) -> None:
    async with open_door(limits=Limits(body_seconds=patience), keepalive=patience) as door:
        target = Target(door.port, "t", patience, patience)
        stop = asyncio.Event()
        bystander = asyncio.create_task(_post_until(target, stop))
        chosen = [attack for attack in attacks() if not attack.heavy and (attack.item in SLOW) is slow]
        outcomes = [await play(attack, target) for attack in chosen]
        stop.set()
        assert await bystander == {"202"}
        assert not [_shown(outcome) for outcome in outcomes if not outcome.is_right]
        await until(lambda: door.ingress._receiver.held == 0)
        await until(lambda: door.ingress.backlog == 0)


async def _post_until(target: Target, stop: asyncio.Event) -> set[str]:
    """Another client; its answers."""
    answers = set()
    while not stop.is_set():
        answers.add(await exchange(target, [post(target, b"{}")]))
        await asyncio.sleep(0.01)
    return answers


def _shown(outcome: Outcome) -> str:
    return f"{outcome.attack.item} {outcome.attack.name}: {dict(outcome.answers)}"


async def test_over_the_cap_of_connections_the_answer_is_503_and_the_others_are_served() -> None:
    async with open_door(limits=Limits(connections=5), keepalive=PATIENCE) as door:
        target = Target(door.port, "t", PATIENCE, PATIENCE)
        holding = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(5)]
        reader, writer = holding[0]
        writer.write(b"POST /in/t HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        assert (await reader.readline()).startswith(b"HTTP/1.1 202")
        answer = await door.raw(post(target, b"{}"))
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"Retry-After: 1" in answer
        holding[1][1].close()

        async def served() -> bool:
            return await exchange(target, [post(target, b"{}")]) == "202"

        await until(served)
        for _, open_ in holding:
            open_.close()
        await until(lambda: door.ingress.backlog == 0)
