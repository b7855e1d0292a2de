"""What is wrong with configuration, database and broker, and what to do. In: settings. Out: findings."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple
from urllib.parse import parse_qs

from pipeline.daemon.core import broker_at, broker_url, database_at, topology_of
from pipeline.daemon.reach import DATABASE, trouble
from pipeline.engine.outcome import Transient
from pipeline.engine.topology import Topology, TopologyError, Work
from pipeline.engine.transport import Transport
from pipeline.ingress.authentication.addresses import Proxies
from pipeline.ingress.authentication.guard import Guard, Surroundings
from pipeline.ingress.authentication.signed import addresses_of
from pipeline.operations.checking import standing_problems
from pipeline.operations.noted import troubles
from pipeline.operations.secrets import from_here
from pipeline.operations.warnings import warnings_of
from pipeline.settings import Settings, public_url
from pipeline.store import connectors, secrets
from pipeline.store.database import Database
from pipeline.store.migrate import MigrationError, pending
from pipeline.transport import transport_for
from schemas.connector import Connector

OF_DATABASE = ("schema", "connectors", "mappings", "warnings", "secrets", "arriving")  # what cannot be seen without it
OF_BROKER = ("queues", "workers")
SECONDS = 20.0  # that the broker may take for all that is asked of it
ROOM = 64 * 1024 * 1024  # bytes that the data folder must have left


class Finding(NamedTuple):
    """One thing that was looked at; `skipped`: it could not be, because of another one that is not ok."""

    what: str
    ok: bool
    found: str
    remedy: str = ""
    skipped: bool = False


async def check(settings: Settings) -> AsyncIterator[Finding]:
    """Look at everything, in the order in which it is needed; `settings.database_url` must be set.

    What is wrong with one part keeps nobody from looking at the others.
    """
    yield folder(settings)
    topology: Topology | None = None
    try:
        topology = topology_of(settings)
        yield Finding("stages", True, " → ".join(topology.stages))
    except (TopologyError, NotADirectoryError, ImportError, SyntaxError) as error:
        yield Finding("stages", False, str(error), "correct LEADPIPE_STAGE_DIRS, or the stage file that it names")
    usable = True
    async for finding in _database(settings):
        usable = usable and (finding.what != "database" or finding.ok)
        yield finding
    async for finding in _broker(settings, topology, usable):
        yield finding


def folder(settings: Settings) -> Finding:
    """Whether what is accepted can be written down here."""
    where = settings.data_dir.resolve()
    there = next(each for each in (where, *where.parents) if each.exists())
    remedy = "make it one that this user may write to, or set LEADPIPE_DATA_DIR to another"
    if not there.is_dir():
        return Finding("data folder", False, f"{where}: {there} is a file, not a folder", remedy)
    if not os.access(there, os.W_OK | os.X_OK):
        return Finding("data folder", False, f"{where}: this user may not write to {there}", remedy)
    free = shutil.disk_usage(there).free
    if free < ROOM:
        told = f"{where}: {free:,} bytes are left on its disk"
        return Finding("data folder", False, told, "make room there, or set LEADPIPE_DATA_DIR to another disk")
    made = "" if there == where else ", not made yet"
    return Finding("data folder", True, f"{where}{made}, {free / 1024**3:.1f} GiB free")


async def _broker(settings: Settings, topology: Topology | None, usable: bool) -> AsyncIterator[Finding]:
    """The broker, its queues, and who works on them. `usable`: whether the database is."""
    server = broker_at(settings)
    if server.setting == DATABASE and not usable:
        yield Finding(
            "broker", False, f"it is the database, {server.shown}, which cannot be used", "fix the database first"
        )
        for what in OF_BROKER:
            yield _skipped(what, "broker")
        return
    transport = transport_for(broker_url(settings), settings.broker_prefix)
    where = f"the database: {server.shown}" if server.setting == DATABASE else server.shown
    try:
        async with asyncio.timeout(SECONDS):
            await transport.open()
            yield Finding("broker", True, where)
            async for finding in _queues(transport, topology):
                yield finding
    except (Transient, TimeoutError) as error:
        why = await trouble(server, error)
        yield Finding("broker", False, *why)
        for what in OF_BROKER:
            yield _skipped(what, "broker")
    except MigrationError:
        yield Finding("queues", False, f"{server.shown} has no tables for them", "run: leadpipe migrate")
        yield _skipped("workers", "queues")
    except Exception as error:  # a queue of this name with other settings, or what nobody has thought of
        yield Finding("queues", False, str(error), "use another LEADPIPE_BROKER_PREFIX, or delete what is in the way")
        yield _skipped("workers", "queues")
    finally:
        await transport.close()


async def _queues(transport: Transport, topology: Topology | None) -> AsyncIterator[Finding]:
    if topology is None:
        for what in OF_BROKER:
            yield _skipped(what, "stages")
        return
    await transport.declare(topology)
    depths = await transport.depths()
    yield Finding("queues", True, f"{len(depths)} of them, {sum(depth.ready for depth in depths.values()):,} frames")
    idle = [name for name in topology.stages if depths[Work(name).queue].consumers == 0]
    yield Finding(
        "workers",
        not idle,
        f"no process works on {', '.join(idle)}" if idle else "every stage has a consumer",
        f"start them: leadpipe work {' '.join(idle)}, or everything on this machine: leadpipe up",
    )


def _skipped(what: str, because: str) -> Finding:
    return Finding(what, False, f"not checked, because of the {because}", f"fix the {because} first", skipped=True)


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    server = database_at(settings)
    seen: list[str] = []
    try:
        database = await Database.open(str(settings.database_url), size=1, timeout=5)
    except Transient as error:
        yield Finding("database", False, *await trouble(server, error))
        for what in OF_DATABASE:
            yield _skipped(what, "database")
        return
    try:
        yield Finding("database", True, server.shown)
        async for finding in _schema(settings, database):
            seen.append(finding.what)
            yield finding
    except MigrationError as error:
        seen.append("schema")
        yield Finding("schema", False, str(error), "start the version of Leadpipe that fits the database")
    except Transient as error:
        seen.append(what := next(each for each in OF_DATABASE if each not in seen))
        yield Finding(what, False, *await trouble(server, error))
    finally:
        await database.close()
    for what in OF_DATABASE:
        if what not in seen:
            yield _skipped(what, seen[-1])


async def _schema(settings: Settings, database: Database) -> AsyncIterator[Finding]:
    """What is in the database: its migrations, and, with all of them applied, the rest."""
    missing = await pending(database)
    found = f"{len(missing)} migration(s) to apply" if missing else "up to date"
    yield Finding("schema", not missing, found, "run: leadpipe migrate")
    if missing:
        return
    loaded = await connectors.load_all(database)
    yield Finding(
        "connectors",
        bool(loaded),
        f"{len(loaded)} in force",
        "apply one: leadpipe connector apply deploy/examples/FILE",
    )
    yield _mappings(loaded)
    yield _idle(loaded)
    yield await _secrets(settings, database)
    yield await _arriving(database, loaded)


def _idle(loaded: Sequence[Connector]) -> Finding:
    """Settings that work, and do less than they say: nothing is broken by them, so this is no failure."""
    names = [each.name for each in loaded if warnings_of(each.settings, each.fields)]
    if not names:
        return Finding("warnings", True, "every setting of every connector does what it says")
    return Finding("warnings", True, f"settings of {', '.join(names)} do less than they say; `leadpipe connector show`")


def _mappings(loaded: Sequence[Connector]) -> Finding:
    """Whether what identifies comes from the source, also in mappings that were saved before that was asked."""
    told = [f"{each.name}: {found}" for each in loaded for found in standing_problems(each)]
    found = "; ".join(told) if told else "what identifies a lead comes from the source"
    return Finding(
        "mappings", not told, found, "correct these rows; until then they fill their fields, but identify nobody"
    )


async def _secrets(settings: Settings, database: Database) -> Finding:
    """Whether the secrets that connectors name are to be found from here, as the ingress must find them."""
    found = await from_here(database, settings)
    around = Surroundings(addresses_of(public_url(settings)), Proxies())
    guards = [Guard(each, found, around) for each in await connectors.load_all(database) if each.guarded]
    troubles = [f"{guard.connector.name}: {problem}" for guard in guards for problem in guard.problems]
    if troubles:
        told = "; ".join(troubles)
        return Finding(
            "secrets", False, told, "correct what each one names; until then those with auth mode enforce answer 503"
        )
    named = sum(guard.watches for guard in guards)
    return Finding("secrets", True, f"{await secrets.count(database)} kept, {named} connectors ask who posts")


async def _arriving(database: Database, loaded: Sequence[Connector]) -> Finding:
    """Whether what arrives can be read as the connectors are set."""
    told = [f"{each.name}: {trouble}" for each in loaded for trouble in await troubles(database, each.account, each.id)]
    found = "; ".join(told) if told else "no connector has a problem on more than a few events in a hundred"
    return Finding("arriving", not told, found, "see: leadpipe connector notes NAME")


def shown(url: str) -> str:
    """A URL without its passwords, wherever one stands in it; of a server on a socket, the folder of that."""
    if folder := parse_qs(url.partition("?")[2]).get("host"):  # it may name several hosts: no URL that libraries read
        return f"PostgreSQL in {folder[0]}"
    without = re.sub(r"^([\w+.-]+://[^:/@]*):.*@", r"\1:…@", url)  # up to the last @: a password may hold one
    return re.sub(r"(?i)([?&](?:ssl)?password=)[^&]*", r"\1…", without)
