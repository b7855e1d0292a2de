"""How often one key may call. In: keys and the clock. Out: whether now, or after how many seconds."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

REMEMBERED = 10_000  # callers


class Rate:
    """A token bucket for each caller: `each_second` calls in the long run, ten times as many at once."""

    def __init__(self, each_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._each_second = each_second
        self._burst = max(1.0, 10 * each_second)
        self._clock = clock
        self._left: OrderedDict[object, tuple[float, float]] = OrderedDict()

    def spend(self, caller: object) -> int:
        """Count one call; 0 if it may go on, else after how many whole seconds the next may."""
        now = self._clock()
        left, then = self._left.pop(caller, (self._burst, now))
        left = min(self._burst, left + (now - then) * self._each_second)
        wait = 0 if left >= 1 else max(1, math.ceil((1 - left) / self._each_second))
        self._left[caller] = (left if wait else left - 1, now)
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)
        return wait
