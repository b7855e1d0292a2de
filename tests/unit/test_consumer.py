"""The loop under every worker: subscribe, take, handle, acknowledge; stop at any moment, any number of times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import pytest
import structlog

from pipeline.engine.consumer import Consumer, Pace, Stopped
from pipeline.engine.inbox import Batch
from pipeline.engine.outcome import Transient
from pipeline.engine.topology import Address, Work
from pipeline.engine.transport import Parcel, Subscription
from pipeline.transport.memory import MemoryTransport
from tests.support.scripted import Bench, event, running
from tests.support.until import PATIENCE, until

MINE = Work("middle")
FAST = Pace(longest_pause=0.005)


async def ignore(batch: Batch) -> None:
    """Handle nothing."""


async def test_it_waits_for_a_broker_that_is_away_and_stop_ends_the_wait() -> None:
    bench = await Bench.open()
    bench.transport.connected = False
    consumer = Consumer(MINE, bench.transport, ignore, FAST)
    async with running(consumer) as [task]:
        await until(lambda: consumer.waiting)
        assert consumer.waiting == "BrokerUnavailable: the broker is away"
    assert task.done()


async def test_it_begins_when_the_broker_comes_back() -> None:
    bench = await Bench.open()
    await bench.send(event())
    bench.transport.connected = False
    handled: list[Batch] = []

    async def note(batch: Batch) -> None:
        handled.append(batch)

    async with running(consumer := Consumer(MINE, bench.transport, note, FAST)):
        await until(lambda: consumer.waiting)
        bench.transport.connected = True
        await until(lambda: handled)
        assert consumer.waiting is None


async def test_a_long_outage_is_one_line_in_the_log() -> None:
    bench = await Bench.open()
    tries = 0

    async def broken() -> None:
        nonlocal tries
        tries += 1
        if tries < 10:
            raise Transient("the database is away")

    with structlog.testing.capture_logs() as lines:
        await Consumer(MINE, bench.transport, ignore, FAST).patiently(broken)
    assert tries == 10
    assert [line["reason"] for line in lines] == ["Transient: the database is away"]


async def test_patience_is_for_the_world_only() -> None:
    async def bug() -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await Consumer(MINE, MemoryTransport(), ignore, FAST).patiently(bug)


async def test_patience_awaits_whatever_gives_an_awaitable() -> None:
    """A lambda, a partial or an object: what is not awaited would be taken for done, and its batch acknowledged."""

    class Work:
        async def __call__(self, answer: str) -> str:
            return answer

    async def plain() -> str:
        return "plain"

    consumer = Consumer(MINE, MemoryTransport(), ignore, FAST)
    assert await consumer.patiently(plain) == "plain"
    assert await consumer.patiently(lambda: plain()) == "plain"
    assert await consumer.patiently(partial(Work(), "an object")) == "an object"


async def test_patience_ends_with_stop() -> None:
    consumer = Consumer(MINE, MemoryTransport(), ignore, Pace(longest_pause=60))

    async def broken() -> None:
        raise Transient("away")

    waiting = asyncio.create_task(consumer.patiently(broken))
    await until(lambda: consumer.waiting)
    await consumer.stop()
    with pytest.raises(Stopped):
        await waiting


async def test_a_handler_that_raises_ends_the_run_and_gives_its_batch_back() -> None:
    bench = await Bench.open()
    sent = [event(), event()]
    await bench.send(*sent, per_frame=1)

    async def bug(batch: Batch) -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await Consumer(MINE, bench.transport, bug, Pace(batch=1)).run()
    assert {d.event.id for d in await bench.empty(MINE)} == {e.id for e in sent}


async def test_stop_before_run_and_twice_and_at_once() -> None:
    bench = await Bench.open()
    sent = event()
    await bench.send(sent)
    consumer = Consumer(MINE, bench.transport, ignore, FAST)
    await consumer.stop()
    await consumer.run()
    await asyncio.gather(consumer.stop(), consumer.stop())
    assert [d.event.id for d in await bench.empty(MINE)] == [sent.id]


class Strict(MemoryTransport):
    """A broker that lets go slowly, and whose library does not like to be told twice."""

    def __init__(self) -> None:
        super().__init__()
        self.cancels = 0
        self.subscribing = asyncio.Event()
        self.may_subscribe = asyncio.Event()
        self.may_subscribe.set()

    async def subscribe(
        self, source: Address, deliver: Callable[[Parcel], None], lost: Callable[[], None], prefetch: int
    ) -> Subscription:
        self.subscribing.set()
        await self.may_subscribe.wait()
        subscription = await super().subscribe(source, deliver, lost, prefetch)
        cancel = subscription.cancel

        async def once() -> None:
            self.cancels += 1
            assert self.cancels == 1, "cancelled twice"
            await asyncio.sleep(0)
            await cancel()

        subscription.cancel = once  # type: ignore[method-assign]
        return subscription


async def test_however_often_it_is_stopped_the_subscription_is_cancelled_once() -> None:
    bench = await Bench.open(transport := Strict())
    consumer = Consumer(MINE, transport, ignore, FAST)
    task = asyncio.create_task(consumer.run())
    await until(lambda: transport.subscribing.is_set())
    await until(lambda: consumer._subscription)
    await asyncio.gather(*(consumer.stop() for _ in range(5)), task)
    await consumer.stop()
    assert transport.cancels == 1
    assert (await bench.transport.depths())[MINE.queue].consumers == 0


async def test_stopped_while_it_subscribes_it_handles_nothing_and_gives_everything_back() -> None:
    bench = await Bench.open(transport := Strict())
    transport.may_subscribe.clear()
    sent = [event() for _ in range(3)]
    await bench.send(*sent, per_frame=1)
    handled: list[Batch] = []

    async def note(batch: Batch) -> None:
        handled.append(batch)

    consumer = Consumer(MINE, transport, note, FAST)
    task = asyncio.create_task(consumer.run())
    await transport.subscribing.wait()
    await consumer.stop()
    transport.may_subscribe.set()
    await task
    assert handled == []
    assert await bench.ready(MINE) == 3


async def test_a_busy_queue_does_not_keep_a_stopped_consumer() -> None:
    bench = await Bench.open()
    handled = 0

    async def refill(batch: Batch) -> None:
        nonlocal handled
        handled += 1
        await bench.send(event())
        if handled == 3:
            await consumer.stop()

    consumer = Consumer(MINE, bench.transport, refill, FAST)
    await bench.send(event())
    async with asyncio.timeout(PATIENCE):
        await consumer.run()
    assert handled == 3
    assert await bench.ready(MINE) == 1
