"""Load at a constant rate. In: a webhook URL, a rate, a seed. Out: the client's log of what it was told.

Requests leave when they are due, whether or not earlier ones have been answered; a slow server meets more of them at
once, as in life. Only where a bound is given, one that is due waits for room: on a machine that is starved they would
pile up until the server had to refuse some, and what is asked there is whether any gets lost. Each event has an id
that the client can work out before it sends, so also an event whose request failed is known by name.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import aiohttp
import orjson

from pipeline.ingress.identity import event_id
from tests.chaos.verdict import Told
from tests.support.traffic import START, Person

ACCOUNT = 1
PATIENCE = 20.0  # seconds for one request
TRIES = 60
BEFORE_AGAIN = 1.0  # seconds that a producer lets go by before it sends again
AGAIN = 0.05  # share of requests that repeat an earlier event to the letter
REPEATS = 0.15  # share of events that tell something new of an earlier person

Document = dict[str, Any]


class Load:
    """A client of one connector. `told` is its log."""

    def __init__(
        self,
        url: Callable[[], str],
        connector: int,
        rate: float,
        seed: int,
        batch: int = 1,
        patience: float = PATIENCE,
        at_once: int | None = None,
    ) -> None:
        self.told = Told()
        self.rate = rate
        self.bad: dict[str, str] = {}  # ids of events that must end as dead letters
        self._url = url
        self._connector = connector
        self._batch = batch
        self._at_once = at_once
        self._timeout = aiohttp.ClientTimeout(total=patience)
        self._chance = random.Random(seed)
        self._seed = seed
        self._number = 0
        self._people = 0
        self._sent: list[Document] = []
        self._hazards: list[tuple[int, str]] = []
        self.insistent = False  # sends again what was not accepted, as producers do
        self.crowd: int | None = None  # how many persons there are; none: ever more
        self._stop = asyncio.Event()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._under_way: set[asyncio.Task[None]] = set()

    @property
    def number(self) -> int:
        """Of the newest event."""
        return self._number

    def plant(self, number: int, hazard: str) -> None:
        """Make the event of this number one that a hazard stage dies of."""
        self._hazards.append((number, hazard))

    async def run(self, *, seconds: float | None = None, count: int | None = None) -> Told:
        """Send for so long, or so many events, or until `stop`; returns when every request has ended."""
        started = time.monotonic()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=self._timeout) as session:
            sent = 0
            while not self._stop.is_set() and (count is None or sent < count):
                due = started + sent / self.rate
                if (ahead := due - time.monotonic()) > 0:
                    await asyncio.sleep(ahead)
                if seconds is not None and time.monotonic() - started >= seconds:
                    break
                if not self._flowing.is_set():
                    paused = time.monotonic()
                    await self._flowing.wait()
                    started += time.monotonic() - paused
                if self._at_once is not None and len(self._under_way) >= self._at_once:
                    paused = time.monotonic()
                    await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
                    started += time.monotonic() - paused
                documents = [self._next() for _ in range(self._batch)]
                sent += len(documents)
                self._begin(session, documents)
            await asyncio.gather(*self._under_way)
        return self.told

    async def again(self, count: int) -> None:
        """The same `count` events, from the first on; called again, they are sent again."""
        while len(self._sent) < count:
            self._next()
        await self._all(self._sent[:count])

    async def shuffled(self, count: int, people: int) -> dict[str, int]:
        """`count` events of a few people, in any order. Out: by e-mail, the number of the newest event."""
        self.crowd = people
        documents = [self._next() for _ in range(count)]
        newest = {document["email"]: document["budget"] for document in documents}
        self._chance.shuffle(documents)
        await self._all(documents)
        return newest

    def pause(self) -> None:
        """Send nothing until `resume`."""
        self._flowing.clear()

    def resume(self) -> None:
        self._flowing.set()

    def stop(self) -> None:
        """Send no more, also if it is paused."""
        self._stop.set()
        self._flowing.set()

    def id_of(self, document: Document) -> str:
        """The id that the event has by the product's rule."""
        return event_id(ACCOUNT, self._connector, document["event_id"], document)

    async def _all(self, documents: list[Document]) -> None:
        """Send these, at the rate of the load."""
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=self._timeout) as session:
            for at in range(0, len(documents), self._batch):
                self._begin(session, documents[at : at + self._batch])
                await asyncio.sleep(self._batch / self.rate)  # the pace is the thing
            await asyncio.gather(*self._under_way)

    def _begin(self, session: aiohttp.ClientSession, documents: list[Document]) -> None:
        task = asyncio.create_task(self._post(session, documents))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _post(self, session: aiohttp.ClientSession, documents: list[Document]) -> None:
        for _ in range(TRIES if self.insistent else 1):
            if await self._accepted(session, documents):
                return
            await asyncio.sleep(BEFORE_AGAIN)

    async def _accepted(self, session: aiohttp.ClientSession, documents: list[Document]) -> bool:
        ids = [self.id_of(document) for document in documents]
        for document, id in zip(documents, ids, strict=True):
            if "hazard" in document:
                self.bad[id] = document["hazard"]
        body = orjson.dumps(documents[0] if len(documents) == 1 else documents)
        started = time.monotonic()
        try:
            async with session.post(self._url(), data=body, headers={"Content-Type": "application/json"}) as answer:
                status, told = str(answer.status), await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            status, told = type(error).__name__, b""
        took = time.monotonic() - started
        self.told.slowest = max(self.told.slowest, took)
        self.told.statuses[status] = self.told.statuses.get(status, 0) + 1
        if status == "202":
            self.told.seconds.append(took)
            if (answered := orjson.loads(told)["ids"]) != ids:
                raise AssertionError(f"answered {answered}, expected {ids}")
        log = self.told.accepted if status == "202" else self.told.unknown
        for id in ids:
            log[id] = log.get(id, 0) + 1
        return status == "202"

    def _next(self) -> Document:
        self._number += 1
        if self.crowd is not None:
            return self._document(self._chance.randrange(self.crowd), None)
        hazard = next((kind for number, kind in self._hazards if number == self._number), None)
        if hazard is None and self._sent and self._chance.random() < AGAIN:
            return self._chance.choice(self._sent)
        if self._people and self._chance.random() < REPEATS:
            return self._document(self._chance.randrange(self._people), hazard)
        self._people += 1
        return self._document(self._people - 1, hazard)

    def _document(self, number: int, hazard: str | None) -> Document:
        person = Person(number)
        document: Document = {
            "event_id": f"{self._seed}-{self._number}",
            "name": f"{person.first} {person.last}",
            "email": person.email,
            "phone": f"+91{person.national}",
            "city": person.city,
            "budget": self._number,
            "message": f"enquiry {self._number}",
            "created_at": f"{START + timedelta(seconds=self._number):%Y-%m-%dT%H:%M:%S}+05:30",
        }
        if hazard is not None:
            document["hazard"] = hazard
        else:
            self._sent.append(document)
        return document
