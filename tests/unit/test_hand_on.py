"""Stages of one process hand batches on in memory; the broker holds every event until its successor is durable."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from pipeline.engine.runner import Runner
from pipeline.engine.topology import Dead, Work
from pipeline.engine.transport import Message
from pipeline.transport.memory import MemoryTransport
from tests.support.scripted import Bench, event, running
from tests.support.until import until

FIRST, MIDDLE, LAST, DEAD = Work("first"), Work("middle"), Work("last"), Dead("middle")


class Heard(MemoryTransport):
    """A broker that remembers what was published where."""

    def __init__(self) -> None:
        super().__init__()
        self.published: Counter[str] = Counter()

    async def publish(self, messages: Sequence[Message]) -> None:
        self.published.update(message.to.queue for message in messages)
        await super().publish(messages)


def runners(bench: Bench) -> list[Runner]:
    """`first` and the scripted `middle` in one process; `last` is somewhere else."""
    first = Runner(bench.topology.stages["first"], bench.topology, bench.transport, None)
    both = [first, bench.runner(observers=())]
    for runner in both:
        runner.hand_on_to(both)
    return both


async def test_a_batch_goes_through_both_stages_and_the_broker_sees_its_end_alone() -> None:
    transport = Heard()
    bench = await Bench.open(transport)
    sent = [event() for _ in range(20)]
    await bench.send(*sent, to=FIRST, per_frame=4)
    transport.published.clear()
    async with running(*runners(bench)):
        await until(lambda: bench.ready_now(LAST) and not bench.ready_now(FIRST))
        await until(lambda: sum(report.events for report in bench.reports) == 20)
    came = [delivery.event for delivery in await bench.empty(LAST)]
    assert [e.id for e in came] == [e.id for e in sent]
    assert all([step.stage for step in e.trail] == ["first", "middle"] for e in came)
    assert set(transport.published) == {LAST.queue}


async def test_a_process_that_ends_in_the_middle_loses_nothing() -> None:
    """The frame is the first stage's until the last has published what follows from it."""
    bench = await Bench.open()
    sent = event("block")
    await bench.send(sent, to=FIRST)
    tasks = [asyncio.create_task(runner.run()) for runner in runners(bench)]
    await bench.script.gate_reached.wait()
    assert bench.ready_now(FIRST) == bench.ready_now(LAST) == 0
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert [delivery.event.id for delivery in await bench.empty(FIRST)] == [sent.id]
    assert bench.ready_now(MIDDLE) == bench.ready_now(LAST) == 0


async def test_a_retry_waits_on_its_rung_and_comes_back_to_the_stage_that_asked_for_it() -> None:
    bench = await Bench.open()
    busy, good = event("retry"), event()
    await bench.send(busy, good, to=FIRST)
    async with running(*runners(bench)):
        await until(lambda: bench.ready_now(DEAD))
    [died] = [delivery.event for delivery in await bench.empty(DEAD)]
    assert died.id == busy.id and died.failure is not None
    assert (died.failure.stage, died.failure.attempts) == ("middle", 3)
    assert [step.stage for step in died.trail] == ["first"], "the first stage did it once"
    assert bench.script.tries[good.id] == 1


async def test_a_dead_letter_and_a_drop_are_told_where_ends_are_heard() -> None:
    bench = await Bench.open()
    rejected, dropped, good = event("reject"), event("drop"), event()
    await bench.send(rejected, dropped, good, to=FIRST)
    async with running(*runners(bench)):
        await until(lambda: bench.ready_now(LAST) and bench.ready_now(DEAD))
    assert [delivery.event.id for delivery in await bench.empty(DEAD)] == [rejected.id]
    heard = {delivery.event.id: delivery.event for delivery in await bench.empty(LAST)}
    assert heard.keys() == {rejected.id, dropped.id, good.id}
    assert heard[rejected.id].failure is not None
    assert heard[dropped.id].result == {"outcome": "dropped", "reason": "a test call"}


@pytest.mark.parametrize("do", ["raise", "short", "nothing", "another", "unportable"])
async def test_a_culprit_dies_where_it_is_to_blame_and_the_others_go_on(do: str) -> None:
    bench = await Bench.open()
    good, bad = [event() for _ in range(6)], event(do)
    await bench.send(*good[:3], bad, *good[3:], to=FIRST)
    async with running(*runners(bench)):
        await until(lambda: bench.ready_now(DEAD))
        await until(lambda: not bench.ready_now(MIDDLE))
    [died] = [delivery.event for delivery in await bench.empty(DEAD)]
    assert died.id == bad.id
    assert died.failure is not None and died.failure.stage == "middle"
    passed = [d.event.id for d in await bench.empty(LAST) if not d.event.failure]
    assert Counter(passed) == Counter(e.id for e in good)


async def test_an_outage_in_a_later_stage_holds_the_frame_and_spends_no_attempt() -> None:
    bench = await Bench.open()
    sent = event()
    bench.script.world_is_broken = True
    await bench.send(sent, to=FIRST)
    async with running(*(both := runners(bench))):
        await until(lambda: both[0].consumer.waiting)
        assert bench.ready_now(LAST) == 0
        bench.script.world_is_broken = False
        await until(lambda: bench.ready_now(LAST))
    [came] = await bench.empty(LAST)
    assert [step.attempt for step in came.event.trail] == [1, 1]
