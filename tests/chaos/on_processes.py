"""Scenarios that hurt our own processes: killed, frozen, restarted, poisoned."""

from __future__ import annotations

import asyncio
import signal
import time

import orjson

from tests.chaos.catalogue import scenario
from tests.chaos.world import World
from tests.support.daemon import post
from tests.support.until import PROCESSES, until

GIVEN_BACK = 2.0  # seconds in which others have worked off what the broker has taken back from a frozen process


@scenario("R1", "SIGKILL a stage, 0.5-1 s", rate=300, twice=True, small={"rate": 100})
async def kill_stages(w: World) -> None:
    async def faults() -> None:
        ends = time.monotonic() + (40 if w.long else 6)
        while time.monotonic() < ends:
            w.crew.kill(w.chance.choice(w.crew.roles()))
            await asyncio.sleep(w.chance.uniform(0.5, 1.0))
        w.mend()

    w.figures = _after_kills
    await w.loaded(50 if w.long else 8, faults)


async def _after_kills(w: World) -> None:
    w.verdict.require(w.verdict.repeated_share <= 0.01 or not w.long, f"repeated {w.verdict.repeated_share:.2%} > 1 %")
    seen = w.verdict.recovery
    w.verdict.require(seen is not None and (seen <= 5 or not w.long), f"recovery {seen}")


@scenario("R2", "SIGKILL all stages, 10 s away", rate=200, small={"rate": 100})
async def kill_all(w: World) -> None:
    async def faults() -> None:
        await asyncio.sleep(4)
        w.crew.held = True
        for role in w.crew.roles():
            w.crew.kill(role)
        await asyncio.sleep(10 if w.long else 3)
        w.crew.held = False
        w.mend()

    async def figures(w: World) -> None:
        assert w.mended is not None
        after = [(at, done) for at, _, done in w.samples if at >= w.mended]
        caught = w.mended + (w.verdict.recovery or 1e9)
        begun = next((sample for sample in after if sample[1] > after[0][1]), after[0])
        ended = next((sample for sample in after if sample[0] >= caught), after[-1])
        speed = (ended[1] - after[0][1]) / max(0.25, ended[0] - begun[0])
        w.verdict.notes["drained_per_second"] = round(speed)
        w.verdict.require(speed >= 2 * w.load.rate or not w.long, f"backlog drained at {speed:.0f}/s")

    w.figures = figures
    await w.loaded(40 if w.long else 12, faults)


@scenario("R3", "SIGKILL the ingress, 1-2 s", rate=200, small={"rate": 100})
async def kill_ingress(w: World) -> None:
    async def faults() -> None:
        ends = time.monotonic() + (30 if w.long else 6)
        while time.monotonic() < ends:
            w.crew.kill("ingress a")
            await asyncio.sleep(w.chance.uniform(1.5, 2.5))
        w.mend()

    w.figures = _some_accepted
    await w.loaded(36 if w.long else 10, faults)


async def _some_accepted(w: World) -> None:
    w.verdict.require(len(w.load.told.accepted) > 50, "hardly anything was accepted")


@scenario("R12", "freeze a stage 45 s", rate=100, small={"rate": 50}, twice=True)
async def freeze_stage(w: World) -> None:
    """What the frozen one holds comes to others within 31 s; woken up, it does no harm."""
    behind = 0

    async def faults() -> None:
        nonlocal behind
        role = w.chance.choice(w.crew.roles())
        w.crew.pause(role)
        await w.lasting(31 + GIVEN_BACK)
        behind = w.behind()
        await w.lasting(14 - GIVEN_BACK)
        w.crew.resume(role)
        w.mend()

    async def figures(w: World) -> None:
        w.verdict.notes["behind after 31 s"] = behind
        w.verdict.require(
            behind <= GIVEN_BACK * w.load.rate or not w.long, f"{behind} events still with the frozen one"
        )

    w.figures = figures
    await w.loaded(50, faults)


