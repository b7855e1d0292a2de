"""Is the broker fit to be asked? In: how its confirms went. Out: whether, and how long to wait for one.

After `patience` without a confirm events go to the spool, and everything that comes after them until a confirm comes
in good time again. Patience follows the broker: 50 ms for one that confirms in a few, so that a request is answered
within 100 ms when it freezes; twice its recent worst, up to half a second, for one that is slow under load, so that
load alone does not send events to the spool.
"""

from __future__ import annotations

import asyncio

import structlog

log = structlog.get_logger(__name__)

LEAST, MOST = 0.05, 0.5  # seconds of patience
FACTOR = 2.0  # patience is so many times the recent worst confirm
FADING = 0.98  # of the recent worst, with each confirm: a peak is forgotten in about a hundred
AGAIN = 1.0  # seconds between two requests that try the broker when there is nothing else to try it with


class Breaker:
    """`open` while the broker is not to be waited for."""

    def __init__(self) -> None:
        self.open = False
        self._worst = MOST / FACTOR  # the first publish opens a connection
        self._tried = 0.0

    @property
    def patience(self) -> float:
        """Seconds that a publish may take."""
        return min(max(self._worst * FACTOR, LEAST), MOST)

    def confirmed(self, seconds: float) -> None:
        """A publish was confirmed after so long."""
        self._worst = max(min(seconds, MOST), self._worst * FADING)
        if self.open and seconds <= MOST:
            self.open = False
            log.info("the broker confirms again", ms=round(seconds * 1000))

    def trip(self, reason: str) -> None:
        """A publish failed, or was late."""
        if not self.open:
            log.warning("the broker does not confirm; accepting into the spool", reason=reason)
        self.open = True

    def may_try(self) -> bool:
        """Whether a request may try an open breaker: one a second."""
        now = asyncio.get_running_loop().time()
        if now - self._tried < AGAIN:
            return False
        self._tried = now
        return True
