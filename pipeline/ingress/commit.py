"""Group commit. In: the events of many concurrent requests. Out: one publish for all of them, then their answers.

At rest a request's events are published at once, alone. While a commit is in flight, and for a moment after a group of
several requests, the next group gathers, so the busier it gets, the larger the groups grow by themselves.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from pipeline.engine.frame import Bounds, pack_new
from pipeline.engine.outcome import Transient
from pipeline.engine.topology import Work
from pipeline.engine.transport import BrokerUnavailable
from pipeline.ingress.keeper import Keeper
from pipeline.ingress.limits import Limits
from pipeline.ingress.spool.spool import SpoolUnavailable
from schemas.event import Event

log = structlog.get_logger(__name__)


class Overloaded(Exception):
    """More waits for the broker than this process may hold."""


Settled = Callable[[Exception | None], None]  # told once that events are durable, or why they may not be


class Group:
    """Events that are published together, and who is told what became of them."""

    __slots__ = ("bytes", "deadline", "events", "ripe", "timers", "told")

    def __init__(self, deadline: float) -> None:
        self.events: list[Event] = []
        self.told: list[Settled] = []
        self.timers: list[asyncio.TimerHandle] = []
        self.bytes = 0
        self.deadline = deadline
        self.ripe = False


class Committer:
    """Makes events durable in groups. `committed` is told of each group once it is durable, before the answers."""

    def __init__(
        self,
        keeper: Keeper,
        entry: str,
        committed: Callable[[Sequence[Event]], None],
        limits: Limits,
        bounds: Bounds,
    ) -> None:
        self.events = 0  # not durable yet
        self._bytes = 0
        self._keeper = keeper
        self._to = Work(entry)
        self._committed = committed
        self._limits = limits
        self._bounds = bounds
        self._gathering: Group | None = None
        self._in_flight: set[asyncio.Task[None]] = set()
        self._company = False  # whether the last group was of several requests

    def commit(self, events: Sequence[Event], size: int, settled: Settled) -> None:
        """Make all of them durable, and tell; `size` is how many bytes they are, about.

        Raises Overloaded at once; tells of a BrokerUnavailable or SpoolUnavailable when they may not be durable.
        """
        if self._over(len(events), size):
            raise Overloaded
        self.events += len(events)
        self._bytes += size
        group = self._gathering or self._open()
        group.events.extend(events)
        group.bytes += size
        group.told.append(settled)
        if len(group.events) >= self._limits.group_events:
            self._ripen(group)

    async def drain(self) -> None:
        """Return once nothing waits any more; each group ends within `commit_seconds`."""
        while self._gathering or self._in_flight:
            if self._gathering:
                self._ripen(self._gathering)
            await asyncio.wait(self._in_flight)

    def _over(self, events: int, size: int) -> bool:
        over = self.events + events > self._limits.backlog_events or self._bytes + size > self._limits.backlog_bytes
        return over and self.events > 0

    def _open(self) -> Group:
        loop = asyncio.get_running_loop()
        group = self._gathering = Group(loop.time() + self._limits.commit_seconds)
        if self._in_flight or self._company:
            group.timers.append(loop.call_later(self._limits.linger, self._ripen, group))
            group.timers.append(loop.call_at(group.deadline, self._give_up, group))
        else:
            loop.call_soon(self._pump)  # after what else is ready now, so that it comes along
        return group

    def _ripen(self, group: Group) -> None:
        group.ripe = True
        self._pump()

    def _give_up(self, group: Group) -> None:
        """The commits ahead of this group took all the time that its requests had."""
        if group is self._gathering:
            self._gathering = None
            self._settle(group, BrokerUnavailable("the broker did not confirm in time"))

    def _pump(self) -> None:
        """Start the next commit, if it is due."""
        group = self._gathering
        if group is None or len(self._in_flight) >= self._limits.commits:
            return
        if not group.ripe and (self._in_flight or self._company):
            return
        self._gathering = None
        self._company = len(group.told) > 1
        for timer in group.timers:
            timer.cancel()
        task = asyncio.create_task(self._commit(group))
        self._in_flight.add(task)
        task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._pump()

    async def _commit(self, group: Group) -> None:
        try:
            messages = pack_new(self._to, group.events, time.time(), self._bounds)
            await self._keeper.keep(messages, len(group.events), group.deadline)
        except SpoolUnavailable as error:
            self._settle(group, error)
        except Transient as error:
            self._settle(group, BrokerUnavailable(str(error)))
        except asyncio.CancelledError:
            self._settle(group, BrokerUnavailable("stopped before the broker confirmed"))
            raise
        except Exception as error:
            # also a queue that is missing, and bugs of ours: whatever it was, these events are not known to be durable
            log.exception("commit failed", events=len(group.events), error=type(error).__name__)
            self._settle(group, BrokerUnavailable(type(error).__name__))
        else:
            self._committed(group.events)
            self._settle(group, None)

    def _settle(self, group: Group, trouble: Exception | None) -> None:
        self.events -= len(group.events)
        self._bytes -= group.bytes
        for settled in group.told:
            try:
                settled(trouble)
            except Exception:  # a bug of ours: it is not to keep the others of the group from their answers
                log.exception("a request is not told what became of its events")
