"""One run. In: an instance and a load. Out: what it took, from the first request to the last journal row.

How each figure is measured:

| figure | measured as |
|---|---|
| accepted a second | events answered 202, from the first request to the last answer |
| journalled a second | events that came out of the last stage, from the first request to the last journal row |
| answer | a request's time at the load generator, counted from when it was due |
| journal | a journal row's `finished_at` minus the event's `received_at`, both clocks of this machine |
| told | `created_at` of a notification minus `received_at`: of the refused events, which skip `upsert` |
| CPU | user and system time of a process, through the whole run, over the events |
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from pipeline.daemon.core import broker_url, topology_of
from pipeline.operations.bench import processes, scrape
from pipeline.operations.bench.arrivals import Times, times
from pipeline.operations.bench.bodies import bodies, known
from pipeline.operations.bench.load import KNOWN, Load
from pipeline.operations.bench.poster import Answers, Poster
from pipeline.operations.bench.processes import Parties, Use
from pipeline.operations.bench.scrape import Work
from pipeline.operations.connectors import webhook_url
from pipeline.settings import Settings
from pipeline.store import accounts, connectors, workers
from pipeline.store.database import Database
from pipeline.store.timing import Timing, timing
from schemas.connector import ConnectorSettings

NAME = "bench"
LOOKS = 0.5  # seconds between two looks while events are under way
CLOSE = 0.05  # seconds between two looks when nearly all are through
STALLED = 60.0  # seconds without any progress, after which a run is given up

Progress = Callable[[int], None]


class Stalled(Exception):
    """Events do not come out of the chain any more; the message says how many are missing."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run did. Rates are events a second; CPU is microseconds an event; memory is private bytes."""

    events: int
    accepted_rate: float
    journalled_rate: float
    seconds: float
    answer: Times
    journal: Times
    told: Times
    cpu: dict[str, float]
    memory: dict[str, tuple[int, int]]
    stages: dict[str, dict[str, Any]]
    not_now: int
    bytes: int


async def measure(settings: Settings, load: Load, supervisor: int | None, progress: Progress) -> Run:
    """Send the load through the instance of these settings, and wait for its last event.

    Raises DoorTrouble, Stalled, and Transient when the database is away.
    """
    database = await Database.open(str(settings.database_url), size=2)
    try:
        connector, url = await _connector(database, settings)
        who = await _parties(database, settings, supervisor)
        first = random.randrange(2**20) * 2**6  # what an earlier run left is about others
        async with aiohttp.ClientSession() as session:
            watch = Watch(session, url, [*topology_of(settings).stages][-1], await scrape.look(session, url))
            await Poster(url, replace(load, events=KNOWN, rate=None), known(load, first)).run()
            watch.before = await watch.through(KNOWN, lambda _: None)
            return await _run(database, watch, connector, who, load, bodies(load, first), progress)
    finally:
        await connectors.remove(database, await _account(database), NAME)
        await database.close()


async def _run(
    database: Database,
    watch: Watch,
    connector: int,
    who: Parties,
    load: Load,
    sent: Iterator[tuple[bytes, int]],
    progress: Progress,
) -> Run:
    poster = Poster(watch.url, load, sent)
    began, clock, used = datetime.now(UTC) - timedelta(milliseconds=1), time.perf_counter(), who.look()
    watching = asyncio.create_task(watch.tell(progress))
    try:
        await poster.run()
    finally:
        watching.cancel()
    posted = time.perf_counter() - clock
    answers = poster.answers
    after = await watch.through(answers.accepted, progress)
    seconds = time.perf_counter() - clock
    spent, memory = processes.spent(used, now := who.look()), _memory(used, now)
    seen = await timing(database, connector, began)
    if seen.last is not None and load.people != "duplicates":
        seconds = (seen.last - began).total_seconds()
    return _told(load, answers, posted, seconds, seen, spent, memory, scrape.between(watch.before, after))


