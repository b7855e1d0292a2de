"""A consumer's hands, for tests of transports: what was delivered, and how to wait for it."""

from __future__ import annotations

import asyncio
from typing import Any

from pipeline.engine.stage import Stage
from pipeline.engine.topology import Address, Topology
from pipeline.engine.transport import BrokerUnavailable, Parcel, Subscription, Transport
from tests.support.until import PATIENCE


async def _no_work(batch: Any, tools: Any) -> list[Any]:
    return []


def chain(*names: str, rungs: tuple[float, ...] = (0.2, 60)) -> Topology:
    """Stages that feed each other in this order and do nothing."""
    fed_by = [None, *names]
    stages = [Stage(name, _no_work, after=before) for name, before in zip(names, fed_by, strict=False)]
    return Topology.of(stages, rungs)


class Hands:
    """Receives parcels and keeps them. `lost` counts how often the connection went away."""

    def __init__(self) -> None:
        self.all: list[Parcel] = []
        self.lost = 0
        self._next = 0
        self._news = asyncio.Event()

    @property
    def bodies(self) -> list[bytes]:
        return [parcel.body for parcel in self.all]

    def put(self, parcel: Parcel) -> None:
        self.all.append(parcel)
        self._news.set()

    def lose(self) -> None:
        self.lost += 1

    async def take(self, number: int = 1, within: float = PATIENCE) -> list[Parcel]:
        """The next so many parcels, in the order of delivery."""
        async with asyncio.timeout(within):
            while len(self.all) < self._next + number:
                self._news.clear()
                await self._news.wait()
        taken = self.all[self._next : self._next + number]
        self._next += number
        return taken

    async def subscribe(self, transport: Transport, source: Address, prefetch: int = 100) -> Subscription:
        """Hold out the hands at a queue."""
        return await transport.subscribe(source, self.put, self.lose, prefetch)


async def declared(transport: Transport, topology: Topology) -> bool:
    """Open it and declare; whether that went well, for one whose own patience is short on a busy machine."""
    try:
        await transport.open()
        await transport.declare(topology)
    except BrokerUnavailable:
        return False
    return True


async def ready(transport: Transport, source: Address) -> int:
    """How many messages wait in a queue."""
    return (await transport.depths())[source.queue].ready
