"""What every process opens first and closes last: database, connectors, topology, broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from pipeline.daemon.reach import BROKER, DATABASE, Server, server_of, trouble
from pipeline.daemon.signals import LETTING_GO, unless
from pipeline.engine.consumer import Pace
from pipeline.engine.frame import Bounds
from pipeline.engine.outcome import Transient
from pipeline.engine.stage import discover
from pipeline.engine.topology import Topology
from pipeline.engine.transport import Transport
from pipeline.settings import Settings
from pipeline.store.catalog import Catalog, Known
from pipeline.store.database import Database
from pipeline.store.migrate import SchemaBehind, caught_up
from pipeline.tools import Tools
from pipeline.transport import transport_for

log = structlog.get_logger(__name__)
T = TypeVar("T")

STAGES = "stages"  # the package whose modules are the shipped stages
HEAD_START = 1.0  # seconds that a process which can begin without the broker gives it nonetheless
REFRESH = 1.0  # seconds between two looks for changed connectors


@dataclass(frozen=True)
class Core:
    """The open parts of a process."""

    settings: Settings
    database: Database
    catalog: Catalog
    topology: Topology
    transport: Transport

    @property
    def tools(self) -> Tools:
        return Tools(self.database, self.catalog)

    @property
    def pace(self) -> Pace:
        return Pace(self.settings.batch, self.settings.linger, self.settings.prefetch)

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.settings.frame_events, self.settings.frame_bytes)


def topology_of(settings: Settings) -> Topology:
    """The chain of the shipped stages and those in the further folders."""
    return Topology.of(discover(STAGES, settings.stage_dirs), settings.rungs)


def broker_url(settings: Settings) -> str:
    """The broker's URL: the database's, unless another is set."""
    return settings.broker_url or str(settings.database_url)


def database_at(settings: Settings) -> Server:
    """Where the database is."""
    return server_of(str(settings.database_url), DATABASE)


def broker_at(settings: Settings) -> Server:
    """Where the broker is."""
    is_own = settings.broker_url is not None and settings.broker_url != settings.database_url
    return server_of(broker_url(settings), BROKER if is_own else DATABASE)


@asynccontextmanager
async def opened(
    settings: Settings, *, needs_broker: bool = True, known: Known | None = None, stop: asyncio.Event | None = None
) -> AsyncIterator[Core]:
    """Open everything, and close it in the opposite order.

    It waits for a database or a broker that is away, and for migrations that are missing. A process that needs no
    broker to begin with goes on, and the broker is opened beside it as soon as it is there. So does one without the
    database, with what was `known` last. Raises Stopped if `stop` is set while it waits.
    """
    topology = topology_of(settings)
    url, size, must = str(settings.database_url), settings.database_pool, known is None
    database = await unless(stop, _patiently(lambda: Database.open(url, size=size, ask=must), database_at(settings)))
    try:
        catalog = Catalog(database)
        if known is None:
            await unless(stop, _patiently(partial(_fresh, database, catalog), database_at(settings)))
        else:
            await unless(stop, _fresh_or_known(database, catalog, known))
        transport = transport_for(broker_url(settings), settings.broker_prefix)
        try:
            opening = asyncio.create_task(_open_broker(transport, topology, broker_at(settings)))
            beside = {opening}
            try:
                await unless(stop, asyncio.wait({opening}, timeout=None if needs_broker else HEAD_START))
                if opening.done():
                    await opening
                beside.add(asyncio.create_task(_keep_fresh(catalog)))
                yield Core(settings, database, catalog, topology, transport)
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.wait(beside, timeout=LETTING_GO)
        finally:
            await transport.close()
    finally:
        await database.close()


async def _fresh(database: Database, catalog: Catalog) -> None:
    """Know the connectors. Raises Transient, also while the database lacks migrations."""
    await caught_up(database)
    await catalog.refresh()


async def _fresh_or_known(database: Database, catalog: Catalog, known: Known) -> None:
    """Give the database a moment; without its word, begin with what was known last."""
    try:
        async with asyncio.timeout(HEAD_START):
            await _fresh(database, catalog)
    except (Transient, TimeoutError) as error:
        catalog.take(known)
        log.warning("beginning without the database", reason=str(error) or "no answer", connectors=len(catalog.names()))


async def _open_broker(transport: Transport, topology: Topology, server: Server) -> None:
    """Connect, and make the queues exist."""
    try:
        await _patiently(transport.open, server)
        await _patiently(lambda: transport.declare(topology), server)
    except Exception as error:  # whatever it is: who began without the broker does not look here any more
        log.error("the broker cannot be used", error=f"{type(error).__name__}: {error}")
        raise


async def _keep_fresh(catalog: Catalog) -> None:
    """Take in changed connectors, once a second; with the database away, go on with those known."""
    while True:
        await asyncio.sleep(REFRESH)
        try:
            await catalog.refresh()
        except Transient as error:
            log.debug("connectors not refreshed", error=str(error))
        except Exception:  # whatever it is: a task that ended here would be missed by nobody
            log.exception("connectors could not be refreshed")


async def _patiently(work: Callable[[], Awaitable[T]], server: Server | None = None) -> T:
    """Do it again until it works. While it does not, the log says what is wrong with the server, and what to do."""

    async def once() -> T:  # tenacity does not await what it cannot tell to be a coroutine function, such as a lambda
        return await work()

    async def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome is not None else None
        if error is None:
            return
        if server is None or isinstance(error, SchemaBehind):
            log.warning("waiting to start", reason=str(error))
        else:
            log.warning("waiting to start", reason=str(await trouble(server, error)))

    attempts = AsyncRetrying(
        retry=retry_if_exception_type(Transient),
        wait=wait_random_exponential(multiplier=0.2, max=5),
        before_sleep=tell,
        reraise=True,
    )
    return await attempts(once)
