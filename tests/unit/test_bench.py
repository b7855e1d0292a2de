"""The arithmetic of the bench: percentiles, arrivals, bodies, and what metrics say."""

from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.operations.bench.arrivals import Times, arrivals, percentile, times
from pipeline.operations.bench.bodies import bodies, known
from pipeline.operations.bench.load import KNOWN, Load
from pipeline.operations.bench.scrape import Work, between, read

NUMBERS = st.lists(st.floats(0, 1e6), min_size=1, max_size=200)


def documents(load: Load) -> list[dict[str, Any]]:
    return [document for body, _ in bodies(load, 0) for document in parsed(load, body)]


def parsed(load: Load, body: bytes) -> list[dict[str, Any]]:
    match load.body:
        case "single":
            return [orjson.loads(body)]
        case "array":
            return list(orjson.loads(body))
        case _:
            return [orjson.loads(line) for line in body.splitlines()]


@given(NUMBERS, st.floats(0, 1))
def test_a_percentile_lies_between_its_neighbours(numbers: list[float], share: float) -> None:
    ordered = sorted(numbers)
    found = percentile(ordered, share)
    assert ordered[0] <= found <= ordered[-1]
    place = int((len(ordered) - 1) * share)
    assert ordered[place] <= found <= ordered[min(place + 1, len(ordered) - 1)]


def test_times_are_milliseconds() -> None:
    assert times([]) == Times(0)
    assert times([0.002]) == Times(1, 2.0, 2.0, 2.0, 2.0)
    assert times([second / 1000 for second in range(101)]) == Times(101, 50.0, 95.0, 99.0, 100.0)


def test_arrivals_come_at_the_rate_and_do_not_wait_for_each_other() -> None:
    due = list(islice(arrivals(100.0), 20_001))
    assert due[0] == 0.0
    assert due == sorted(due)
    assert due[-1] == pytest.approx(200.0, rel=0.03)
    gaps = [later - earlier for earlier, later in pairwise(due)]
    assert sum(gap > 0.01 for gap in gaps) / len(gaps) == pytest.approx(0.368, abs=0.02), "exponential: 1/e"
    assert due == list(islice(arrivals(100.0), 20_001)), "the same each time"


@pytest.mark.parametrize("body", ["single", "array", "ndjson"])
def test_bodies_hold_the_events_asked_for(body: Any) -> None:
    load = Load(1234, body=body, batch=100)
    counts = [count for _, count in bodies(load, 0)]
    assert sum(counts) == 1234
    assert len(counts) == load.requests
    found = documents(load)
    assert len({each["event_id"] for each in found}) == 1234
    assert Counter(each["email"] for each in found)[""] == 12, "one of a hundred names nobody"


def test_returning_people_are_four_of_five() -> None:
    found = documents(Load(5_000, people="returning", failing=0))
    assert len({each["event_id"] for each in found}) == 5_000
    assert len({each["email"] for each in found}) / 5_000 == pytest.approx(0.2, abs=0.03)


def test_duplicates_are_what_was_sent_before() -> None:
    load = Load(2_000, people="duplicates")
    before = {body for body, _ in known(load, 0)}
    assert len(before) == KNOWN
    assert {body for body, _ in bodies(load, 0)} == before


@pytest.mark.parametrize("wrong", [{"events": 0}, {"batch": 0}, {"rate": 0.0}, {"seconds": 0.5}, {"failing": 0.9}])
def test_a_load_out_of_bounds_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Load(**{"events": 10, **wrong})


def test_metrics_are_read_by_stage() -> None:
    before = read('leadpipe_stage_events_total{stage="a",outcome="forward"} 5.0\n')
    after = read(
        'leadpipe_stage_events_total{stage="a",outcome="forward"} 90.0\n'
        'leadpipe_stage_events_total{stage="a",outcome="drop"} 15.0\n'
        'leadpipe_stage_batch_size_count{stage="a"} 4.0\n'
        'leadpipe_stage_batch_size_sum{stage="a"} 100.0\n'
        "leadpipe_ingress_group_events_count 2.0\n"
        "leadpipe_ingress_group_events_sum 30.0\n"
    )
    done = between(before, after)
    assert done["a"] == Work(events=100.0, batches=4.0, in_batches=100.0)
    assert (done["a"].mean_batch, done["ingress"].mean_batch) == (25.0, 15.0)
    assert Work().mean_batch is None
