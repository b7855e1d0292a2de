"""The chain as a value: how stages are put in order, and the whole delivery policy as a table."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engine.outcome import DeadLetter, Drop, Forward, Outcome, Retry
from pipeline.engine.stage import Stage
from pipeline.engine.topology import Dead, Delivery, Exit, Rung, Topology, TopologyError, Work
from schemas.event import Step
from tests.support.scripted import event, forward

RUNGS = (5, 30, 300)
AT = datetime(2026, 3, 1, tzinfo=UTC)


def named(name: str, after: str | None = None, before: str | None = None, hears_ends: bool = False) -> Stage:
    return Stage(name, forward, after, before, hears_ends)


CHAIN = Topology.of(
    [
        named("normalize"),
        named("upsert", "normalize"),
        named("log", "upsert", hears_ends=True),
        named("notify", "log", hears_ends=True),
    ],
    RUNGS,
)
INCOMING = event()


def exits(stage: str, attempt: int, outcome: Outcome, chain: Topology = CHAIN) -> list[Exit]:
    delivery = Delivery(INCOMING, attempt, waited_ms=3.0)
    return chain.route(stage, delivery, outcome, Step(stage, attempt, 3.0, 1.0), AT)


def places(stage: str, attempt: int, outcome: Outcome, chain: Topology = CHAIN) -> list[tuple[str, int]]:
    return [(exit.to.queue, exit.attempt) for exit in exits(stage, attempt, outcome, chain)]


FORWARD, RETRY, DEAD, DROP = Forward(INCOMING), Retry("busy"), DeadLetter("no"), Drop("a test call")

POLICY: list[tuple[str, int, Outcome, list[tuple[str, int]]]] = [
    # stage, attempt, outcome → queue and attempt
    ("normalize", 1, FORWARD, [("work.upsert", 1)]),
    ("normalize", 4, FORWARD, [("work.upsert", 1)]),
    ("upsert", 2, FORWARD, [("work.log", 1)]),
    ("log", 1, FORWARD, [("work.notify", 1)]),
    ("notify", 1, FORWARD, []),
    ("normalize", 1, RETRY, [("retry.5s", 2)]),
    ("normalize", 2, RETRY, [("retry.30s", 3)]),
    ("normalize", 3, RETRY, [("retry.300s", 4)]),
    ("normalize", 4, RETRY, [("dead.normalize", 1), ("work.log", 1)]),
    ("normalize", 9, RETRY, [("dead.normalize", 1), ("work.log", 1)]),  # the ladder was shortened meanwhile
    ("log", 4, RETRY, [("dead.log", 1), ("work.notify", 1)]),
    ("notify", 4, RETRY, [("dead.notify", 1)]),
    ("upsert", 1, Retry("429", delay=0), [("retry.5s", 2)]),
    ("upsert", 1, Retry("429", delay=30), [("retry.30s", 2)]),
    ("upsert", 1, Retry("429", delay=31), [("retry.300s", 2)]),
    ("upsert", 3, Retry("429", delay=1), [("retry.5s", 4)]),
    ("upsert", 1, Retry("429", delay=86_400), [("retry.300s", 2)]),  # longer than the longest there is
    ("upsert", 4, Retry("429", delay=1), [("dead.upsert", 1), ("work.log", 1)]),
    ("normalize", 1, DEAD, [("dead.normalize", 1), ("work.log", 1)]),
    ("upsert", 3, DEAD, [("dead.upsert", 1), ("work.log", 1)]),
    ("log", 1, DEAD, [("dead.log", 1), ("work.notify", 1)]),
    ("notify", 1, DEAD, [("dead.notify", 1)]),
    ("normalize", 1, DROP, [("work.log", 1)]),
    ("upsert", 1, DROP, [("work.log", 1)]),
    ("log", 1, DROP, [("work.notify", 1)]),
    ("notify", 1, DROP, []),
]


@pytest.mark.parametrize(("stage", "attempt", "outcome", "expected"), POLICY)
def test_the_delivery_policy(stage: str, attempt: int, outcome: Outcome, expected: list[tuple[str, int]]) -> None:
    assert places(stage, attempt, outcome) == expected


@pytest.mark.parametrize("stage", CHAIN.stages)
def test_a_batch_goes_where_each_of_its_events_would_go_alone(stage: str) -> None:
    rows = [(attempt, outcome) for name, attempt, outcome, _ in POLICY if name == stage]
    steps = [Step(stage, attempt, 3.0, 1.0) for attempt, _ in rows]
    together = CHAIN.exits(stage, [INCOMING] * len(rows), [outcome for _, outcome in rows], steps, AT)
    alone = [exit for attempt, outcome in rows for exit in exits(stage, attempt, outcome)]
    assert together == alone


def test_a_batch_needs_an_outcome_and_a_step_for_each_event() -> None:
    with pytest.raises(ValueError, match="zip"):
        CHAIN.exits("upsert", [INCOMING] * 2, [FORWARD], [Step("upsert", 1, 3.0, 1.0)] * 2, AT)


def test_a_rung_knows_the_stage_it_returns_to() -> None:
    [out] = exits("upsert", 1, RETRY)
    assert out.to == Rung(5, "upsert")


def test_a_forwarded_event_carries_the_step_it_took() -> None:
    [out] = exits("upsert", 2, Forward(INCOMING.evolve(data={"done": True})))
    assert out.event.data == {"done": True}
    assert out.event.trail == (Step("upsert", 2, 3.0, 1.0),)


def test_a_retried_event_comes_back_as_it_was() -> None:
    [out] = exits("upsert", 1, RETRY)
    assert out.event == INCOMING


def test_a_rejected_event_says_which_rule_failed_on_which_value() -> None:
    dead, told = exits("upsert", 2, DeadLetter("no", field="Age", value="old", rule="must be a number"))
    assert dead.event.failure == told.event.failure
    failure = dead.event.failure
    assert failure is not None
    assert (failure.stage, failure.kind, failure.attempts, failure.at) == ("upsert", "rejected", 2, AT)
    assert (failure.field, failure.value, failure.rule) == ("Age", "old", "must be a number")
    assert dead.event.trail == () and told.event.trail == (Step("upsert", 2, 3.0, 1.0),)  # a replay starts afresh


def test_spent_attempts_are_poison_and_keep_the_last_error() -> None:
    dead, _ = exits("upsert", 4, Retry("it raised", error="ValueError: x", trace="Traceback …"))
    failure = dead.event.failure
    assert failure is not None
    assert (failure.kind, failure.attempts, failure.error, failure.trace) == (
        "poison",
        4,
        "ValueError: x",
        "Traceback …",
    )


def test_a_dropped_event_tells_the_hearer_why() -> None:
    [told] = exits("normalize", 1, DROP)
    assert told.event.result == {"outcome": "dropped", "reason": "a test call"}
    assert told.event.failure is None


def test_without_rungs_the_first_attempt_is_the_last() -> None:
    chain = Topology.of([named("a"), named("log", "a", hears_ends=True)], rungs=())
    assert chain.max_attempts == 1
    assert places("a", 1, RETRY, chain) == [("dead.a", 1), ("work.log", 1)]


def test_the_rungs_may_be_named_in_any_order() -> None:
    chain = Topology.of([named("a")], rungs=(300, 5, 30))
    assert [chain.rung(attempt) for attempt in (1, 2, 3)] == [5, 30, 300]
    assert chain.rung(1, delay=6) == 30


# Building the chain


def order(stages: list[Stage]) -> list[str]:
    return list(Topology.of(stages).stages)


def test_after_puts_the_stages_in_order_whatever_the_order_of_their_files() -> None:
    stages = [named("a"), named("b", "a"), named("c", "b")]
    assert {tuple(order(list(shuffled))) for shuffled in permutations(stages)} == {("a", "b", "c")}


def test_before_splices_a_stage_between_two() -> None:
    chain = Topology.of([named("enrich", "map", "dedupe"), named("dedupe", "map"), named("map")])
    assert chain.feeds == {"map": ("enrich",), "enrich": ("dedupe",), "dedupe": ()}


def test_two_splices_in_a_row_are_found_whatever_the_order_of_their_files() -> None:
    stages = [named("map"), named("dedupe", "map"), named("x", "map", "dedupe"), named("y", "x", "dedupe")]
    assert {tuple(order(list(shuffled))) for shuffled in permutations(stages)} == {("map", "x", "y", "dedupe")}


def test_a_splice_in_front_of_a_spliced_stage() -> None:
    stages = [named("map"), named("dedupe", "map"), named("x", "map", "dedupe"), named("y", "map", "x")]
    assert {tuple(order(list(shuffled))) for shuffled in permutations(stages)} == {("map", "y", "x", "dedupe")}


def test_a_splice_can_become_the_entry() -> None:
    chain = Topology.of([named("normalize"), named("guard", None, "normalize")])
    assert chain.entry == "guard"
    assert list(chain.stages) == ["guard", "normalize"]


def test_a_stage_can_feed_two() -> None:
    chain = Topology.of([named("a"), named("c", "a"), named("b", "a")])
    assert places("a", 1, FORWARD, chain) == [("work.b", 1), ("work.c", 1)]


def test_only_the_nearest_hearers_of_its_own_branch_are_told() -> None:
    chain = Topology.of(
        [
            named("a"),
            named("left", "a"),
            named("left_log", "left", hears_ends=True),
            named("left_late", "left_log", hears_ends=True),
            named("right", "a"),
            named("right_log", "right", hears_ends=True),
        ]
    )
    assert chain.hearers("left") == ["left_log"]
    assert sorted(chain.hearers("a")) == ["left_log", "right_log"]
    assert chain.hearers("right_log") == []


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([named("a"), named("b", "gone")], "'b' comes after 'gone', which is not a stage"),
        ([named("a"), named("b", "a", "gone")], "'b' comes before 'gone', which is not a stage"),
        ([named("a"), named("b", "c"), named("c", "b")], r"circle: \['b', 'c'\]"),
        ([named("a"), named("b", "b")], r"circle: \['b'\]"),
        ([named("a"), named("b", "a", "b")], "circle"),
        ([named("a", "b"), named("b", "a")], "exactly one stage must be fed by the ingress, found"),
        ([named("a"), named("b")], r"exactly one stage must be fed by the ingress, found \['a', 'b'\]"),
        ([], "exactly one stage must be fed by the ingress"),
        ([named("a"), named("b", "a"), named("b", "a")], "2 stages have the same name 'b'"),
        (
            [named("a"), named("b", "a"), named("c", "b"), named("x", "a", "c")],
            "'x' cannot go between 'a' and 'c': 'c' is fed by 'b'",
        ),
        (
            [named("a"), named("b", "a"), named("x", "a", "b"), named("y", "a", "b")],
            "'y' cannot go between 'a' and 'b': 'b' is fed by 'x'",
        ),
    ],
)
def test_stages_that_form_no_chain_are_refused(stages: list[Stage], message: str) -> None:
    with pytest.raises(TopologyError, match=message):
        Topology.of(stages)


def test_every_queue_is_declared_and_targets_come_before_sources() -> None:
    queues = [address.queue for address in Topology.of([named("a"), named("b", "a")], RUNGS).addresses()]
    assert queues == ["dead.a", "dead.b", "work.a", "work.b", "retry.5s", "retry.30s", "retry.300s"]


# What holds for every chain, stage and outcome


@st.composite
def chains(draw: st.DrawFn) -> Topology:
    """A tree of up to eight stages, in any order of files, the last of the main line hearing ends."""
    size = draw(st.integers(1, 8))
    stages = [
        named(f"s{n}", f"s{draw(st.integers(0, n - 1))}" if n else None, hears_ends=draw(st.booleans()))
        for n in range(size)
    ]
    rungs = draw(st.lists(st.floats(0.5, 10_000), max_size=6))
    return Topology.of(draw(st.permutations(stages)), rungs)


outcomes = st.one_of(
    st.just(FORWARD),
    st.builds(Retry, st.just("busy"), st.none() | st.floats(0, 1e6)),
    st.just(DEAD),
    st.just(DROP),
)


@given(st.data(), chains(), st.integers(1, 12), outcomes)
def test_no_event_is_lost_and_no_attempt_passes_the_last(
    data: st.DataObject, chain: Topology, attempt: int, outcome: Outcome
) -> None:
    name = data.draw(st.sampled_from(list(chain.stages)))
    attempt = min(attempt, chain.max_attempts)
    out = exits(name, attempt, outcome, chain)

    assert all(exit.event.id == INCOMING.id for exit in out)
    assert all(1 <= exit.attempt <= chain.max_attempts for exit in out)
    assert all(exit.to.queue in {address.queue for address in chain.addresses()} for exit in out)
    match outcome:
        case Forward():
            assert {exit.to for exit in out} == {Work(s) for s in chain.feeds[name]}
            assert out or not chain.downstream(name)
        case Retry() if attempt < chain.max_attempts:
            [waiting] = out
            assert isinstance(waiting.to, Rung) and waiting.attempt == attempt + 1
        case Retry() | DeadLetter():
            assert out[0].to == Dead(name)
        case Drop():
            assert bool(out) == any(chain.stages[s].hears_ends for s in chain.downstream(name))


@given(chains(), st.data())
def test_every_hearer_ahead_is_reached_once_through_the_nearest(chain: Topology, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(chain.stages)))
    nearest = chain.hearers(name)
    reached = [s for near in nearest for s in (near, *chain.downstream(near))]
    assert len(reached) == len(set(reached))
    assert {s for s in chain.downstream(name) if chain.stages[s].hears_ends} <= set(reached)
