"""Where delivered frames wait until a batch is taken. In: parcels, from a callback. Out: batches, by size or linger.

A suspicious frame, one that was handed out again and again, goes first and alone.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

from pipeline.engine.frame import UnreadableFrame, unpack
from pipeline.engine.topology import Delivery
from pipeline.engine.transport import Parcel

SUSPICIOUS = 3  # deliveries: whoever took the frame the times before ended without settling it


@dataclass(slots=True)
class Batch:
    """Whole frames, opened: the parcels to settle, the deliveries in them, and the parcels that cannot be read."""

    parcels: list[Parcel] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    unreadable: list[tuple[Parcel, UnreadableFrame]] = field(default_factory=list)
    handed_out: int = 0  # how often, the most of any of its frames

    @property
    def suspicious(self) -> bool:
        """Whether it may have ended the processes that took it; such a batch is one frame."""
        return self.handed_out >= SUSPICIOUS

    def add(self, parcel: Parcel) -> None:
        self.parcels.append(parcel)
        self.handed_out = max(self.handed_out, parcel.deliveries)
        try:
            self.deliveries.extend(unpack(parcel.body, time.time()))
        except UnreadableFrame as error:
            self.unreadable.append((parcel, error))


class Inbox:
    """A queue of parcels with one taker. `put` never blocks, so that it can be a broker library's callback."""

    def __init__(self) -> None:
        self._parcels: deque[Parcel] = deque()
        self._suspicious: deque[Parcel] = deque()
        self._arrived = asyncio.Event()
        self._closed = False

    def put(self, parcel: Parcel) -> None:
        (self._suspicious if parcel.deliveries >= SUSPICIOUS else self._parcels).append(parcel)
        self._arrived.set()

    def clear(self) -> None:
        """Forget everything: the connection that delivered it is gone, and the broker delivers it again."""
        self._parcels.clear()
        self._suspicious.clear()

    def close(self) -> list[Parcel]:
        """End `take`, now and for good; returns the parcels that nobody took. Again: those that came since."""
        self._closed = True
        self._arrived.set()
        left = [*self._suspicious, *self._parcels]
        self.clear()
        return left

    async def take(self, size: int, linger: float) -> Batch | None:
        """The next batch: at least one parcel; as many as hold `size` events or arrive within `linger` seconds.

        Nobody lingers after a wait for the first one that was longer than that: it is not likely to get company.
        Returns None once the inbox is closed.
        """
        now = asyncio.get_running_loop().time
        began = now()
        if not await self._some(None):
            return None
        batch = Batch()
        if self._suspicious:
            batch.add(self._suspicious.popleft())
            return batch
        arrived = now()
        deadline = arrived + linger if arrived - began < linger else arrived
        while True:
            while self._parcels and not self._closed and len(batch.deliveries) < size:
                batch.add(self._parcels.popleft())
            if len(batch.deliveries) >= size or self._suspicious or not await self._some(deadline):
                return batch

    async def _some(self, deadline: float | None) -> bool:
        """Wait for a parcel, until the deadline; False if there is none or the inbox is closed."""
        while not self._closed:
            if self._parcels or self._suspicious:
                return True
            self._arrived.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._arrived.wait()
            except TimeoutError:
                return False
        return False  # what arrives after the close is for the next `close` to give back