def _told(
    load: Load,
    answers: Answers,
    posted: float,
    seconds: float,
    seen: Timing,
    spent: Mapping[str, float],
    memory: dict[str, tuple[int, int]],
    work: Mapping[str, Work],
) -> Run:
    events = answers.accepted
    return Run(
        events=events,
        accepted_rate=round(events / posted, 1),
        journalled_rate=round(events / seconds, 1),
        seconds=round(seconds, 3),
        answer=times(answers.seconds),
        journal=times([]) if load.people == "duplicates" else times(seen.journalled),
        told=times(seen.told),
        cpu={name: round(cpu / events * 1e6, 1) for name, cpu in spent.items()},
        memory=memory,
        stages={
            name: {
                "events": int(done.events or done.in_batches),
                "batches": int(done.batches),
                "mean_batch": done.mean_batch,
                "ms_per_batch": round(done.seconds / done.batches * 1000, 2) if done.batches and done.seconds else None,
            }
            for name, done in work.items()
        },
        not_now=answers.not_now,
        bytes=answers.bytes,
    )


class Watch:
    """Follows the events through an instance by what its metrics say. `before`: what they said at the start."""

    def __init__(self, session: aiohttp.ClientSession, url: str, last: str, before: dict[str, Work]) -> None:
        self.url = url
        self.before = before
        self._session = session
        self._last = last  # the stage at the end of the chain

    async def through(self, events: int, progress: Progress) -> dict[str, Work]:
        """Wait until this many events have come out of the last stage. Raises Stalled, DoorTrouble."""
        last, moved = -1, time.monotonic()
        while True:
            found = await scrape.look(self._session, self.url)
            ended = self._ended(found)
            progress(ended)
            if ended >= events:
                return found
            if ended != last:
                last, moved = ended, time.monotonic()
            elif time.monotonic() - moved > STALLED:
                hint = (
                    ""
                    if self._last in found
                    else "; its metrics do not include the stages: measure a running `leadpipe up`"
                )
                raise Stalled(f"{events - ended:,} of {events:,} events have not come out of the chain{hint}")
            await asyncio.sleep(CLOSE if events - ended < events / 10 else LOOKS)

    async def tell(self, progress: Progress) -> None:
        """Tell of the progress until cancelled."""
        while True:
            await asyncio.sleep(LOOKS * 2)
            progress(self._ended(await scrape.look(self._session, self.url)))

    def _ended(self, found: Mapping[str, Work]) -> int:
        return int(scrape.between(self.before, found).get(self._last, Work()).events)


async def _connector(database: Database, settings: Settings) -> tuple[int, str]:
    """The connector of the run; returns its id and webhook URL."""
    wanted = ConnectorSettings(
        name=NAME,
        preset="generic-json",
        default_country="IN",
        time_zone="Asia/Kolkata",
        primary_key="email",
        secondary_key="phone",
    )
    applied = await connectors.apply(database, await _account(database), wanted)
    return applied.id, webhook_url(settings, applied.token)


async def _account(database: Database) -> int:
    id = await accounts.find(database)
    if id is None:
        raise LookupError("the database has no default account")
    return id


async def _parties(database: Database, settings: Settings, supervisor: int | None) -> Parties:
    live = [(worker["pid"], ", ".join(worker["stages"])) for worker in await workers.live(database)]
    backend = int(await database.fetchval("SELECT pg_backend_pid()"))
    return processes.parties(supervisor, live, settings.http_port, backend, broker_url(settings))


def _memory(before: Mapping[str, Use], after: Mapping[str, Use]) -> dict[str, tuple[int, int]]:
    return {name: (before[name].memory, use.memory) for name, use in after.items() if name in before}


def is_local(settings: Settings) -> bool:
    """Whether what would be measured runs on this machine: a bench never loads somebody else's."""
    return (urlsplit(webhook_url(settings, "")).hostname or "") in ("127.0.0.1", "localhost", "::1")
