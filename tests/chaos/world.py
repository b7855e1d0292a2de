"""The stage for a scenario: real servers, a real Leadpipe in real processes, a load, and a clock on what comes out."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psutil

from pipeline.engine.topology import Work
from pipeline.engine.transport import Message
from pipeline.transport import transport_for
from tests.chaos import ground
from tests.chaos import verdict as oracle
from tests.chaos.crew import Crew
from tests.chaos.ground import Servers
from tests.chaos.load import PATIENCE, Load
from tests.chaos.postgres import ChaosPostgres
from tests.chaos.verdict import Verdict
from tests.support.daemon import Leadpipe, installed
from tests.support.proxy import Proxy
from tests.support.until import PROCESSES, until

HERE = Path(__file__).parent
STAGES = ("normalize map dedupe", "upsert", "witness log notify")
HAZARDOUS = ("normalize hazard map dedupe", "upsert", "witness log notify")
PEACE = 1.0  # seconds of load before anything is hurt
BESIDE = 200.0  # seconds of patience in the short form, which runs beside a suite and measures nothing
AT_ONCE = 50  # requests under way, there: more than come together where nothing is starved
GROWTH = 64  # MiB that an ingress may take beyond what it began with, whatever waits behind it
CALM = 0.25  # seconds between two looks at the journal


@dataclass
class World:
    """What a scenario plays with."""

    servers: Servers
    leadpipe: Leadpipe
    crew: Crew
    load: Load
    chance: random.Random
    verdict: Verdict
    database: str  # the direct URL, past every proxy
    long: bool
    to_postgres: Proxy | None = None
    to_rabbitmq: Proxy | None = None
    standby: ChaosPostgres | None = None
    samples: list[tuple[float, int, int]] = field(default_factory=list)  # time, accepted, journalled
    memory: list[int] = field(default_factory=list)  # MiB of an ingress, as often
    mended: float | None = None  # when the fault was over
    figures: Callable[[World], Awaitable[None]] | None = None  # what else must hold once all is drained and judged

    @property
    def postgres(self) -> ChaosPostgres:
        return self.servers.postgres

    def memory_is_flat(self) -> None:
        """The ingress took no more than a bounded piece of memory beyond what it began with."""
        least, most = min(self.memory, default=0), max(self.memory, default=0)
        self.verdict.notes["ingress MiB"] = (least, most)
        self.verdict.require(0 < most <= least + GROWTH, f"the ingress grew from {least} to {most} MiB")

    def mend(self) -> None:
        """The fault is over: recovery counts from here."""
        self.mended = time.monotonic()

    async def lasting(self, seconds: float, *, long: float | None = None) -> None:
        """Let what is done to it go on for so long, by the clock; `long`: in the long form, if it differs."""
        await asyncio.sleep(long if self.long and long is not None else seconds)

    async def watch(self) -> None:
        """Compare what was accepted with what is journalled, all the time."""
        connection: asyncpg.Connection | None = None
        of = self.database  # the one that it is connected to
        try:
            while True:
                with suppress(psutil.Error):
                    self.memory.append(
                        psutil.Process(self.crew.members["ingress a"].process.pid).memory_info().rss >> 20
                    )
                try:
                    async with asyncio.timeout(5):
                        if connection is not None and of != self.database:  # failed over: the former one lives on
                            connection.terminate()
                            connection = None
                        if connection is None or connection.is_closed():
                            of = self.database
                            connection = await asyncpg.connect(of, timeout=3)
                        done = await connection.fetchval("SELECT count(*) FROM chaos_journal")
                    self.samples.append((time.monotonic(), len(self.load.told.accepted), done))
                except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    if connection is not None:
                        connection.terminate()
                    connection = None
                await asyncio.sleep(CALM)
        finally:
            if connection is not None:
                connection.terminate()
                await asyncio.sleep(0)  # for the transport to close

    async def loaded(self, seconds: float, faults: Callable[[], Awaitable[None]] | None = None) -> None:
        """Load for so long, by the clock, and longer if the faults take longer; these begin after a second of peace."""
        loading = asyncio.create_task(self.load.run())
        ends = time.monotonic() + seconds
        try:
            await asyncio.sleep(PEACE)
            if faults is not None:
                await faults()
            await asyncio.sleep(max(0.0, ends - time.monotonic()))
        finally:
            self.load.stop()
            await loading

    async def fetch(self, sql: str) -> list[asyncpg.Record]:
        """Rows from the scenario's database, past every proxy."""
        connection = await asyncpg.connect(self.database)
        try:
            return await connection.fetch(sql)
        finally:
            await connection.close()

    def recovery(self) -> float | None:
        """Seconds from `mend` until no more than a second's worth of events was on its way."""
        if self.mended is None:
            return None
        slack = max(20.0, self.load.rate)
        return next(
            (at - self.mended for at, taken, done in self.samples if at > self.mended and taken - done <= slack), None
        )

    def resumed(self) -> float | None:
        """Seconds from `mend` until the journal went on."""
        if self.mended is None:
            return None
        before = max((done for at, _, done in self.samples if at <= self.mended), default=0)
        return next(
            (round(at - self.mended, 1) for at, _, done in self.samples if at > self.mended and done > before), None
        )

    def behind(self) -> int:
        """How many accepted events were not journalled at the last look."""
        _, taken, done = self.samples[-1]
        return taken - done

    async def put(self, stage: str, *bodies: bytes) -> None:
        """Put frames into the queue of a stage, past the ingress."""
        given = self.leadpipe.environment
        url = given.get("LEADPIPE_BROKER_URL", given["LEADPIPE_DATABASE_URL"])
        transport = transport_for(url, given["LEADPIPE_BROKER_PREFIX"])
        await transport.open()
        try:
            await transport.publish([Message(Work(stage), body) for body in bodies])
        finally:
            await transport.close()

    async def settled(self, patience: float = PROCESSES) -> None:
        """Wait until everything that was accepted so far is journalled."""

        async def all_there() -> bool:
            rows = await self.fetch("SELECT count(*) FROM chaos_journal")
            return bool(rows[0][0] >= len(self.load.told.accepted))

        await until(all_there, "everything journalled", patience)

    async def drained(self, patience: float) -> None:
        """Wait until everything that was accepted is journalled."""
        deadline = time.monotonic() + patience
        missing = -1
        while time.monotonic() < deadline:
            with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection = await asyncpg.connect(self.database, timeout=5, command_timeout=20)
                try:
                    wanted = list(self.load.told.accepted)
                    missing = await connection.fetchval(
                        "SELECT count(*) FROM unnest($1::uuid[]) AS w WHERE NOT EXISTS"
                        " (SELECT FROM chaos_journal WHERE event = w)",
                        wanted,
                    )
                    dead = await connection.fetchval("SELECT count(*) FROM dead_letter")
                finally:
                    await connection.close()
                if missing == 0 and dead >= len(self.load.bad) + self.verdict.garbage:
                    self.samples.append((time.monotonic(), len(wanted), len(wanted)))
                    return
            await asyncio.sleep(0.5)
        self.verdict.require(False, f"not drained within {patience:g} s, {missing} missing")


