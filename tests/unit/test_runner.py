"""A running stage: one culprit never harms its batch, an outage spends no attempt, every exit comes before the ack."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
import structlog

from pipeline.engine.consumer import Pace
from pipeline.engine.observe import Report, log_batch
from pipeline.engine.outcome import Outcome, Transient
from pipeline.engine.runner import decide
from pipeline.engine.stage import Stage
from pipeline.engine.topology import Dead, Rung, Work
from pipeline.engine.transport import BrokerUnavailable, Message
from pipeline.transport.memory import MemoryTransport
from schemas.event import Event
from tests.support.scripted import Bench, event, running
from tests.support.until import until

LAST, DEAD, MINE = Work("last"), Dead("middle"), Work("middle")


async def test_a_batch_passes_on_in_order_with_its_trail() -> None:
    bench = await Bench.open()
    sent = [event() for _ in range(20)]
    await bench.send(*sent, per_frame=3)
    async with running(bench.runner()):
        await until(lambda: sum(report.events for report in bench.reports) == 20)
    came = [delivery.event for delivery in await bench.empty(LAST)]
    assert [e.id for e in came] == [e.id for e in sent]
    assert all(e.data["done"] and [step.stage for step in e.trail] == ["middle"] for e in came)
    assert await bench.ready(MINE) == 0


async def test_a_batch_that_raises_is_halved_and_only_the_culprit_is_retried_and_dies() -> None:
    bench = await Bench.open()
    sent = [event() for _ in range(32)]
    culprit = sent[21] = event("raise")
    await bench.send(*sent)
    async with running(bench.runner()):
        await until(lambda: bench.ready_now(DEAD))
    [died] = [delivery.event for delivery in await bench.empty(DEAD)]
    assert died.id == culprit.id
    assert died.failure is not None
    assert (died.failure.kind, died.failure.attempts) == ("poison", 3)
    assert died.failure.error == "ValueError: a bug met +919611795983"
    assert "_obey" in (died.failure.trace or "")

    ends = [delivery.event for delivery in await bench.empty(LAST)]
    assert Counter(e.id for e in ends) == Counter(e.id for e in sent), "the others pass once, the culprit is heard of"
    assert [e.id for e in ends if e.failure] == [culprit.id]
    assert sum(report.outcomes["retry"] for report in bench.reports) == 3, "each raise is one verdict"


@pytest.mark.parametrize("do", ["short", "nothing", "another", "unportable"])
async def test_a_stage_that_breaks_its_promise_loses_no_event(do: str) -> None:
    """Too few outcomes, no outcome, another event, a value that JSON cannot carry: as if it had raised."""
    bench = await Bench.open()
    good, bad = event(), event(do)
    await bench.send(good, bad)
    async with running(bench.runner()):
        await until(lambda: bench.ready_now(DEAD))
    assert [delivery.event.id for delivery in await bench.empty(DEAD)] == [bad.id]
    assert [d.event.id for d in await bench.empty(LAST) if not d.event.failure] == [good.id]


async def test_an_exception_text_that_no_store_can_hold_is_made_sound() -> None:
    bench = await Bench.open()
    await bench.send(event("surrogate"))
    async with running(bench.runner()):
        await until(lambda: bench.ready_now(DEAD))
    [died] = [delivery.event for delivery in await bench.empty(DEAD)]
    assert died.failure is not None and died.failure.error is not None
    assert died.failure.error.startswith("ValueError: caf\\udce9 \\x00 xxx")
    assert len(died.failure.error) < 2_100
    assert len(died.failure.trace or "") < 21_000


async def test_poison_and_rejection_die_at_once_and_a_drop_is_heard_of() -> None:
    bench = await Bench.open()
    poison, rejected, dropped = event("poison"), event("reject"), event("drop")
    await bench.send(poison, rejected, dropped)
    async with running(bench.runner()):
        await until(lambda: bench.reports)
    died = {delivery.event.id: delivery.event.failure for delivery in await bench.empty(DEAD)}
    assert {id: failure and (failure.kind, failure.attempts) for id, failure in died.items()} == {
        poison.id: ("poison", 1),
        rejected.id: ("rejected", 1),
    }
    heard = [delivery.event for delivery in await bench.empty(LAST)]
    assert [e.id for e in heard] == [poison.id, rejected.id, dropped.id]
    assert heard[2].result == {"outcome": "dropped", "reason": "a test call"}


async def test_while_the_world_is_broken_the_batch_waits_and_no_attempt_is_spent() -> None:
    bench = await Bench.open()
    bench.script.world_is_broken = True
    sent = [event() for _ in range(30)]
    await bench.send(*sent, per_frame=1)
    runner = bench.runner(pace=Pace(batch=10, prefetch=10, longest_pause=0.005))
    async with running(runner):
        await until(lambda: len(bench.script.calls) > 5)
        assert runner.consumer.waiting == "Transient: the database is away"
        assert runner.consumer.in_hand == 10
        assert await bench.ready(MINE) == 20, "it takes nothing more"
        assert len(set(map(tuple, bench.script.calls))) == 1, "and does not halve"
        bench.script.world_is_broken = False
        await until(lambda: bench.ready_now(LAST) and sum(report.events for report in bench.reports) == 30)
        assert runner.consumer.waiting is None
    came = await bench.empty(LAST)
    assert [d.event.id for d in came] == [e.id for e in sent]
    assert {step.attempt for d in came for step in d.event.trail} == {1}
    assert await bench.ready(DEAD) == 0


async def test_stopped_while_it_waits_it_gives_the_batch_back_to_another() -> None:
    bench = await Bench.open()
    bench.script.world_is_broken = True
    sent = [event() for _ in range(5)]
    await bench.send(*sent, per_frame=2)
    async with running(runner := bench.runner()):
        await until(lambda: runner.consumer.waiting)
    assert await bench.ready(MINE) == 3
    bench.script.world_is_broken = False
    async with running(bench.runner()):
        await until(lambda: bench.reports)
    assert [d.event.id for d in await bench.empty(LAST)] == [e.id for e in sent]


class Flaky(MemoryTransport):
    """A broker whose next publishes fail; `arrives` says whether the messages got there all the same."""

    failures = 0
    arrives = False

    async def publish(self, messages: Sequence[Message]) -> None:
        if self.failures:
            self.failures -= 1
            if self.arrives:
                await super().publish(messages)
            raise BrokerUnavailable("no answer in time")
        await super().publish(messages)


@pytest.mark.parametrize("arrives", [False, True])
async def test_a_publish_that_fails_is_tried_again_without_deciding_again(arrives: bool) -> None:
    bench = await Bench.open(transport := Flaky())
    sent = event()
    await bench.send(sent)
    transport.failures, transport.arrives = 3, arrives
    async with running(bench.runner(pace=Pace(longest_pause=0.005))):
        await until(lambda: bench.reports)
    assert bench.script.tries == {sent.id: 1}
    assert [d.event.id for d in await bench.empty(LAST)] == [sent.id] * (4 if arrives else 1)


async def test_a_connection_lost_between_publish_and_ack_duplicates_and_never_loses() -> None:
    bench = await Bench.open()
    sent = [event() for _ in range(4)]
    await bench.send(*sent)
    cuts = [bench.transport.cut]

    def cut_once(report: Report) -> None:
        if cuts:
            cuts.pop()()

    async with running(bench.runner(observers=[cut_once])):
        await until(lambda: len(bench.reports) == 2)
    assert Counter(d.event.id for d in await bench.empty(LAST)) == {e.id: 2 for e in sent}
    assert await bench.ready(MINE) == 0


async def test_a_connection_lost_while_the_stage_works_is_no_error() -> None:
    bench = await Bench.open()
    sent = event("block")
    await bench.send(sent)
    async with running(bench.runner()):
        await bench.script.gate_reached.wait()
        bench.transport.cut()
        bench.script.gate.set()
        await until(lambda: len(bench.reports) == 2)
    assert [d.event.id for d in await bench.empty(LAST)] == [sent.id] * 2


async def test_a_run_that_is_cancelled_acknowledges_nothing_and_gives_everything_back() -> None:
    bench = await Bench.open()
    sent = [event("block"), event(), event()]
    await bench.send(*sent, per_frame=1)
    task = asyncio.create_task(bench.runner(pace=Pace(batch=1)).run())
    await bench.script.gate_reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await bench.ready(LAST) == 0
    assert {d.event.id for d in await bench.empty(MINE)} == {e.id for e in sent}


async def test_a_task_group_that_fails_cancels_the_runner_without_loss() -> None:
    bench = await Bench.open()
    sent = event("block")
    await bench.send(sent)

    async def neighbour() -> None:
        await bench.script.gate_reached.wait()
        raise RuntimeError("the neighbour fell")

    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            group.create_task(bench.runner().run())
            group.create_task(neighbour())
    assert caught.group_contains(RuntimeError, match="neighbour")
    assert [d.event.id for d in await bench.empty(MINE)] == [sent.id]


async def test_a_stop_finishes_the_batch_in_hand_and_gives_back_the_rest() -> None:
    bench = await Bench.open()
    sent = [event("block"), *(event() for _ in range(9))]
    await bench.send(*sent, per_frame=1)
    runner = bench.runner(pace=Pace(batch=1, prefetch=4))
    task = asyncio.create_task(runner.run())
    await bench.script.gate_reached.wait()
    await runner.stop()
    assert not task.done()
    assert await bench.ready(MINE) == 9
    bench.script.gate.set()
    await task
    assert runner.consumer.in_hand == 0
    assert [d.event.id for d in await bench.empty(LAST)] == [sent[0].id]
    assert [d.event.id for d in await bench.empty(MINE)] == [e.id for e in sent[1:]]


async def test_no_more_frames_are_out_than_prefetch_allows() -> None:
    bench = await Bench.open()
    await bench.send(event("block"), *(event() for _ in range(20)), per_frame=1)
    async with running(bench.runner(pace=Pace(batch=1, prefetch=4))):
        await bench.script.gate_reached.wait()
        assert await bench.ready(MINE) == 17
        bench.script.gate.set()
        await until(lambda: len(bench.reports) == 21)


async def test_an_unreadable_frame_goes_to_the_dead_letters_as_it_is() -> None:
    bench = await Bench.open()
    good = event()
    await bench.transport.publish([Message(MINE, b"garbage +919611795983")])
    await bench.send(good)
    with structlog.testing.capture_logs() as lines:
        async with running(bench.runner()):
            await until(lambda: bench.reports)
    assert await bench.bodies(DEAD) == [b"garbage +919611795983"]
    assert [d.event.id for d in await bench.empty(LAST)] == [good.id]
    assert [line["event"] for line in lines] == ["unreadable frame"]
    assert "9611795983" not in str(lines)


async def test_the_report_counts_and_names_no_person() -> None:
    bench = await Bench.open()
    await bench.send(*(event(do) for do in ("forward", "forward", "retry", "raise", "reject", "poison", "drop")))
    with structlog.testing.capture_logs() as lines:
        async with running(bench.runner(observers=[log_batch])):
            await until(lambda: bench.reports)
    first = bench.reports[0]
    assert (first.stage, first.events) == ("middle", 7)
    assert first.outcomes == {"forward": 2, "retry": 2, "dead_letter": 2, "drop": 1}
    assert first.errors == ("Phone: must be a phone number", "Poison", "ValueError", "unnamed")
    assert first.seconds > 0 and first.waited_ms >= 0
    assert lines[0]["log_level"] == "warning" and lines[0]["retry"] == 2
    assert "9611795983" not in str(lines)


async def test_an_observer_that_raises_harms_nobody() -> None:
    bench = await Bench.open()
    sent = event()
    await bench.send(sent)

    def broken(report: Report) -> None:
        raise ZeroDivisionError

    with structlog.testing.capture_logs() as lines:
        async with running(bench.runner(observers=[broken])):
            await until(lambda: bench.reports)
    assert [d.event.id for d in await bench.empty(LAST)] == [sent.id]
    assert await bench.ready(MINE) == 0
    assert [line["event"] for line in lines] == ["observer failed"]


async def test_a_retried_event_waits_on_the_rung_of_its_attempt_alone() -> None:
    bench = await Bench.open()
    await bench.send(event(), event("retry"), event())
    async with running(bench.runner(observers=[rungs := Rungs(bench)])):
        await until(lambda: bench.ready_now(DEAD))
    assert rungs.seen == [(1, 0), (0, 1), (0, 0)]


class Rungs:
    """An observer that notes how many frames wait on each rung when a batch is settled."""

    def __init__(self, bench: Bench) -> None:
        self.seen: list[tuple[int, ...]] = []
        self._bench = bench

    def __call__(self, report: Report) -> None:
        rungs = self._bench.topology.rungs
        self.seen.append(tuple(self._bench.ready_now(Rung(seconds, "middle")) for seconds in rungs))


async def test_trouble_of_the_world_counts_also_when_it_comes_in_a_group() -> None:
    """As a TaskGroup in a stage raises it; beside it may be other errors, which show again once the world is well."""
    tries: list[int] = []

    async def grouped(batch: Sequence[Event], tools: Any) -> list[Outcome]:
        tries.append(len(batch))
        deeper = ExceptionGroup("deeper", [Transient("the database is away")])
        raise ExceptionGroup("both", [ValueError("x"), deeper])

    with pytest.raises(Transient, match="the database is away"):
        await decide(Stage("middle", grouped), [event(), event()], None)
    assert tries == [2], "nothing is halved for it"
