"""A chain for tests of the machine: a stage that does what its event says, on a broker in memory. Out: what became."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from pipeline.engine.consumer import Pace
from pipeline.engine.frame import Bounds, pack, unpack
from pipeline.engine.inbox import Inbox
from pipeline.engine.observe import Observer, Report
from pipeline.engine.outcome import DeadLetter, Drop, Forward, Outcome, Poison, Retry, Transient
from pipeline.engine.runner import Runner
from pipeline.engine.stage import Stage
from pipeline.engine.topology import Address, Delivery, Exit, Topology, Work
from pipeline.transport.memory import MemoryTransport
from schemas.event import Event
from tests.support.until import PATIENCE

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUICK = (0.01, 0.02)  # rungs, in seconds: two retries after the first attempt


def event(do: str = "forward", **changes: Any) -> Event:
    """A new event that tells the scripted stage what to do with it."""
    return Event(
        **{
            "id": str(uuid4()),
            "account": 1,
            "connector": 7,
            "kind": "lead",
            "received_at": NOON,
            "raw": '{"Phone": "+919611795983"}',
            "data": {"do": do},
            **changes,
        }
    )


class Script:
    """What the scripted stage was asked, and the switches of its world."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []  # the ids of each batch it was given
        self.world_is_broken = False
        self.gate = asyncio.Event()  # a "block" event holds the stage until it opens
        self.gate_reached = asyncio.Event()

    @property
    def tries(self) -> Counter[str]:
        """How often each event was handed over."""
        return Counter(id for call in self.calls for id in call)

    async def run(self, batch: Sequence[Event], tools: Any) -> list[Outcome]:
        """The stage function: each event's `data["do"]` is obeyed."""
        self.calls.append([event.id for event in batch])
        if self.world_is_broken:
            raise Transient("the database is away")
        doings = {event.data["do"] for event in batch}
        if "block" in doings:
            self.gate_reached.set()
            await self.gate.wait()
        if "short" in doings:
            return []
        return [self._obey(event) for event in batch]

    def _obey(self, event: Event) -> Any:
        match event.data["do"]:
            case "forward" | "block":
                return Forward(event.evolve(data={**event.data, "done": True}))
            case "raise":
                raise ValueError("a bug met +919611795983")
            case "poison":
                raise Poison("broken for good")
            case "transient":
                raise Transient("not now")
            case "retry":
                return Retry("busy", error="+919611795983 is busy")
            case "reject":
                return DeadLetter("no", field="Phone", value="+919611795983", rule="must be a phone number")
            case "drop":
                return Drop("a test call")
            case "unportable":
                return Forward(event.evolve(data={"number": 10**30}))
            case "surrogate":
                raise ValueError("caf\udce9 \0 " + "x" * 100_000)
            case "nothing":
                return None
            case "another":
                return Forward(event.evolve(id=str(uuid4())))
            case unknown:
                raise AssertionError(f"no such part in the script: {unknown}")


def middle(run: Callable[..., Any]) -> Topology:
    """A chain of three: `first`, the scripted `middle`, and `last`, which hears ends."""
    return Topology.of(
        [
            Stage("first", forward),
            Stage("middle", run, after="first"),
            Stage("last", forward, after="middle", hears_ends=True),
        ],
        rungs=QUICK,
    )


async def forward(batch: Sequence[Event], tools: Any) -> list[Outcome]:
    """A stage that changes nothing."""
    return [Forward(event) for event in batch]


class Bench:
    """The chain of `middle` on a broker in memory, and a look into its queues."""

    def __init__(self, transport: MemoryTransport) -> None:
        self.script = Script()
        self.topology = middle(self.script.run)
        self.transport = transport
        self.reports: list[Report] = []

    @classmethod
    async def open(cls, transport: MemoryTransport | None = None) -> Bench:
        """A bench with its queues declared."""
        bench = cls(transport or MemoryTransport())
        await bench.transport.declare(bench.topology)
        return bench

    async def send(self, *events: Event, to: Address = Work("middle"), per_frame: int = 200) -> None:
        """Publish events as the stage before would."""
        exits = [Exit(to, event) for event in events]
        await self.transport.publish(pack(exits, datetime.now(UTC).timestamp(), Bounds(events=per_frame)))

    def runner(self, *, observers: Sequence[Observer] = (), pace: Pace = Pace()) -> Runner:
        """A runner of the scripted stage, not running yet; its reports come to `self.reports`."""
        stage = self.topology.stages["middle"]
        return Runner(stage, self.topology, self.transport, None, pace, observers=[*observers, self.reports.append])

    async def ready(self, queue: Address) -> int:
        """How many frames wait in a queue."""
        return self.ready_now(queue)

    def ready_now(self, queue: Address) -> int:
        """The same, for conditions and observers, which cannot wait."""
        return len(self.transport._queues[queue.queue].ready)

    async def empty(self, queue: Address) -> list[Delivery]:
        """Take everything that waits in a queue, for good."""
        return [delivery for body in await self.bodies(queue) for delivery in unpack(body, 0.0)]

    async def bodies(self, queue: Address) -> list[bytes]:
        """Take every frame that waits in a queue, for good, as it is."""
        inbox = Inbox()
        subscription = await self.transport.subscribe(queue, inbox.put, inbox.clear, 10_000)
        await subscription.cancel()
        parcels = inbox.close()
        await subscription.ack(parcels)
        return [parcel.body for parcel in parcels]


@asynccontextmanager
async def running(*loops: Any) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run runners, drains or consumers for the length of the block, then stop them and see them return."""
    tasks = [asyncio.create_task(loop.run()) for loop in loops]
    try:
        yield tasks
    finally:
        for loop in loops:
            await loop.stop()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if not task.cancelled():
            task.result()