@asynccontextmanager
async def world(
    servers: Servers,
    scenario: str,
    seed: int,
    *,
    rate: float,
    batch: int = 1,
    stages: Sequence[str] = STAGES,
    twice: bool = False,
    hazards: bool = False,
    slow: bool = False,
    proxies: bool = False,
    long: bool = False,
    patience: float = 90.0,
    settings: Mapping[str, str] | None = None,
    standby: bool = False,
    role: bool = False,
) -> AsyncIterator[World]:
    """A fresh database, a fresh Leadpipe, load not yet running; afterwards everything is drained and judged.

    `role`: it comes to the database as an ordinary role, which owns nothing.
    """
    servers.worlds += 1
    folder = servers.folder / f"world-{servers.worlds}"
    folder.mkdir()
    direct = await ground.database(servers)
    await oracle.install(direct)
    if role:
        await ground.grant(direct)
    verdict = Verdict(scenario, servers.broker, seed)
    follower = await ground.standby(servers) if standby else None
    async with ground.proxied(servers, proxies) as (to_postgres, to_rabbitmq):
        database = ground.behind(direct, to_postgres.port) if to_postgres else direct
        if follower is not None and to_postgres is None:  # the clients know both, and want the one that can be written
            both = f"127.0.0.1:{follower.port},127.0.0.1:{servers.postgres.port}"
            database = f"postgresql://postgres@{both}{urlsplit(direct).path}?target_session_attrs=read-write"
        if role:
            database = database.replace("//postgres@", f"//{ground.ROLE}@")
        amqp = None
        if servers.rabbitmq is not None:
            amqp = ground.behind(servers.rabbitmq.url, to_rabbitmq.port) if to_rabbitmq else servers.rabbitmq.url
        further = [name for name, wanted in (("hazard", hazards), ("slow", slow)) if wanted]
        folders = [str(HERE / name) for name in ("witness", *further)]
        given = {"stage_dirs": ",".join(folders), "broker_prefix": f"w{servers.worlds}.", "log_level": "info"}
        with installed(folder, database, amqp, **given, **(settings or {})) as leadpipe:
            urls = await asyncio.to_thread(leadpipe.apply, "website")
            connector = await _connector(direct)
            crew = Crew(leadpipe)
            bounds = (PATIENCE, None) if long else (BESIDE, AT_ONCE)
            load = Load(lambda: urls["website"], connector, rate, seed, batch, *bounds)
            for copy in "ab" if twice else "a":
                crew.add(f"ingress {copy}", "ingress")
            for copy in "ab" if twice else "a":
                for names in HAZARDOUS if hazards else stages:
                    crew.add(f"work {names} {copy}", "work", *names.split())
            if slow:
                crew.add("work slow", "work", "slow")
            try:
                await asyncio.to_thread(leadpipe.ready)
                await _working(direct, len(crew.roles()))
            finally:
                (servers.folder / "last.log").write_text(leadpipe.log())
            here = World(
                servers, leadpipe, crew, load, random.Random(seed), verdict, direct, long, to_postgres, to_rabbitmq
            )
            here.standby = follower
            keeping = [asyncio.create_task(crew.keep()), asyncio.create_task(here.watch())]
            try:
                yield here
                await here.drained(patience if long else max(patience, BESIDE))
                verdict.recovery = here.recovery()
            finally:
                for task in keeping:
                    task.cancel()
                await asyncio.gather(*keeping, return_exceptions=True)
                (servers.folder / "last.log").write_text(leadpipe.log())
            codes = await asyncio.to_thread(leadpipe.stop)
            (servers.folder / "last.log").write_text(leadpipe.log())
            alive = [member.process for member in crew.members.values()]
            verdict.require(
                not any(codes[-len(alive) :]) or bool(crew.kills) or not crew.refuse_falls, f"exit codes {codes}"
            )
            verdict.require(not crew.fallen or not crew.refuse_falls, f"ended by themselves: {crew.fallen[:3]}")
            verdict.notes["statuses"] = load.told.statuses
            verdict.notes["kills"] = crew.kills
            await oracle.judge(here.database, load.told, verdict, load.bad)
            for line in leadpipe.log().splitlines():
                if "Traceback" in line or '"level":"critical"' in line or "Task was destroyed" in line:
                    verdict.require(False, f"the log says: {line[:300]}")
                    break


async def _connector(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT id FROM connector WHERE name = 'website'"))
    finally:
        await connection.close()


async def _working(url: str, count: int) -> None:
    """Wait until so many workers beat."""
    connection = await asyncpg.connect(url)
    try:

        async def all_beat() -> bool:
            return bool(await connection.fetchval("SELECT count(*) FROM worker") >= count)

        await until(all_beat, f"{count} workers", PROCESSES)
    finally:
        await connection.close()
