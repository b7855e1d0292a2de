"""Times of arrival: each later than every one before, unless the clock was far off: then it is followed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingress.arrivals import FAR, STEP, Arrivals

NOON = datetime(2026, 7, 5, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def test_events_that_come_together_arrive_one_after_another() -> None:
    assert Arrivals(Clock()).of(3) == [NOON, NOON + STEP, NOON + 2 * STEP]


def test_two_requests_of_one_moment_do_not_share_a_time() -> None:
    arrivals = Arrivals(Clock())
    assert [*arrivals.of(2), *arrivals.of(1), *arrivals.of(0), *arrivals.of(1)] == [NOON + n * STEP for n in range(4)]


def test_no_event_takes_no_time() -> None:
    assert Arrivals(Clock()).of(0) == []


def test_a_clock_that_goes_on_is_followed() -> None:
    clock = Clock()
    arrivals = Arrivals(clock)
    arrivals.of(5)
    clock.now += timedelta(seconds=1)
    assert arrivals.of(1) == [clock.now]


def test_a_clock_that_was_wrong_by_far_is_followed_back() -> None:
    clock = Clock()
    arrivals = Arrivals(clock)
    arrivals.of(1)
    clock.now -= FAR
    assert arrivals.of(1) == [clock.now]


@given(st.lists(st.tuples(st.timedeltas(-FAR / 20, FAR / 20), st.integers(1, 3)), max_size=15))
def test_times_only_grow_however_the_clock_is_moved_a_little(moves: list[tuple[timedelta, int]]) -> None:
    clock = Clock()
    arrivals = Arrivals(clock)
    times: list[datetime] = []
    for move, count in moves:
        clock.now += move
        times += arrivals.of(count)
    assert all(one < other for one, other in pairwise(times))
    assert all(time.tzinfo is UTC for time in times)
