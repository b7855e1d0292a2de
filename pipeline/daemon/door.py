"""The ingress process: the HTTP door on its port until asked to stop; then no new connection, and the rest answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import structlog
from aiohttp import web

from pipeline.daemon.core import Core, opened
from pipeline.daemon.heap import settle
from pipeline.daemon.installation import belonging
from pipeline.daemon.leave import ALONE, PATIENCE, polite, take_leave
from pipeline.daemon.metrics import show_dead, show_depths
from pipeline.daemon.ports import door_of, free_for
from pipeline.daemon.proxies import proxies_of
from pipeline.daemon.signals import stop_requested
from pipeline.daemon.spooling import tell_spool
from pipeline.engine.outcome import Transient
from pipeline.engine.transport import Unroutable
from pipeline.ingress import known
from pipeline.ingress.app import SERVER, Ingress, build_app
from pipeline.ingress.authentication.guards import Guards
from pipeline.ingress.limits import Limits
from pipeline.ingress.listen import listen
from pipeline.ingress.receipts import FileReceipts
from pipeline.ingress.refusals import Refusals
from pipeline.ingress.short import Short
from pipeline.ingress.spool.spool import Spool
from pipeline.secrets.references import Secrets
from pipeline.secrets.seal import Seals
from pipeline.settings import Settings, public_url
from pipeline.store import dead_letters, journal, receipts, refused, request_keys

log = structlog.get_logger(__name__)
LAST = 2.0  # seconds for what runs beside to end, and for requests that all of a leave was not enough for
LOOK = 5.0  # seconds between two looks at the queues and the dead letters, for the metrics
SHARE = 20  # it pauses at least so many times as long as the look took: many letters take long to count

Beside = Callable[[Core], AbstractAsyncContextManager[Sequence[web.RouteDef]]]


@asynccontextmanager
async def nothing(_: Core) -> AsyncIterator[Sequence[web.RouteDef]]:
    """No further routes."""
    yield []


async def serve(settings: Settings, *, supervised: bool = False, beside_it: Beside = nothing) -> None:
    """Take events in until asked to stop, with the routes of `beside_it` on the same port.

    Raises CannotListen, Stopped.
    """
    with belonging(settings.data_dir):
        await _serve(settings, supervised, beside_it)


async def _serve(settings: Settings, supervised: bool, beside_it: Beside) -> None:
    stop = stop_requested(supervised=supervised)
    free_for(settings)  # nobody waits for a database only to hear that the port is taken
    last = known.load(settings.data_dir, str(settings.database_url))
    async with opened(settings, needs_broker=False, known=last, stop=stop) as core, beside_it(core) as further:
        spool = Spool(settings.data_dir, settings.spool_bytes)
        ingress = ingress_of(core, spool)
        leaving = asyncio.Event()
        runner = web.AppRunner(polite(build_app(ingress, further), leaving), shutdown_timeout=LAST, **SERVER)
        await runner.setup()
        await ingress.start()
        short = Short(ingress.take, leaving)
        host, port = settings.http_host, settings.http_port
        async with door_of(settings):
            listening = await listen(
                runner, ingress.limits.connections, short=short, host=host, port=port, reuse_port=True, backlog=1024
            )
        settle()
        log.info("listening", host=host, port=port)
        beside = {asyncio.create_task(work) for work in _works(core, spool)}
        await stop.wait()
        await listening.close()
        await take_leave(runner, leaving, ALONE if supervised else PATIENCE)
        await ingress.stop()
        for task in beside:
            task.cancel()
        await asyncio.wait(beside, timeout=LAST)
        await runner.cleanup()
        log.info("closed")


def _works(core: Core, spool: Spool) -> list[Coroutine[Any, Any, None]]:
    """What goes on beside taking events in."""
    return [
        _watch(partial(_queues, core), "queues"),
        _watch(partial(_dead, core), "dead letters"),
        tell_spool(core.database, spool),
        known.keep(core.settings.data_dir, str(core.settings.database_url), core.catalog),
    ]


def ingress_of(core: Core, spool: Spool) -> Ingress:
    """The ingress with its parts from the settings."""
    settings = core.settings
    return Ingress(
        core.catalog,
        core.transport,
        core.topology,
        core.database,
        guards=guards_of(core),
        journal=partial(journal.results_of, core.database),
        keys=partial(request_keys.claim, core.database),
        refused=Refusals(partial(refused.keep, core.database)),
        receipts=FileReceipts(settings.data_dir, partial(receipts.ship, core.database)),
        spool=spool,
        limits=Limits(connections=settings.http_connections, body=settings.max_body, event=settings.max_event),
        bounds=core.bounds,
        wrong_tries=settings.wrong_tries,
    )


def guards_of(core: Core) -> Guards:
    """What checks who posts, from the settings."""
    settings = core.settings
    secrets = Secrets(Seals(settings.secret_key), core.catalog.sealed)
    return Guards(
        secrets,
        public_url=public_url(settings),
        proxies=proxies_of(settings),
        known=core.catalog.names,
        wrong_tries=settings.wrong_tries,
    )


async def _watch(look: Callable[[], Awaitable[None]], what: str) -> None:
    """Look again and again, for the metrics. While a server is away, they say what was seen last."""
    while True:
        began = time.monotonic()
        try:
            await look()
        except (Transient, Unroutable) as error:
            log.debug(f"{what} not seen", error=str(error))
        except Exception as error:  # whatever it is: a task that ended here would be missed by nobody
            log.error(f"{what} not seen", error=f"{type(error).__name__}: {error}")
        await asyncio.sleep(max(LOOK, SHARE * (time.monotonic() - began)))


async def _queues(core: Core) -> None:
    if depths := await core.transport.depths():  # none: not declared yet
        show_depths(core.topology, depths)


async def _dead(core: Core) -> None:
    show_dead(core.topology, await dead_letters.by_stage(core.database))