@scenario("R17", "every event sent three times", rate=300, small={"rate": 150})
async def thrice(w: World) -> None:
    for _ in range(3):
        await w.load.again(600 if w.long else 200)


@scenario("R18", "events in any order", rate=400, batch=20)
async def shuffled(w: World) -> None:
    wanted = await w.load.shuffled(3000 if w.long else 600, people=40)

    async def figures(w: World) -> None:
        rows = await w.fetch(
            "SELECT fields ->> 'email' AS email, (fields ->> 'budget')::float::int AS budget FROM lead"
        )
        found = {row["email"]: row["budget"] for row in rows}
        wrong = [email for email, budget in wanted.items() if found.get(email) != budget]
        w.verdict.require(not wrong, f"{len(wrong)} leads do not show their newest value")

    w.figures = figures


@scenario("R19", "poison: exit, signal, bug", rate=100, hazards=True)
async def poison(w: World) -> None:
    w.crew.refuse_falls = False  # that is what the poison does
    hazards = {120: "exit", 150: "signal", 180: "raise"}
    for place, kind in hazards.items():
        w.load.plant(place, kind)
    garbage = (b"not a frame", orjson.dumps({"v": 99, "events": []}))
    w.verdict.garbage = len(garbage)

    async def faults() -> None:
        status, _ = await post(w.leadpipe.urls["website"], b'{"name": "cut off')
        w.verdict.require(status == 400, f"a body that cannot be parsed was answered {status}")
        await w.put("normalize", *garbage)
        await until(lambda: w.load.number > max(hazards), "the poison", PROCESSES)

    await w.loaded(25 if w.long else 6, faults)
    w.mend()

    async def figures(w: World) -> None:
        rows = await w.fetch("SELECT event, count(*) FROM chaos_hazard GROUP BY event")
        most = max((row[1] for row in rows), default=0)
        w.verdict.notes["deliveries of the poison"] = most
        w.verdict.require(len(rows) == 2 and most <= 21, f"{len(rows)} killers, handed out up to {most} times")
        w.verdict.require(w.verdict.bad_dead == 3, f"{w.verdict.bad_dead} of 3 bad events are dead letters")

    w.figures = figures


@scenario("R20", "rolling restart by SIGTERM", rate=150, small={"rate": 100})
async def rolling(w: World) -> None:
    codes: list[int] = []
    slowest = 0.0

    async def faults() -> None:
        nonlocal slowest
        for _ in range(10 if w.long else 1):
            for role in w.crew.roles(ingress=True):
                started = time.monotonic()
                codes.append(await w.crew.replace(role))
                slowest = max(slowest, time.monotonic() - started)
        w.mend()

    async def figures(w: World) -> None:
        refused = {status: times for status, times in w.load.told.statuses.items() if status != "202"}
        w.verdict.notes["restarts"] = len(codes)
        w.verdict.require(not refused, f"refused: {refused}")
        w.verdict.require(not any(codes), f"exit codes {codes}")
        w.verdict.require(slowest <= 30 or not w.long, f"a restart took {slowest:.0f} s")
        share = w.verdict.repeated_share
        w.verdict.require(share <= (0.0005 if w.long else 0.005), f"repeated {share:.3%} > 0.05 %")

    w.figures = figures
    await w.loaded(5, faults)
    await _second_signal(w)


async def _second_signal(w: World) -> None:
    """A process that is told twice ends at once. Once all is done: what it held would come twice."""
    await w.settled()
    role = w.crew.roles()[0]
    member = w.crew.members[role]
    member.expected = True
    w.crew.held = True
    member.process.send_signal(signal.SIGSTOP)  # so that both are there when it looks
    member.process.send_signal(signal.SIGTERM)
    member.process.send_signal(signal.SIGINT)
    member.process.send_signal(signal.SIGCONT)
    code = await asyncio.to_thread(member.process.wait, 5 if w.long else PROCESSES)
    w.verdict.require(code == 1, f"after a second signal it ended with {code}")
    w.crew.kills += 1
    w.crew.held = False
