"""Scenarios that hurt the servers: restarted, killed, frozen, short of memory, failed over, drifted."""

from __future__ import annotations

import asyncio
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncpg
import orjson

from tests.chaos.catalogue import scenario
from tests.chaos.world import World
from tests.support.ports import free_port
from tests.support.until import PROCESSES, until

RABBITMQ = ("rabbitmq",)
THREAD = asyncio.to_thread


async def _attempts_unspent(w: World) -> None:
    spent = await w.fetch("SELECT count(*) FROM journal WHERE attempts > 1")
    w.verdict.require(spent[0][0] == 0, f"{spent[0][0]} events have spent attempts")


def recovered(within: float, *, attempts: bool = True) -> Callable[[World], Awaitable[None]]:
    """The figures of most: back within so many seconds, and no attempt spent.

    The short form runs beside the rest of a test suite, on any machine: it is to come back, and only the long one
    measures.
    """

    async def figures(w: World) -> None:
        seen = w.verdict.recovery
        w.verdict.notes["resumed_s"] = w.resumed()
        w.verdict.require(seen is not None and (seen <= within or not w.long), f"recovery > {within:g} s")
        if attempts:
            await _attempts_unspent(w)

    return figures


@scenario("R4", "broker frozen: answers stay honest", brokers=RABBITMQ, rate=100)
async def honest(w: World) -> None:
    spooled = 0

    async def faults() -> None:
        nonlocal spooled
        w.servers.node.freeze()
        await w.lasting(8, long=20)
        _, told = await THREAD(_readiness, w.leadpipe.base)
        spooled = orjson.loads(told)["spool"]["events"]
        w.servers.node.thaw()
        w.mend()

    async def figures(w: World) -> None:
        w.verdict.require(set(w.load.told.statuses) <= {"202", "503"}, f"answers {w.load.told.statuses}")
        w.verdict.require(w.load.told.slowest <= 7, f"an answer took {w.load.told.slowest:.1f} s")
        w.memory_is_flat()
        w.verdict.notes["spooled at most"] = spooled
        w.verdict.require(spooled > 0, "nothing was in the spool while the broker was frozen")

    w.figures = figures
    await w.loaded(30 if w.long else 14, faults)


@scenario("R5", "broker killed and stopped", brokers=RABBITMQ, rate=200, small={"rate": 100})
async def broker_restarts(w: World) -> None:
    async def faults() -> None:
        if w.long:
            await THREAD(w.servers.node.stop_app)
            await asyncio.sleep(5)
            await THREAD(w.servers.node.start_app)
            await asyncio.sleep(10)
        await THREAD(w.servers.node.kill)
        await asyncio.sleep(2)
        await THREAD(w.servers.node.start)
        w.mend()

    w.figures = recovered(30)
    await w.loaded(50 if w.long else 8, faults)
    await _until_recovered(w, 40)


async def _until_recovered(w: World, patience: float) -> None:
    with suppress(AssertionError):  # the figures say that it has not recovered
        await until(lambda: w.recovery() is not None, "recovery", patience)


@scenario("R6", "broker frozen 60 s", brokers=RABBITMQ, rate=100)
async def broker_freezes(w: World) -> None:
    async def faults() -> None:
        w.servers.node.freeze()
        await w.lasting(15, long=60)
        w.servers.node.thaw()
        w.mend()

    w.figures = recovered(30)
    await w.loaded(75 if w.long else 20, faults)
    await _until_recovered(w, 60)


@scenario("AWAY", "broker frozen 2 min, nobody waits", brokers=RABBITMQ, rate=200, small={"rate": 100})
async def broker_is_away(w: World) -> None:
    async def faults() -> None:
        w.servers.node.freeze()
        await w.lasting(10, long=120)
        w.servers.node.thaw()
        w.mend()

    async def figures(w: World) -> None:
        w.memory_is_flat()
        slow = w.load.told.quantile(0.99)
        w.verdict.notes |= {"p50_ms": round(w.load.told.quantile(0.5)), "p99_ms": round(slow)}
        w.verdict.require(set(w.load.told.statuses) == {"202"}, f"answers {w.load.told.statuses}")
        w.verdict.require(slow <= 100 or not w.long, f"answered within {slow:.0f} ms at p99")
        await recovered(60)(w)

    w.figures = figures
    await w.loaded(125 if w.long else 14, faults)
    await _until_recovered(w, 90)


@scenario("R7", "memory and disk alarms", brokers=RABBITMQ, rate=150, small={"rate": 100})
async def alarms(w: World) -> None:
    async def faults() -> None:
        hold = 15 if w.long else 4
        await THREAD(w.servers.node.ctl, "set_vm_memory_high_watermark", "0.000001")
        await asyncio.sleep(hold)
        await THREAD(w.servers.node.ctl, "set_vm_memory_high_watermark", "0.4")
        await asyncio.sleep(hold)
        await THREAD(w.servers.node.ctl, "set_disk_free_limit", "100000000000000")
        await asyncio.sleep(hold)
        await THREAD(w.servers.node.ctl, "set_disk_free_limit", "50000000")
        w.mend()

    w.figures = recovered(5 if w.long else 8)
    await w.loaded(60 if w.long else 20, faults)


@scenario("R8", "PostgreSQL restarted and killed", rate=200, small={"rate": 100})
async def database_restarts(w: World) -> None:
    async def faults() -> None:
        for how in (signal.SIGINT, signal.SIGKILL, signal.SIGQUIT) if w.long else (signal.SIGQUIT,):
            await THREAD(w.postgres.stop, how)
            await asyncio.sleep(w.chance.uniform(0.5, 3))
            await THREAD(w.postgres.start)
            w.mend()
            await w.lasting(4, long=8)

    w.figures = recovered(5)
    await w.loaded(45 if w.long else 9, faults)


