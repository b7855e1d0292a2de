"""Makes frames durable. In: the frames of a group commit. Out: they are in the broker or in the spool, or an error.

The broker is asked first. When its confirm is late, the frames go to the spool as well, and whichever has them first
is good enough; a confirm that comes after that settles the record in the spool. While the breaker is open, frames go
to the spool alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import structlog

from pipeline.engine.outcome import Transient
from pipeline.engine.transport import BrokerUnavailable, Message, Transport, Unroutable
from pipeline.ingress import metrics
from pipeline.ingress.breaker import Breaker
from pipeline.ingress.spool.spool import Spool, SpoolUnavailable, Ticket

log = structlog.get_logger(__name__)

BREATH = 0.01  # seconds more for a confirm that has come while this process was busy and is not read yet


class Keeper:
    """Publishes, or spools. `seconds` bound a publish whose requests are answered already."""

    def __init__(self, transport: Transport, spool: Spool | None, seconds: float) -> None:
        self.breaker = Breaker()
        self._transport = transport
        self._spool = spool
        self._seconds = seconds
        self._late: set[asyncio.Task[Any]] = set()

    async def keep(self, messages: Sequence[Message], events: int, deadline: float) -> None:
        """Return when they are durable. Raises BrokerUnavailable, SpoolUnavailable, or a bug, when they may not be.

        `deadline` is loop time.
        """
        if self._spool is None:
            await self.publish(messages, deadline)
        elif self.breaker.open:
            await self._spool_only(self._spool, messages, events, deadline)
        else:
            await self._race(self._spool, messages, events, deadline)

    async def publish(self, messages: Sequence[Message], deadline: float) -> None:
        """Return when the broker has confirmed them, and tell the breaker how that went."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout_at(deadline):
                await self._transport.publish(messages)
        except TimeoutError:
            self.breaker.trip("no confirm in time")
            raise BrokerUnavailable("the broker did not confirm in time") from None
        except asyncio.CancelledError:
            # a client library may let a lost connection look like a cancellation; ours is one that somebody asked for
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self.breaker.trip("the connection was lost")
            raise BrokerUnavailable("the connection to the broker was lost") from None
        except Exception as error:
            self.breaker.trip(str(error) if isinstance(error, Transient | Unroutable) else type(error).__name__)
            raise
        self.breaker.confirmed(loop.time() - began)

    async def stop(self) -> None:
        """Wait for the confirms that are still to come, or give them up; their events are in the spool."""
        for task in self._late:
            task.cancel()
        if self._late:
            await asyncio.wait(self._late)

    async def _spool_only(self, spool: Spool, messages: Sequence[Message], events: int, deadline: float) -> None:
        try:
            await _spooled(spool, messages, events, deadline)
        except SpoolUnavailable:
            if spool.events or not self.breaker.may_try():  # what is in the spool tries the broker, and delays nobody
                raise
            await self.publish(messages, deadline)

    async def _race(self, spool: Spool, messages: Sequence[Message], events: int, deadline: float) -> None:
        publishing = self._beside(self.publish(messages, asyncio.get_running_loop().time() + self._seconds))
        for patience in (self.breaker.patience, BREATH):
            await asyncio.wait({publishing}, timeout=patience)
        if publishing.done() and _worked(publishing):
            return
        if not publishing.done():
            self.breaker.trip("a confirm is late")
        spooling = self._beside(_spooled(spool, messages, events, deadline))
        spooling.add_done_callback(lambda _: _settle(spool, publishing, spooling))
        publishing.add_done_callback(lambda _: _settle(spool, publishing, spooling))
        racing: set[asyncio.Task[Any]] = {publishing, spooling}
        while racing:
            done, racing = await asyncio.wait(racing, return_when=asyncio.FIRST_COMPLETED)
            if any(_worked(task) for task in done):
                return
        raise spooling.exception() or BrokerUnavailable("the broker did not confirm")

    def _beside(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task that may outlive those who wait for it."""
        task = asyncio.create_task(work)
        self._late.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._late.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, Transient | SpoolUnavailable | Unroutable):
            log.error("not published", error=type(error).__name__, exc_info=error)


async def _spooled(spool: Spool, messages: Sequence[Message], events: int, deadline: float) -> Ticket:
    try:
        async with asyncio.timeout_at(deadline):
            return await spool.keep([message.body for message in messages], events)
    except TimeoutError:
        raise SpoolUnavailable("the disk of the spool does not answer") from None


def _worked(task: asyncio.Task[Any]) -> bool:
    return not task.cancelled() and task.exception() is None


def _settle(spool: Spool, publishing: asyncio.Task[None], spooling: asyncio.Task[Ticket]) -> None:
    """Both have them: the record need not be fed in."""
    if publishing.done() and spooling.done() and _worked(publishing) and _worked(spooling):
        ticket = spooling.result()
        if not spool.is_settled(ticket):
            spool.settle(ticket)
            metrics.SPOOL.labels("confirmed").inc(ticket.events)
