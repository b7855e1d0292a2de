"""A consumer that comes back by itself. In: a queue and a callback. Out: its frames, whatever happens to channels."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

import structlog
from aiormq.exceptions import ChannelNotFoundEntity

from pipeline.engine.transport import BrokerUnavailable, Parcel, Unroutable
from pipeline.transport.rabbitmq.feed import Feed
from pipeline.transport.rabbitmq.link import Link, asking

log = structlog.get_logger(__name__)


class RabbitMQSubscription:
    """Keeps one feed alive: when it ends, `lost` is called and the next one is made."""

    def __init__(
        self,
        queue: str,
        link: Link,
        deliver: Callable[[Parcel], None],
        lost: Callable[[], None],
        prefetch: int,
        timeout: float,
        restore: Callable[[], Awaitable[None]],
        forget: Callable[[RabbitMQSubscription], None],
    ) -> None:
        self.queue = queue
        self.feed: Feed | None = None
        self._link = link
        self._deliver = deliver
        self._lost = lost
        self._prefetch = prefetch
        self._timeout = timeout
        self._restore = restore  # declares the topology again, when the queue is gone
        self._forget = forget
        self._keeper: asyncio.Task[None] | None = None
        self._cancelled = False

    async def start(self) -> None:
        """Consume, from now on; raises Unroutable when the queue does not exist."""
        self.feed = await self._begin()
        self._keeper = asyncio.create_task(self._keep(self.feed))

    @property
    def hungry(self) -> bool:
        """Alive, and with room for more."""
        feed = self.feed
        return feed is not None and not feed.ended.is_set() and len(feed.unsettled) < self._prefetch

    @property
    def delivered(self) -> int:
        return self.feed.delivered if self.feed is not None else 0

    async def ack(self, parcels: Sequence[Parcel]) -> None:
        for feed, tags in _by_feed(parcels).items():
            await feed.ack(tags)
        await self._leave_if_done()

    async def release(self, parcels: Sequence[Parcel]) -> None:
        for feed, tags in _by_feed(parcels).items():
            await feed.release(tags)
        await self._leave_if_done()

    async def cancel(self) -> None:
        if self._cancelled:
            return
        self._cancelled = True
        await self._stop_keeping()
        self._forget(self)
        if self.feed is not None and not self.feed.ended.is_set():
            try:
                async with asking("cancelling a consumer", self._timeout):
                    await self.feed.stop()
            except BrokerUnavailable as error:
                self.feed.ended.set()
                log.warning("consumer cancelled by leaving", queue=self.queue, reason=str(error))
        await self._leave_if_done()

    async def abandon(self) -> None:
        """The transport closes: the broker takes back what is unsettled."""
        await self._stop_keeping()
        if self.feed is not None and not self._cancelled:
            self.feed.ended.set()
            self._lost()

    def rebuild(self, reason: str) -> None:
        """Give up the present feed for a new one."""
        log.warning("consumer is rebuilt", queue=self.queue, reason=reason)
        if self.feed is not None:
            self.feed.ended.set()

    async def _keep(self, feed: Feed) -> None:
        while True:
            await feed.ended.wait()
            log.warning("consumer lost", queue=self.queue, unsettled=len(feed.unsettled))
            self._lost()
            await self._discard(feed)
            feed = self.feed = await self._again()
            log.info("consumer is back", queue=self.queue)

    async def _again(self) -> Feed:
        told = ""
        while True:
            try:
                return await self._begin()
            except BrokerUnavailable as error:
                if str(error) != told:  # once, however long it lasts
                    log.info("consumer waits for the broker", queue=self.queue, reason=str(error))
                told = str(error)
            except Unroutable as error:
                log.warning("topology is declared again", queue=self.queue, reason=str(error))
                await self._restored()
            except Exception:  # whatever it is: a consumer that ended here would be missed by nobody
                log.exception("consumer could not be rebuilt", queue=self.queue)
            await asyncio.sleep(random.uniform(1, 3))  # apart from the others that lost the same broker

    async def _restored(self) -> None:
        try:
            await self._restore()
        except Exception as error:
            log.error("topology could not be declared again", queue=self.queue, reason=str(error))

    async def _begin(self) -> Feed:
        channel = await self._link.channel()
        feed = Feed(self.queue, channel, self._deliver, self._timeout)
        try:
            async with asking(f"subscribing to {self.queue}", self._timeout):
                try:
                    await feed.start(self._prefetch)
                except ChannelNotFoundEntity as error:
                    raise Unroutable(f"queue {self.queue!r} does not exist") from error
        except BaseException:
            feed.ended.set()
            raise
        return feed

    async def _stop_keeping(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])

    async def _leave_if_done(self) -> None:
        """Once cancelled and with nothing left to settle, the channel has no purpose."""
        if self._cancelled and self.feed is not None and not (self.feed.unsettled and not self.feed.ended.is_set()):
            await self._discard(self.feed)

    async def _discard(self, feed: Feed) -> None:
        feed.ended.set()
        if feed.channel.is_closed:
            return
        try:
            async with asking("closing a channel", self._timeout):
                await feed.channel.close()
        except BrokerUnavailable as error:
            log.warning("connection is given up", queue=self.queue, reason=str(error))
            self._link.drop()


def _by_feed(parcels: Sequence[Parcel]) -> dict[Feed, list[int]]:
    by_feed: dict[Feed, list[int]] = defaultdict(list)
    for parcel in parcels:
        by_feed[parcel.token.feed].append(parcel.token.tag)
    return by_feed
