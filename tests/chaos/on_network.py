"""Scenarios on the wire, and the two long ones that put everything together."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Sequence

from tests.chaos.catalogue import scenario
from tests.chaos.on_servers import THREAD, recovered
from tests.chaos.world import World
from tests.support.proxy import Proxy


def _proxies(w: World) -> list[Proxy]:
    return [proxy for proxy in (w.to_postgres, w.to_rabbitmq) if proxy is not None]


@scenario("R14a", "network swallows for 30 s", rate=100, proxies=True)
async def swallowed(w: World) -> None:
    async def faults() -> None:
        for proxy in _proxies(w):
            proxy.swallow()
            await w.lasting(12, long=30)
            proxy.heal()
            proxy.cut()  # what was half-open is gone for good
            w.mend()
            await w.lasting(5, long=10)

    w.figures = recovered(15)
    await w.loaded(30, faults)


@scenario("R14b", "connections reset, every 0.3-2 s", rate=150, proxies=True, small={"rate": 100})
async def reset(w: World) -> None:
    async def faults() -> None:
        ends = time.monotonic() + (30 if w.long else 8)
        while time.monotonic() < ends:
            w.chance.choice(_proxies(w)).cut()
            await asyncio.sleep(w.chance.uniform(0.3, 2))
        w.mend()

    w.figures = recovered(10)
    await w.loaded(36 if w.long else 10, faults)


@scenario("R14c", "1 KB/s, then 500 ms each way", rate=40, proxies=True)
async def slow(w: World) -> None:
    async def faults() -> None:
        for proxy in _proxies(w):
            proxy.bandwidth = 1024
        await w.lasting(8, long=20)
        for proxy in _proxies(w):
            proxy.heal()
            proxy.delay = 0.5
        await w.lasting(8, long=20)
        for proxy in _proxies(w):
            proxy.heal()
        w.mend()

    w.figures = recovered(30)
    await w.loaded(45 if w.long else 20, faults)


@scenario("R14d", "5 ms more each way", rate=300, proxies=True, small={"rate": 150})
async def latency(w: World) -> None:
    """The full rate goes through."""
    for proxy in _proxies(w):
        proxy.delay = 0.005
    w.mend()
    w.figures = recovered(5)
    await w.loaded(20 if w.long else 6)


@scenario("R16", "one stage sleeps 1 s a batch", rate=200, slow=True, small={"rate": 100})
async def slow_consumer(w: World) -> None:
    w.mend()
    await w.loaded(20 if w.long else 6)

    async def figures(w: World) -> None:
        p99 = w.load.told.quantile(0.99)
        w.memory_is_flat()
        w.verdict.notes["p99_ms"] = round(p99)
        w.verdict.require((w.verdict.recovery or 99) <= 5, "the other stages were held up")

    w.figures = figures


@scenario("ALL", "a SIGKILL a second, servers twice", rate=450, batch=15, twice=True, patience=240, small={"rate": 200})
async def everything(w: World) -> None:
    """100,000 events; a random process of ours dies each second, RabbitMQ and PostgreSQL twice each."""
    count = 100_000 if w.long else 4_000
    w.load.insistent = True
    span = count / w.load.rate
    faults = [_kill_postgres(w, [0.2 * span, 0.7 * span])]
    if w.servers.rabbitmq is not None:
        faults.append(_kill_rabbitmq(w, [0.4 * span, 0.85 * span]))
    breaking = [asyncio.create_task(fault) for fault in faults]
    sending = asyncio.create_task(w.load.run(count=count))
    while not sending.done():
        w.crew.kill(w.chance.choice(w.crew.roles(ingress=True)))
        await asyncio.wait([sending], timeout=1.0)
    await asyncio.gather(sending, *breaking)
    w.mend()


async def _kill_postgres(w: World, times: Sequence[float]) -> None:
    """At these seconds from now, or as soon after as it is up again."""
    async for _ in _at(times):
        await THREAD(w.postgres.stop, signal.SIGKILL)
        await THREAD(w.postgres.start)


async def _kill_rabbitmq(w: World, times: Sequence[float]) -> None:
    async for _ in _at(times):
        await THREAD(w.servers.node.kill)
        await THREAD(w.servers.node.start)


async def _at(times: Sequence[float]) -> AsyncIterator[None]:
    began = time.monotonic()
    for at in times:
        await asyncio.sleep(began + at - time.monotonic())
        yield
