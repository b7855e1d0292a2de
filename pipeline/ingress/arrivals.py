"""Times of arrival. In: how many events have come. Out: a time for each, later than every one given out before.

Of two events that happened at one time the later arrival counts. So no two events of a process have one time of
arrival, the elements of a list have theirs in order, and a clock that is set back a little reorders nothing: the times
go on from the last one until the clock has caught up. A clock that is set back by more than `FAR` was wrong before, and
is followed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

FAR = timedelta(hours=1)
STEP = timedelta(microseconds=1)  # the finest that PostgreSQL keeps


def _now() -> datetime:
    return datetime.now(UTC)


class Arrivals:
    """Hands out times of arrival, in UTC."""

    def __init__(self, now: Callable[[], datetime] = _now) -> None:
        self._now = now
        self._last = datetime.min.replace(tzinfo=UTC)

    def of(self, count: int) -> list[datetime]:
        """The times of so many events that have come now, in their order."""
        at = self._now()
        if at <= self._last < at + FAR:
            at = self._last + STEP
        times = [at]
        for _ in range(count - 1):
            at += STEP
            times.append(at)
        if count:
            self._last = at
        return times[:count]
