"""Declaring and looking, on a connection of its own that neither alarms nor frames hold up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelNotFoundEntity

from pipeline.engine.topology import Topology
from pipeline.engine.transport import Depth
from pipeline.transport.rabbitmq.declare import declare
from pipeline.transport.rabbitmq.link import Link, asking
from pipeline.transport.rabbitmq.names import Names

PATIENCE = 60.0  # seconds: a broker that elects leaders for many new queues takes its time


class Control:
    """One channel, used by one caller at a time, and opened again after an error has closed it."""

    def __init__(self, link: Link, names: Names, timeout: float) -> None:
        self._link = link
        self._names = names
        self._timeout = timeout
        self._channel: AbstractChannel | None = None
        self._turn = asyncio.Lock()

    async def declare(self, topology: Topology) -> None:
        """Make the topology exist."""
        async with self._asking("declaring the topology", max(self._timeout, PATIENCE)) as channel:
            await declare(channel, topology, self._names)

    async def depth(self, queue: str) -> Depth | None:
        """What a queue (its name at the broker) holds, or None where there is no such queue."""
        async with self._asking(f"looking at {queue}", self._timeout) as channel:
            try:
                seen = await channel.queue_declare(queue, passive=True)
            except ChannelNotFoundEntity:
                return None
            return Depth(int(seen.message_count or 0), int(seen.consumer_count or 0))

    @asynccontextmanager
    async def _asking(self, what: str, seconds: float) -> AsyncIterator[AbstractChannel]:
        async with self._turn:
            try:
                async with asking(what, seconds):
                    if self._channel is None or self._channel.is_closed:
                        self._channel = await self._link.channel()
                    yield self._channel
            except BaseException:  # a call that is given up closes its channel, and may not come to the end of that
                self._channel = None
                raise
