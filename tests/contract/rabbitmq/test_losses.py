"""Every way in which a connection to RabbitMQ goes bad: nothing is lost, and consumers come back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiormq.abc import AbstractChannel
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engine.topology import Work
from pipeline.engine.transport import BrokerUnavailable, Depth, Message
from pipeline.transport.rabbitmq import RabbitMQTransport
from pipeline.transport.rabbitmq.feed import settlements
from tests.contract.rabbitmq.conftest import MAP, Opener, numbered, published
from tests.support.consuming import Hands
from tests.support.proxy import Proxy
from tests.support.rabbitmq import PrivateRabbitMQ
from tests.support.until import PATIENCE, PROCESSES, until


class TestLosses:
    async def test_after_a_cut_an_ack_does_nothing_and_everything_comes_again(
        self, opened: Opener, proxy: Proxy
    ) -> None:
        async with opened(proxy.port) as transport:
            hands = Hands()
            subscription = await hands.subscribe(transport, MAP)
            await transport.publish(numbered(10))
            stale = await hands.take(10)
            proxy.cut()
            await subscription.ack(stale[:5])
            await subscription.release(stale[5:])
            again = await hands.take(10)
            assert hands.lost == 1
            assert sorted((parcel.body, parcel.deliveries) for parcel in again) == [(b"%d" % n, 2) for n in range(10)]
            await subscription.ack(stale)  # the same delivery tags as `again`, of a channel that is gone
            await subscription.release(again)
            assert {parcel.deliveries for parcel in await hands.take(10)} == {3}

    async def test_consumers_and_publishers_survive_many_cuts(
        self, opened: Opener, proxy: Proxy, transport: RabbitMQTransport
    ) -> None:
        async with opened(proxy.port) as cut_off:
            hands = Hands()
            subscription = await hands.subscribe(cut_off, MAP)
            for round_ in range(5):
                proxy.cut()
                body = b"round %d" % round_
                await until(lambda body=body: published(cut_off, body))
                await until(lambda body=body: body in hands.bodies)
                await subscription.ack(hands.all)
            assert hands.lost == 5
            assert (await transport.depths())[MAP.queue].consumers == 1

    async def test_a_deleted_queue_comes_back_with_its_consumer(
        self, transport: RabbitMQTransport, plain: AbstractChannel, prefix: str
    ) -> None:
        hands = Hands()
        subscription = await hands.subscribe(transport, MAP)
        await transport.publish([Message(MAP, b"gone with it")])
        doomed = await hands.take()
        await plain.queue_delete(f"{prefix}work.map")
        await until(lambda: published(transport, b"after"))
        await until(lambda: b"after" in hands.bodies)
        await subscription.ack(doomed)
        assert hands.lost == 1

    async def test_the_watchdog_replaces_a_consumer_that_the_broker_has_forgotten(self, opened: Opener) -> None:
        async with opened(watch_interval=0.2) as transport:
            hands = Hands()
            subscription = await hands.subscribe(transport, MAP)
            await subscription.feed.stop()  # type: ignore[attr-defined]  # the broker's side only
            await transport.publish([Message(MAP, b"x")])
            assert [parcel.body for parcel in await hands.take()] == [b"x"]
            assert hands.lost == 1

    async def test_the_watchdog_leaves_a_slow_consumer_alone(
        self, opened: Opener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with opened(watch_interval=0.05) as transport:
            looks: list[str] = []
            depth = transport._control.depth

            async def counted(queue: str) -> Depth | None:
                looks.append(queue)
                return await depth(queue)

            monkeypatch.setattr(transport._control, "depth", counted)
            full, idle = Hands(), Hands()
            await full.subscribe(transport, MAP, prefetch=1)
            await idle.subscribe(transport, Work("log"))
            await transport.publish(numbered(3))
            await full.take()
            await until(lambda: len(looks) > 10)  # at the idle one: the full one's hands are full
            assert full.lost == idle.lost == 0

    async def test_a_consumer_can_be_cancelled_while_the_broker_is_away(self, opened: Opener, proxy: Proxy) -> None:
        async with opened(proxy.port, publish_timeout=1) as transport:
            hands = Hands()
            subscription = await hands.subscribe(transport, MAP)
            await transport.publish(numbered(2))
            parcels = await hands.take(2)
            proxy.swallow()
            proxy.cut()
            await until(lambda: hands.lost == 1)
            async with asyncio.timeout(PATIENCE):
                await subscription.cancel()
                await subscription.release(parcels)

    @pytest.mark.parametrize("how", ["stop_app", "kill"])
    async def test_nothing_confirmed_is_lost_when_the_broker_restarts_under_load(
        self, opened: Opener, rabbitmq_node: PrivateRabbitMQ, how: str
    ) -> None:
        async with opened() as producer, opened() as worker:
            confirmed: set[bytes] = set()
            hands = Hands()
            subscription = await hands.subscribe(worker, MAP, prefetch=20)
            over = asyncio.Event()
            producing = asyncio.create_task(produce(producer, confirmed, over))
            working = asyncio.create_task(acknowledge(hands, subscription))
            await until(lambda: len(confirmed) > 200)
            await asyncio.to_thread(crash, rabbitmq_node, how)
            before = len(confirmed)
            await until(lambda: len(confirmed) > before + 200, within=PROCESSES)
            over.set()
            await producing
            await until(lambda: confirmed <= set(hands.bodies))
            await until(lambda: drained(worker))
            working.cancel()
            assert hands.lost == 1


def crash(node: PrivateRabbitMQ, how: str) -> None:
    if how == "kill":
        node.restart()
    else:
        node.stop_app()
        node.start_app()


async def produce(transport: RabbitMQTransport, confirmed: set[bytes], over: asyncio.Event) -> None:
    number = 0
    while not over.is_set():
        batch = [b"%d" % each for each in range(number, number + 20)]
        number += 20
        try:
            await transport.publish([Message(MAP, body) for body in batch])
            confirmed.update(batch)
        except BrokerUnavailable:
            await until(lambda: published(transport, b"again"), within=2 * PROCESSES)  # the test itself says by when


async def acknowledge(hands: Hands, subscription: Any) -> None:
    while True:
        await subscription.ack(await hands.take(within=2 * PROCESSES))


async def drained(transport: RabbitMQTransport) -> bool:
    return (await transport.depths())[MAP.queue] == Depth(0, 1)


@given(st.data())
def test_settlements_settle_exactly_what_was_meant(data: st.DataObject) -> None:
    unsettled = sorted(data.draw(st.sets(st.integers(1, 40))))
    meant = data.draw(st.sets(st.sampled_from(unsettled))) if unsettled else set()
    strangers = data.draw(st.sets(st.integers(41, 50)))
    left = set(unsettled)
    for tag, multiple in settlements(unsettled, meant | strangers):
        assert tag in left, "RabbitMQ closes the channel on a tag it does not know"
        left -= {each for each in left if each <= tag} if multiple else {tag}
    assert left == set(unsettled) - meant
