"""`?wait=`: hears when events have reached the journal. In: ids and a time. Out: their results, as far as there are.

One look at the journal serves everybody who waits in this process.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog

from pipeline.engine.outcome import Transient
from pipeline.ingress.needs import Look, Results
from pipeline.ingress.refusal import malformed

log = structlog.get_logger(__name__)

EVERY = 0.05  # seconds between two looks
MOST = 5_000  # ids in one look
LAST = 1.0  # seconds that stopping may take: a database that hangs does not let go of its caller


def seconds_of(text: str, longest: float) -> float:
    """The value of `?wait=`; raises Refusal."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= longest:  # also when it is not a number
        detail = f"wait must be a number of seconds above 0 and up to {longest:g}"
        raise malformed("Bad wait", detail, field="wait")
    return seconds


class Watch:
    """One request that waits."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.missing = set(ids)
        self.results: dict[str, Mapping[str, Any]] = {}
        self.complete = asyncio.Event()

    def tell(self, results: Results) -> None:
        found = self.missing & results.keys()
        self.results.update({id: results[id] for id in found})
        self.missing -= found
        if not self.missing:
            self.complete.set()


class Waiting:
    """`look(ids)` returns the results of those that have ended; it may raise Transient."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._watches: set[Watch] = set()
        self._poller: asyncio.Task[None] | None = None

    async def results(self, ids: Sequence[str], seconds: float) -> Results:
        """The results of the events that have ended, when all have, or after `seconds`."""
        watch = Watch(ids)
        if not ids:
            return watch.results
        self._watches.add(watch)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await watch.complete.wait()
        finally:
            self._watches.discard(watch)
        return watch.results

    async def stop(self) -> None:
        """Let those who wait go with what there is."""
        for watch in self._watches:
            watch.complete.set()
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.wait({self._poller}, timeout=LAST)

    async def _poll(self) -> None:
        while self._watches:
            wanted = list({id for watch in self._watches for id in watch.missing})
            for start in range(0, len(wanted), MOST):
                try:
                    results = await self._look(wanted[start : start + MOST])
                except Transient as error:
                    log.debug("journal away", error=type(error).__name__)
                    break
                except Exception:
                    # a bug of ours; whoever waits is told "pending", which is true
                    log.exception("the journal could not be read")
                    return
                for watch in self._watches:
                    watch.tell(results)
            await asyncio.sleep(EVERY)
