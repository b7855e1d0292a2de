"""One connection to the broker that is made when it is needed. In: a URL. Out: open channels, or BrokerUnavailable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiormq
import structlog
from aiormq.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import AMQPError, ChannelInvalidStateError
from yarl import URL

from pipeline.engine.transport import BrokerUnavailable

log = structlog.get_logger(__name__)

COOLDOWN = 1.0  # seconds between two attempts to connect; who asks meanwhile hears of the last failure at once
GOODBYE = 5.0  # seconds for a connection to close politely


@asynccontextmanager
async def asking(what: str, seconds: float) -> AsyncIterator[None]:
    """Bound what is asked of the broker, and say BrokerUnavailable in every way in which it can fail to answer."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except (Exception, asyncio.CancelledError) as error:
        meaning = translated(error, what, seconds)
        if meaning is error:
            raise
        raise meaning from error


def translated(error: BaseException, what: str, seconds: float) -> BaseException:
    """What a failed call means: BrokerUnavailable where it is about the broker, else the error itself.

    A connection that dies rejects its waiters with whatever closed it: CancelledError although nobody cancelled
    this task, or a bare Exception when there was no reason at all.
    """
    if isinstance(error, TimeoutError):
        return BrokerUnavailable(f"the broker did not answer within {seconds:g} s while {what}")
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        asked_for = task is not None and task.cancelling() > 0
        return error if asked_for else BrokerUnavailable(f"the connection to the broker was lost while {what}")
    if isinstance(error, AMQPError | OSError) or type(error) in (RuntimeError, Exception) or is_closed(error):
        return BrokerUnavailable(f"the broker failed while {what}: {error!r}")
    return error


def is_closed(error: BaseException) -> bool:
    """Whether the error says that a channel was used after it had closed."""
    return isinstance(error, ChannelInvalidStateError)


class Link:
    """A connection, made on first use and again after it was lost."""

    def __init__(self, url: str, purpose: str, heartbeat: int, timeout: float) -> None:
        given = URL(url)
        self._url = given.update_query({"heartbeat": str(heartbeat), "name": f"leadpipe {purpose}", **given.query})
        self._purpose = purpose
        self._timeout = timeout
        self._connection: AbstractConnection | None = None
        self._connecting: asyncio.Task[AbstractConnection] | None = None
        self._trouble: tuple[float, BrokerUnavailable] | None = None  # when (loop time) and what
        self._closed = False
        self._farewells: set[asyncio.Task[None]] = set()

    async def channel(self, *, confirms: bool = False) -> AbstractChannel:
        """A new open channel; with `confirms`, publishing on it waits for the broker and raises on a return."""
        async with asking(f"opening a channel for {self._purpose}", self._timeout):
            connection = await self.connect()
            await connection.ready()
            return await connection.channel(publisher_confirms=confirms, on_return_raises=confirms)

    async def connect(self) -> AbstractConnection:
        """The living connection. Callers share one attempt, which outlives a caller that stops waiting."""
        if self._closed:
            raise BrokerUnavailable("this transport is closed")
        if self._connection is not None and not self._connection.is_closed:
            return self._connection
        if self._connecting is None or self._connecting.done():
            self._cool_down()
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(_retrieve)
        return await asyncio.shield(self._connecting)

    def drop(self) -> None:
        """Give up a connection that does not answer; the next use makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            farewell = asyncio.create_task(_part(connection))
            self._farewells.add(farewell)
            farewell.add_done_callback(self._farewells.discard)

    async def close(self) -> None:
        """Disconnect for good."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        self.drop()
        if self._farewells:
            await asyncio.wait(self._farewells)

    async def _connect(self) -> AbstractConnection:
        try:
            async with asking(f"connecting for {self._purpose}", self._timeout):
                connection = await aiormq.connect(self._url)
        except BrokerUnavailable as error:
            self._trouble = (asyncio.get_running_loop().time(), error)
            raise
        self._trouble = None
        self._connection = connection
        return connection

    def _cool_down(self) -> None:
        if self._trouble is not None:
            since, error = self._trouble
            if asyncio.get_running_loop().time() < since + COOLDOWN:
                raise BrokerUnavailable(str(error))


async def _part(connection: AbstractConnection) -> None:
    with suppress(BrokerUnavailable):
        async with asking("disconnecting", GOODBYE):
            await connection.close()


def _retrieve(task: asyncio.Task[AbstractConnection]) -> None:
    """Look at the outcome, so that a failure whose callers have all left is not reported as unseen."""
    if not task.cancelled():
        task.exception()
