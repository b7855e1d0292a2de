"""The load generator. In: bodies, and when they are due. Out: answers counted, and the time that each took.

Keep-alive HTTP/1.1 without pipelining, straight on asyncio's protocols: one write and one read per request, no object
of a client library, because it runs on the machine that it measures.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

from pipeline.operations.bench.arrivals import arrivals
from pipeline.operations.bench.load import Load

TYPES = {"single": b"application/json", "array": b"application/json", "ndjson": b"application/x-ndjson"}
PAUSE = 0.05  # seconds before a request that was told "not now" is sent again
FIRST = 4  # connections that a run at a fixed rate begins with; more are opened when they are needed
TICK = 0.001  # seconds between two looks for requests that are due


class DoorTrouble(Exception):
    """The door could not be reached, broke a connection, or refused an event that it should take."""


@dataclass(slots=True)
class Answers:
    """What the door said. `seconds`: per request, from when it was due (or sent, at saturation) to its answer."""

    accepted: int = 0
    requests: int = 0
    not_now: int = 0  # answers 503, after which the request was sent again
    bytes: int = 0
    seconds: array[float] = field(default_factory=lambda: array("d"))


class Poster:
    """Posts the bodies of a load to one URL."""

    def __init__(self, url: str, load: Load, bodies: Iterator[tuple[bytes, int]]) -> None:
        parts = urlsplit(url)
        self.answers = Answers()
        self._host, self._port = str(parts.hostname), parts.port or 80
        self._load = load
        self._bodies = bodies
        self._head = b"POST %b HTTP/1.1\r\nHost: %b\r\nContent-Type: %b\r\nContent-Length: " % (
            parts.path.encode(),
            parts.netloc.encode(),
            TYPES[load.body],
        )
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._wires: set[Wire] = set()
        self._idle: list[Wire] = []
        self._late: deque[float] = deque()  # due and not yet sent
        self._open = 0  # requests sent and not answered
        self._exhausted = False

    async def run(self) -> None:
        """Post everything; returns when the last answer is there, or `seconds` have passed. Raises DoorTrouble."""
        at_once = self._load.in_flight if self._load.rate is None else min(self._load.in_flight, FIRST)
        for _ in range(min(at_once, self._load.requests)):
            await self._connect()
        try:
            async with asyncio.timeout(self._load.seconds):
                if self._load.rate is None:
                    busy, self._idle = self._idle, []
                    for wire in busy:
                        self._next(wire, self._loop.time())
                    await self._done
                else:
                    await self._in_time(self._load.rate / self._load.per_request)
        except TimeoutError:
            self._exhausted = True  # what is under way is answered; nothing more is sent
        finally:
            for wire in self._wires:
                wire.close()

    async def _connect(self) -> None:
        try:
            _, wire = await self._loop.create_connection(
                lambda: Wire(self._answered, self._lost), self._host, self._port
            )
        except OSError as error:
            raise DoorTrouble(f"the ingress at {self._host}:{self._port} cannot be reached: {error}") from error
        self._wires.add(wire)
        self._idle.append(wire)

    async def _in_time(self, rate: float) -> None:
        """Send each request when it is due, or as soon after as there is a connection."""
        began = self._loop.time()
        due = (began + at for _, at in zip(range(self._load.requests), arrivals(rate), strict=False))
        upcoming = next(due, None)
        while (upcoming is not None or self._late) and not self._done.done():
            now = self._loop.time()
            while upcoming is not None and upcoming <= now:
                self._late.append(upcoming)
                upcoming = next(due, None)
            self._send_late()
            if self._late and len(self._wires) < self._load.in_flight:
                await self._connect()
                self._send_late()
            await asyncio.sleep(max(TICK, 0.0 if upcoming is None else upcoming - self._loop.time()))
        await self._done

    def _send_late(self) -> None:
        while self._late and self._idle:
            self._next(self._idle.pop(), self._late.popleft())

    def _next(self, wire: Wire, due: float) -> None:
        """Send the next body on an idle connection; without one left, end when the last answer is there."""
        found = None if self._exhausted else next(self._bodies, None)
        if found is None:
            self._exhausted = True
            if not self._open and not self._done.done():
                self._done.set_result(None)
            return
        body, events = found
        self._open += 1
        self.answers.bytes += len(body)
        wire.send(b"%b%d\r\n\r\n%b" % (self._head, len(body), body), events, due)

    def _answered(self, wire: Wire, status: int) -> None:
        if status == 503:
            self.answers.not_now += 1
            self._loop.call_later(PAUSE, wire.again)
            return
        if status != 202:
            self._broken(DoorTrouble(f"the ingress answered {status}"))
            return
        self._open -= 1
        self.answers.requests += 1
        self.answers.accepted += wire.events
        now = self._loop.time()
        self.answers.seconds.append(now - wire.due)
        if self._load.rate is None:
            self._next(wire, now)
        elif self._late:
            self._next(wire, self._late.popleft())
        else:
            self._idle.append(wire)
            if self.answers.requests == self._load.requests and not self._done.done():
                self._done.set_result(None)

    def _lost(self, wire: Wire, error: Exception | None) -> None:
        """A connection that was idle for long is closed by the door, and nobody misses it."""
        self._wires.discard(wire)
        if wire in self._idle:
            self._idle.remove(wire)
        else:
            self._broken(DoorTrouble(f"the ingress closed a connection: {error or 'without a reason'}"))

    def _broken(self, error: DoorTrouble) -> None:
        if not self._done.done():
            self._done.set_exception(error)


class Wire(asyncio.Protocol):
    """One connection: sends a request, and tells of its answer."""

    def __init__(self, answered: Callable[[Wire, int], None], lost: Callable[[Wire, Exception | None], None]) -> None:
        self.events = 0
        self.due = 0.0
        self._request = b""
        self._answered = answered
        self._lost = lost
        self._received = b""
        self._transport: asyncio.Transport
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass of it

    def send(self, request: bytes, events: int, due: float) -> None:
        self._request, self.events, self.due = request, events, due
        self._transport.write(request)

    def again(self) -> None:
        if not self._closing:
            self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return
        at = received.find(b"Content-Length: ", 0, end)
        length = int(received[at + 16 : received.find(b"\r\n", at, end + 2)]) if at >= 0 else 0
        if len(received) < end + 4 + length:
            return
        self._received = b""
        self._answered(self, int(received[9:12]))

    def connection_lost(self, error: Exception | None) -> None:
        if not self._closing:
            self._lost(self, error)

    def close(self) -> None:
        self._closing = True
        self._transport.close()
