"""The loop under every worker: take a batch from one queue, have it handled, then acknowledge it.

While the world is broken (Transient) it holds the batch and takes nothing more, trying again with growing pauses.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import structlog
from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from pipeline.engine.inbox import Batch, Inbox
from pipeline.engine.outcome import Transient
from pipeline.engine.topology import Address
from pipeline.engine.transport import Subscription, Transport

log = structlog.get_logger(__name__)
T = TypeVar("T")

FIRST_PAUSE = 0.1  # seconds at most before the second try while the world is broken


@dataclass(frozen=True, slots=True)
class Pace:
    """How much a consumer takes: batches of `batch` events or after `linger` seconds, `prefetch` unsettled frames.

    It lingers only while there is something to wait for: what comes after a pause of that length goes at once.
    """

    batch: int = 500
    linger: float = 0.02
    prefetch: int = 64
    longest_pause: float = 2.0  # seconds between two tries while the world is broken


class Stopped(Exception):
    """The consumer was told to stop while it waited for the world to mend."""


class Consumer:
    """Runs `handle` over the batches of one queue until `stop`.

    `handle` returns when everything that follows from the batch is durable; only then is it acknowledged. What
    it raises (other than Transient, inside `patiently`) ends `run`: that is a bug of ours, and the broker
    delivers the batch again.
    """

    def __init__(
        self, source: Address, transport: Transport, handle: Callable[[Batch], Awaitable[None]], pace: Pace
    ) -> None:
        self.source = source
        self.in_hand = 0  # events taken and not yet settled
        self.waiting: str | None = None  # why it holds its batch, while it does
        self._transport = transport
        self._handle = handle
        self._pace = pace
        self._inbox = Inbox()
        self._stopping = asyncio.Event()
        self._closing = asyncio.Lock()
        self._subscription: Subscription | None = None

    async def run(self) -> None:
        """Consume until `stop`; what was taken is finished or released, never left hanging, also when cancelled."""
        try:
            self._subscription = subscription = await self.patiently(self._subscribe)
            while batch := await self._inbox.take(self._pace.batch, self._pace.linger):
                await self._finish(batch, subscription)
        except Stopped:
            return
        finally:
            self.in_hand = 0
            await self.stop()

    async def stop(self) -> None:
        """Take no more; `run` returns once the batch in hand is settled. Can be called again, also meanwhile."""
        self._stopping.set()
        async with self._closing:
            untaken = self._inbox.close()
            if self._subscription is None:
                return
            await self._subscription.cancel()
            await self._subscription.release([*untaken, *self._inbox.close()])
            self._subscription = None

    async def patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run `work` until it does not raise Transient; raises Stopped if told to stop meanwhile.

        The first try is made here: the retrying costs more than a small batch does, and is seldom needed.
        """
        try:
            result = await work()
        except Transient as error:
            if self._stopping.is_set():
                raise Stopped from error
            self._note(error)
            await self._pause(random.uniform(0, FIRST_PAUSE))
            result = await self._again(work)
        self.waiting = None
        return result

    async def _again(self, work: Callable[[], Awaitable[T]]) -> T:
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(Transient),
            wait=wait_random_exponential(multiplier=2 * FIRST_PAUSE, max=self._pace.longest_pause),
            stop=lambda _: self._stopping.is_set(),
            sleep=self._pause,
            before_sleep=lambda state: self._note(state.outcome.exception() if state.outcome else None),
            reraise=True,
        )

        async def once() -> T:  # tenacity does not await what it cannot see to be a coroutine function, as a partial
            return await work()

        try:
            result: T = await attempts(once)
        except Transient as error:
            raise Stopped from error
        return result

    async def _finish(self, batch: Batch, subscription: Subscription) -> None:
        """Handle and acknowledge; a batch that was not handled to its end, for whatever reason, is given back."""
        self.in_hand = len(batch.deliveries)
        try:
            await self._handle(batch)
        except BaseException:
            await subscription.release(batch.parcels)
            raise
        await subscription.ack(batch.parcels)
        self.in_hand = 0

    async def _subscribe(self) -> Subscription:
        return await self._transport.subscribe(self.source, self._inbox.put, self._inbox.clear, self._pace.prefetch)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _note(self, error: BaseException | None) -> None:
        reason = f"{type(error).__name__}: {error}"
        if reason != self.waiting:
            log.warning("waiting", queue=self.source.queue, reason=reason, in_hand=self.in_hand)
        self.waiting = reason
