"""A running consumer of one queue: keeps its prefetch filled, its lease renewed and itself connected.

In: rows claimed by a session. Out: parcels, handed to `deliver`. A lost session is followed by a new one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import structlog

from pipeline.engine.topology import Address
from pipeline.engine.transport import BrokerUnavailable, Parcel
from pipeline.store.database import said
from pipeline.transport.postgres.session import Session, Terms
from pipeline.transport.postgres.trouble import TROUBLE

log = structlog.get_logger(__name__)
LONGEST_PAUSE = 2.0  # seconds between two tries to reconnect


class PostgresSubscription:
    """Keeps the contract of Subscription. `PostgresSubscription.start` makes one."""

    def __init__(
        self,
        terms: Terms,
        source: Address,
        deliver: Callable[[Parcel], None],
        lost: Callable[[], None],
        prefetch: int,
    ) -> None:
        self._terms = terms
        self._source = source
        self._deliver = deliver
        self._lost = lost
        self._prefetch = prefetch
        self._unsettled: set[int] = set()
        self._news = asyncio.Event()  # something to claim, room for it, or a lost connection
        self._statement = asyncio.Lock()  # one at a time on the session
        self._cancelled = False
        self._closing = False
        self._tend_at = 0.0  # on the loop's clock
        self._session: Session
        self.task: asyncio.Task[None]

    async def start(self) -> None:
        """Register and begin to take; raises BrokerUnavailable, Unroutable, MigrationError."""
        self._session = await Session.open(self._terms, self._source, self._news.set)
        self.task = asyncio.create_task(self._run(), name=f"consume {self._source.queue}")

    async def ack(self, parcels: Sequence[Parcel]) -> None:
        await self._settle(parcels, Session.ack)

    async def release(self, parcels: Sequence[Parcel]) -> None:
        await self._settle(parcels, Session.release)

    async def cancel(self) -> None:
        """Take no more. Once this returns, `deliver` is not called again."""
        self._cancelled = True
        self._news.set()
        async with self._statement:
            await self._attempt(self._session.retire)

    async def close(self) -> None:
        """Give back at once what is unsettled, and disconnect."""
        self._cancelled = self._closing = True
        self._news.set()
        await self.task

    async def _settle(self, parcels: Sequence[Parcel], how: Callable[[Session, list[int]], Awaitable[None]]) -> None:
        async with self._statement:
            session = self._session
            messages = [p.token.message for p in parcels if p.token.session is session]
            messages = [message for message in messages if message in self._unsettled]
            if messages:
                await self._attempt(lambda: how(session, messages))
                self._unsettled.difference_update(messages)
        self._news.set()

    async def _attempt(self, statement: Callable[[], Awaitable[None]]) -> None:
        """Run it; a failure ends the session and nothing more: what it held is delivered again."""
        if self._session.closed:
            return
        try:
            await statement()
        except TROUBLE as error:
            log.warning("consumer could not settle", queue=self._source.queue, error=said(error))
            self._session.terminate()
            self._news.set()

    async def _run(self) -> None:
        try:
            while not self._over():
                try:
                    await self._wait(await self._turn())
                except Exception as error:
                    await self._recover(error)
            await self._leave()
        finally:
            self._session.terminate()

    def _over(self) -> bool:
        return self._cancelled and (self._closing or not self._unsettled)

    async def _turn(self) -> float:
        """Renew the lease if it is time, fill the prefetch; returns how long there is nothing to do, in seconds."""
        self._news.clear()
        async with self._statement:
            if self._session.closed:
                raise BrokerUnavailable("the connection was lost")
            now = asyncio.get_running_loop().time()
            if now >= self._tend_at:
                await self._session.tend()
                self._tend_at = now + min(self._terms.poll, self._terms.lease / 4)
            return min(self._tend_at - now, await self._fill())

    async def _fill(self) -> float:
        room = 0 if self._cancelled else self._prefetch - len(self._unsettled)
        if room <= 0:
            return self._terms.poll
        claim = await self._session.claim(room)
        for parcel in claim.parcels:
            self._unsettled.add(parcel.token.message)
            self._deliver(parcel)
        if claim.taken == room:
            return 0.0
        return self._terms.poll if claim.pause is None else claim.pause

    async def _wait(self, seconds: float) -> None:
        if seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._news.wait()

    async def _recover(self, error: Exception) -> None:
        """Forget what the lost session held, and register anew; tries until that works or the consumer is cancelled."""
        log.warning("consumer lost its session", queue=self._source.queue, error=said(error))
        former = self._session
        former.terminate()
        self._unsettled.clear()
        self._lost()
        pause, told = 0.05, ""
        while not self._cancelled:
            try:
                self._session = await Session.open(self._terms, self._source, self._news.set, former.consumer)
            except Exception as again:
                if (reason := said(again)) != told:  # once, however long it lasts
                    log.info("reconnect failed", queue=self._source.queue, error=reason)
                told = reason
                self._news.clear()
                await self._wait(random.uniform(0.5, 1.0) * pause)
                pause = min(LONGEST_PAUSE, pause * 2)
            else:
                self._tend_at = 0.0
                log.info("consumer is back", queue=self._source.queue)
                return

    async def _leave(self) -> None:
        async with self._statement:
            await self._attempt(self._session.leave)
            if self._unsettled:
                self._unsettled.clear()
                self._lost()
