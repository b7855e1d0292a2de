"""Who tries keys that are not valid. In: addresses, and how each try ended. Out: how long the next one must wait.

Each address has a token bucket. A try takes a token before it is looked at, and gets it back if it is right, so that
many tries at once count as many. Behind one address there may be a whole office: what was right lately passes at once,
however many wrong tries come beside it. The buckets are of one process.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Any

import structlog

from pipeline.ingress import metrics
from pipeline.ingress.authentication.addresses import Address

log = structlog.get_logger(__name__)

WRONG_TRIES = 5.0  # of one address a second, unless it is set otherwise
AT_ONCE = 40  # times as many tries at once as in a second of the long run
REMEMBERED = 10_000  # addresses, and right keys
NETWORK = 64  # bits of an IPv6 address that one customer has for themselves
QUIET = 60.0  # seconds between two lines about one address


class Wrong:
    """Bounds the tries of each address. `what` is tried, for logs and metrics: key, token, secret."""

    def __init__(self, what: str, each_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._each_second = each_second
        self._most = max(1.0, AT_ONCE * each_second)
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._right: OrderedDict[bytes, None] = OrderedDict()  # digests
        self._told: OrderedDict[str, tuple[float, int]] = OrderedDict()  # when a line was written, and tries since

    def __bool__(self) -> bool:
        """Whether anybody has tried anything wrong lately."""
        return bool(self._left)

    def begin(self, address: Address | None, presented: str = "") -> int:
        """Before a try is looked at: 0, or after how many seconds it may come again."""
        if presented and _digest(presented) in self._right:
            return 0
        who = network_of(address)
        wait = self.wait(who)
        if not wait:
            self._take(who, 1)
        return wait

    def right(self, address: Address | None, presented: str = "") -> None:
        """The try was right."""
        if presented and (digest := _digest(presented)) in self._right:
            self._right.move_to_end(digest)
            return
        if presented:
            self._right[digest] = None
            _bound(self._right)
        self._take(network_of(address), -1)

    def wrong(self, address: Address | None, presented: str = "") -> None:
        """The try was wrong."""
        self._right.pop(_digest(presented), None)
        self._count(network_of(address), "refused")

    def wait(self, who: str) -> int:
        """0 if they may try now, else after how many seconds; nothing is taken."""
        left = self._now(who)
        if left >= 1:
            return 0
        self._count(who, "slowed")
        return max(1, math.ceil((1 - left) / self._each_second))

    def spend(self, who: str) -> None:
        """They tried, and it was wrong."""
        self._take(who, 1)
        self._count(who, "refused")

    def forget(self, who: str) -> None:
        """They have shown that they know what is right."""
        self._left.pop(who, None)

    def _now(self, who: str) -> float:
        left, then = self._left.get(who, (self._most, 0.0))
        return min(self._most, left + (self._clock() - then) * self._each_second)

    def _take(self, who: str, tokens: float) -> None:
        left = max(0.0, self._now(who) - tokens)
        self._left.pop(who, None)
        if left < self._most:  # of who has tried nothing wrong lately nothing is kept
            self._left[who] = (left, self._clock())
            _bound(self._left)

    def _count(self, who: str, result: str) -> None:
        """In the metrics, and in the log: one line for the first, then at most one a minute that says how many."""
        metrics.WRONG.labels(self._what, result).inc()
        now = self._clock()
        at, tries = self._told.pop(who, (now - QUIET, 0))
        tries += 1
        if now - at >= QUIET:  # never what was tried
            log.warning("not valid", what=self._what, address=who, tries=tries)
            at, tries = now, 0
        self._told[who] = (at, tries)
        _bound(self._told)


def network_of(address: Address | None) -> str:
    """Whose tries count together."""
    if isinstance(address, IPv6Address):
        return str(IPv6Address(int(address) >> (128 - NETWORK) << (128 - NETWORK))) + f"/{NETWORK}"
    return "-" if address is None else str(address)


def _digest(presented: str) -> bytes:
    return hashlib.sha256(presented.encode("utf-8", "surrogatepass")).digest()


def _bound(kept: OrderedDict[Any, Any]) -> None:
    if len(kept) > REMEMBERED:
        kept.popitem(last=False)
