"""Quarantine: an event that ends processes is found, alone, and takes neither its frame nor other frames along."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st

from pipeline.daemon.trial import ProcessTrial, TrialChild
from pipeline.engine.consumer import Pace
from pipeline.engine.frame import Bounds
from pipeline.engine.outcome import DeadLetter, Drop, Forward, Outcome, Retry, Transient
from pipeline.engine.quarantine import CONVINCED, RENEWED, Died, decide_apart, dump_outcome, outcome_of
from pipeline.engine.runner import Runner
from pipeline.engine.topology import Dead, Work
from pipeline.engine.transport import Parcel
from pipeline.settings import Settings
from schemas.event import Event
from tests.support.scripted import Bench, event, running
from tests.support.until import PATIENCE, until

MINE, LAST, DEAD = Work("middle"), Work("last"), Dead("middle")

STAGE = """
import os
from pipeline.engine.outcome import Forward, Transient
from pipeline.engine.stage import stage

@stage(after="normalize", before="map")
async def hazard(batch, tools):
    print("a stage may print")
    for event in batch:
        match event.data["do"]:
            case "exit":
                os._exit(7)
            case "signal":
                os.kill(os.getpid(), 11)
            case "wait":
                raise Transient("not now")
            case "raise":
                raise ValueError("a bug")
            case "unportable":
                event = event.evolve(data={"number": 10**30})
                return [Forward(event)]
    return [Forward(event.evolve(notes=("seen",))) for event in batch]
"""


class ScriptedTrial:
    """Ends when it is handed one of `killers`."""

    def __init__(self, *killers: str) -> None:
        self.killers = set(killers)
        self.batches: list[list[str]] = []

    async def run(self, events: Sequence[Event]) -> list[Outcome]:
        self.batches.append([event.id for event in events])
        if any(event.id in self.killers for event in events):
            raise Died("exit code 9")
        return [Forward(event.evolve(notes=("apart",))) for event in events]


async def at_once(work: Callable[[], Awaitable[list[Outcome]]]) -> list[Outcome]:
    return await work()


@settings_of(max_examples=40)
@given(st.integers(1, 40), st.data())
def test_only_the_killers_die_whatever_their_number_and_place(size: int, data: st.DataObject) -> None:
    events = [event() for _ in range(size)]
    killers = {events[place].id for place in data.draw(st.sets(st.integers(0, size - 1)))}
    trial = ScriptedTrial(*killers)
    outcomes = asyncio.run(decide_apart("middle", events, trial, at_once))
    dead = {e.id for e, outcome in zip(events, outcomes, strict=True) if isinstance(outcome, DeadLetter)}
    assert dead == killers
    assert all(
        outcome.event.id == e.id for e, outcome in zip(events, outcomes, strict=True) if isinstance(outcome, Forward)
    )
    alone = Counter(batch[0] for batch in trial.batches if len(batch) == 1 and batch[0] in killers)
    assert set(alone.values()) <= {CONVINCED}, "nobody is convicted by one accident, or without having been alone"


async def test_a_suspicious_frame_is_worked_on_apart_and_others_as_always() -> None:
    bench = await Bench.open()
    killer, neighbours, others = event(), [event() for _ in range(9)], [event() for _ in range(5)]
    await bench.send(*neighbours[:4], killer, *neighbours[4:])
    for _ in range(2):  # two processes take it and end
        taken: list[Parcel] = []
        subscription = await bench.transport.subscribe(MINE, taken.append, lambda: None, 1)
        assert len(taken) == 1
        await subscription.cancel()
        await subscription.release(taken)
    await bench.send(*others)
    trial = ScriptedTrial(killer.id)
    runner = Runner(
        bench.topology.stages["middle"], bench.topology, bench.transport, None, Pace(linger=0), Bounds(),
        [bench.reports.append], trial,
    )  # fmt: skip
    async with running(runner):
        await until(lambda: sum(report.events for report in bench.reports) == 15)
    [died] = [delivery.event for delivery in await bench.empty(DEAD)]
    assert died.id == killer.id
    assert died.failure is not None
    assert died.failure.kind == "poison"
    assert "ended 2 times: exit code 9" in died.failure.reason
    ends = {delivery.event.id: delivery.event for delivery in await bench.empty(LAST)}
    assert all(ends[e.id].notes == ("apart",) for e in neighbours)
    assert all(ends[e.id].notes == () for e in others), "a frame that nobody suspects is worked on in the process"
    assert RENEWED > CONVINCED


@pytest.mark.parametrize(
    "outcome",
    [
        Forward(event(notes=("a",), occurred_at=None)),
        Retry("busy", 3.0, "error", "trace"),
        DeadLetter("no", "rejected", "phone", "1", "a rule"),
        Drop("a test call"),
    ],
)
def test_an_outcome_comes_out_of_a_trial_as_it_was(outcome: Outcome) -> None:
    assert outcome_of(orjson.loads(dump_outcome(outcome))) == outcome


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    (tmp_path / "hazard.py").write_text(STAGE)
    return Settings(database_url=database_url, stage_dirs=[tmp_path], data_dir=tmp_path)


async def test_a_process_apart_answers_dies_and_is_there_again(settings: Settings) -> None:
    child = TrialChild(settings)
    trial = ProcessTrial("hazard", child)
    try:
        good = event()
        [outcome] = await trial.run([good])
        assert outcome == Forward(good.evolve(notes=("seen",)))
        with pytest.raises(Died, match="exit code 7"):
            await trial.run([event("exit")])
        with pytest.raises(Died, match="SIGSEGV"):
            await trial.run([event(), event("signal")])
        with pytest.raises(Transient, match="not now"):
            await trial.run([event("wait")])
        odd, retried = event("unportable"), event("raise")
        assert [type(o) for o in [*await trial.run([odd]), *await trial.run([retried])]] == [Retry, Retry]
    finally:
        await child.close()


async def test_the_process_apart_ends_with_its_parent(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.daemon.trial.GOODBYE", PATIENCE)
    child = TrialChild(settings)
    await asyncio.gather(*(ProcessTrial("hazard", child).run([event()]) for _ in range(3)))  # three stages, one child
    process = child._child
    assert process is not None
    await child.close()
    assert process.returncode == 0
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