@scenario("R9", "PostgreSQL fails over, one address", rate=100, proxies=True, standby=True, small={"rate": 60})
async def failover(w: World) -> None:
    """The old primary lives on and refuses to write, as a demoted one does; new connections reach the new one."""
    await _fail_over(w)


@scenario("R9b", "PostgreSQL fails over, two hosts in URL", rate=100, standby=True, small={"rate": 60})
async def failover_by_url(w: World) -> None:
    """The URL names both hosts and `target_session_attrs=read-write`; no proxy helps."""
    await _fail_over(w)


async def _fail_over(w: World) -> None:
    standby, former = w.standby, w.database
    if standby is None:
        raise RuntimeError("this scenario needs a standby")
    follower = standby

    async def faults() -> None:
        await asyncio.sleep(2)
        await THREAD(w.postgres.read_only)
        await _caught_up(former)
        await THREAD(follower.promote)
        if w.to_postgres is not None:
            w.to_postgres.target = follower.port
        w.database = former.replace(f":{w.postgres.port}/", f":{follower.port}/")
        w.servers.failed_over(follower)
        await _writable(w.database)
        w.mend()

    w.figures = recovered(10)
    await w.loaded(30 if w.long else 12, faults)


async def _caught_up(url: str) -> None:
    """Wait until the standby has everything."""
    connection = await asyncpg.connect(url)
    all_of_it = "SELECT bool_and(replay_lsn >= pg_current_wal_lsn()) FROM pg_stat_replication"
    try:
        await until(lambda: connection.fetchval(all_of_it), "the standby", 20)
    finally:
        await connection.close()


async def _writable(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await until(lambda: connection.fetchval("SELECT NOT pg_is_in_recovery()"), "a primary", 20)
        await connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()


@scenario("R10", "PostgreSQL frozen 60 s", rate=100)
async def database_freezes(w: World) -> None:
    """A stage says on its port that it is not fit, and is fit again by itself."""
    port = free_port()
    w.crew.add("work notify b", "work", "notify", "--port", str(port))

    async def answers(status: int) -> bool:
        return (await THREAD(_readiness, f"http://127.0.0.1:{port}"))[0] == status

    async def faults() -> None:
        await until(lambda: answers(200), "a stage that is ready", PROCESSES)
        await THREAD(w.postgres.freeze)
        frozen = time.monotonic()
        await until(lambda: answers(503), "a stage that says it is not ready", 15)
        await asyncio.sleep(frozen + (60 if w.long else 20) - time.monotonic())
        await THREAD(w.postgres.thaw)
        w.mend()
        await until(lambda: answers(200), "a stage that is ready again", PROCESSES)

    w.figures = recovered(10)
    await w.loaded(75 if w.long else 26, faults)


@scenario("R11", "locks and deadlocks", rate=200, twice=True, batch=5, small={"rate": 100})
async def locks(w: World) -> None:
    """Several processes upsert the same few people, while another session locks leads in the wrong order."""

    async def rival(ends: float) -> None:
        connection = await asyncpg.connect(w.database)
        try:
            while time.monotonic() < ends:
                ids = [row[0] for row in await connection.fetch("SELECT id FROM lead ORDER BY random() LIMIT 8")]
                try:
                    async with connection.transaction():
                        for id in ids:
                            await connection.execute("UPDATE lead SET updated_at = updated_at WHERE id = $1", id)
                            await asyncio.sleep(0.02)
                except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
                    w.verdict.notes["deadlocks"] = int(str(w.verdict.notes.get("deadlocks", 0))) + 1
        finally:
            await connection.close()

    async def faults() -> None:
        ends = time.monotonic() + (25 if w.long else 8)
        await asyncio.gather(*(rival(ends) for _ in range(3)))
        w.mend()

    w.load.crowd = 10
    w.figures = recovered(10)
    await w.loaded(30 if w.long else 10, faults)


@scenario("R22", "a queue is deleted", brokers=RABBITMQ, rate=100)
async def drift(w: World) -> None:
    seen: list[str] = []

    async def faults() -> None:
        await asyncio.sleep(3)
        w.load.pause()
        await w.settled()
        queue = f"w{w.servers.worlds}.work.map"
        if "normalize" not in " ".join(w.crew.roles()):
            raise AssertionError("no process consumes it")
        await THREAD(w.servers.node.ctl, "delete_queue", queue)

        async def ready_again() -> bool:
            status, text = await THREAD(_readiness, w.leadpipe.base)
            seen.append(text)
            return status == 200 and len(seen) > 1

        with suppress(AssertionError):  # the figures ask for what was seen
            await until(ready_again, "readiness", 30)
        await _without_consumers(w, queue, seen)
        w.load.resume()
        w.mend()

    async def figures(w: World) -> None:
        w.verdict.require(any("work.map" in text for text in seen), "/readyz did not name the queue that was missing")

    w.figures = figures
    await w.loaded(12, faults)


async def _without_consumers(w: World, queue: str, seen: list[str]) -> None:
    """The queue deleted while nobody consumes it: nobody declares it again before the next process starts."""
    w.crew.held = True
    for role in w.crew.roles():
        w.crew.kill(role)
        await THREAD(w.crew.members[role].process.wait, PROCESSES)
    await THREAD(w.servers.node.ctl, "delete_queue", queue)

    async def named() -> bool:
        seen.append((await THREAD(_readiness, w.leadpipe.base))[1])
        return "work.map" in seen[-1]

    with suppress(AssertionError):  # the figures ask for what was seen
        if not (seen and "work.map" in seen[-1]):
            await until(named, "the missing queue's name", 15)
    w.crew.held = False


def _readiness(base: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"{base}/readyz", timeout=5) as answer:  # noqa: S310 - loopback
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)
