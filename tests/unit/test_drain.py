"""Dead letters leave the broker for the store, also those that the broker itself gave up on and those unreadable."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.engine.consumer import Pace
from pipeline.engine.drain import Drain
from pipeline.engine.frame import unpack
from pipeline.engine.outcome import DeadLetter, Transient
from pipeline.engine.topology import Dead, Delivery, Work
from pipeline.engine.transport import Message
from schemas.event import Event, Step
from tests.support.scripted import NOON, Bench, event, running
from tests.support.until import until

DEAD, LAST = Dead("middle"), Work("last")


class Kept:
    """A dead-letter store in memory; `broken` plays a database that is away."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.bodies: list[bytes] = []
        self.stages: set[str] = set()
        self.broken = False
        self.tries = 0

    async def __call__(self, stage: str, events: Sequence[Event], unreadable: Sequence[bytes]) -> None:
        self.tries += 1
        if self.broken:
            raise Transient("the database is away")
        self.stages.add(stage)
        self.events.extend(events)
        self.bodies.extend(unreadable)


def drain(bench: Bench, kept: Kept, stage: str = "middle") -> Drain:
    return Drain(stage, bench.topology, bench.transport, kept, Pace(longest_pause=0.005))


def failed(bench: Bench, stage: str) -> Event:
    """An event as `stage` gives it up."""
    exits = bench.topology.route(stage, Delivery(event(), 2), DeadLetter("no"), Step(stage, 2, 0.0, 0.0), NOON)
    return exits[0].event


async def test_dead_letters_are_kept_as_they_died() -> None:
    bench, kept = await Bench.open(), Kept()
    dead = [failed(bench, "middle") for _ in range(5)]
    await bench.send(*dead, to=DEAD, per_frame=2)
    async with running(drain(bench, kept)):
        await until(lambda: len(kept.events) == 5)
    assert kept.events == dead
    assert kept.stages == {"middle"}
    assert await bench.ready(DEAD) == 0
    assert await bench.ready(LAST) == 0, "the stage told the hearers already"


async def test_what_the_broker_gave_up_on_gets_a_failure_and_the_hearers_are_told() -> None:
    bench, kept = await Bench.open(), Kept()
    lost = event()
    await bench.send(lost, to=DEAD)
    async with running(drain(bench, kept)):
        await until(lambda: kept.events)
    [died] = kept.events
    assert died.id == lost.id
    assert died.failure is not None
    assert (died.failure.stage, died.failure.kind, died.failure.error) == ("middle", "poison", "DeliveryLimitReached")
    [told] = await bench.empty(LAST)
    assert told.event.failure == died.failure
    assert await bench.ready(DEAD) == 0


async def test_given_up_in_a_stage_that_heard_of_anothers_failure_it_is_that_stages_dead_letter() -> None:
    bench, kept = await Bench.open(), Kept()
    heard = failed(bench, "middle")
    await bench.send(heard, to=Dead("last"))
    async with running(drain(bench, kept, "last")):
        await until(lambda: kept.events)
    assert [died.failure and died.failure.stage for died in kept.events] == ["last"]


async def test_unreadable_frames_are_kept_as_they_are() -> None:
    bench, kept = await Bench.open(), Kept()
    dead = failed(bench, "middle")
    await bench.transport.publish([Message(DEAD, b"garbage")])
    await bench.send(dead, to=DEAD)
    async with running(drain(bench, kept)):
        await until(lambda: kept.events and kept.bodies)
    assert kept.bodies == [b"garbage"]
    assert kept.events == [dead]
    assert await bench.ready(DEAD) == 0


async def test_a_letter_that_the_store_refuses_is_kept_as_bytes_and_blocks_no_other() -> None:
    bench, kept = await Bench.open(), Kept()
    dead = [failed(bench, "middle") for _ in range(7)]
    refused = dead[3]

    async def keep(stage: str, events: Sequence[Event], unreadable: Sequence[bytes]) -> None:
        if refused in events:
            raise ValueError("a NUL in a text")
        await kept(stage, events, unreadable)

    await bench.transport.publish([Message(DEAD, b"garbage")])
    await bench.send(*dead, to=DEAD)
    async with running(Drain("middle", bench.topology, bench.transport, keep)):
        await until(lambda: len(kept.events) == 6 and len(kept.bodies) == 2)
    assert {e.id for e in kept.events} == {e.id for e in dead} - {refused.id}
    assert kept.bodies[0] == b"garbage"
    assert [d.event for d in unpack(kept.bodies[1], 0.0)] == [refused]
    assert await bench.ready(DEAD) == 0


async def test_while_the_store_is_away_dead_letters_stay_in_the_broker() -> None:
    bench, kept = await Bench.open(), Kept()
    dead = failed(bench, "middle")
    await bench.send(dead, to=DEAD)
    kept.broken = True
    async with running(drain(bench, kept)):
        await until(lambda: kept.tries > 3)
    assert await bench.ready(DEAD) == 1, "a stop gives it back"

    async with running(drain(bench, kept)):
        await until(lambda: kept.tries > 6)
        kept.broken = False
        await until(lambda: kept.events)
    assert kept.events == [dead]
    assert await bench.ready(DEAD) == 0


async def test_a_connection_lost_before_the_ack_keeps_the_letter_twice_and_never_loses_it() -> None:
    bench, kept = await Bench.open(), Kept()
    dead = failed(bench, "middle")
    await bench.send(dead, to=DEAD)

    async def keep_and_cut(stage: str, events: Sequence[Event], unreadable: Sequence[bytes]) -> None:
        await kept(stage, events, unreadable)
        if kept.tries == 1:
            bench.transport.cut()

    async with running(Drain("middle", bench.topology, bench.transport, keep_and_cut)):
        await until(lambda: kept.tries == 2)
    assert kept.events == [dead, dead]
    assert await bench.ready(DEAD) == 0
