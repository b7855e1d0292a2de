"""When requests are due, and what a set of times says. In: a rate, or times. Out: due times, or a summary."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


def arrivals(rate: float) -> Iterator[float]:
    """Seconds from the start at which the next request is due, for ever: at random, `rate` a second on average.

    People and systems do not wait for each other, so the gaps are exponential (a Poisson process). A time is due
    whether or not the server keeps up, and latency is counted from it: what a stall makes late is seen as late.
    """
    chance = random.Random(1)
    at = 0.0
    while True:
        yield at
        at += chance.expovariate(rate)


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds: median, 95th and 99th percentile, longest; of `count` times."""

    count: int
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    most: float | None = None


def times(seconds: Sequence[float]) -> Times:
    """The summary of some durations."""
    if not seconds:
        return Times(0)
    ordered = sorted(seconds)
    p50, p95, p99 = (_ms(percentile(ordered, share)) for share in (0.5, 0.95, 0.99))
    return Times(len(ordered), p50, p95, p99, _ms(ordered[-1]))


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` of the ascending values lie, straight between its two neighbours."""
    place = (len(ordered) - 1) * share
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
