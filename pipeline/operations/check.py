"""What is wrong with configuration, database and broker, and what to do. In: settings. Out: findings."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple
from urllib.parse import parse_qs

from pipeline.daemon.core import broker_url, topology_of
from pipeline.engine.outcome import Transient
from pipeline.engine.topology import TopologyError
from pipeline.ingress.authentication.addresses import Proxies
from pipeline.ingress.authentication.guard import Guard, Surroundings
from pipeline.ingress.authentication.signed import addresses_of
from pipeline.operations.checking import standing_problems
from pipeline.operations.noted import troubles
from pipeline.operations.secrets import from_here
from pipeline.settings import Settings, public_url
from pipeline.store import connectors, secrets
from pipeline.store.database import Database
from pipeline.store.migrate import MigrationError, pending
from pipeline.transport import transport_for
from schemas.connector import Connector


class Finding(NamedTuple):
    """One thing that was looked at."""

    what: str
    ok: bool
    found: str
    remedy: str = ""


async def check(settings: Settings) -> AsyncIterator[Finding]:
    """Look at everything, in the order in which it is needed; `settings.database_url` must be set."""
    try:
        topology = topology_of(settings)
        yield Finding("stages", True, " → ".join(topology.stages))
    except (TopologyError, NotADirectoryError, ImportError) as error:
        yield Finding("stages", False, str(error), "correct LEADPIPE_STAGE_DIRS, or the stage file that it names")
        return
    async for finding in _database(settings):
        yield finding
    url = broker_url(settings)
    transport = transport_for(url, settings.broker_prefix)
    try:
        await transport.open()
        await transport.declare(topology)
        depths = await transport.depths()
        where = "the database" if url == settings.database_url else shown(url)
        yield Finding("broker", True, f"{where}, {len(depths)} queues")
        idle = [name for name in topology.stages if depths[f"work.{name}"].consumers == 0]
        yield Finding(
            "workers",
            not idle,
            f"nobody works on {', '.join(idle)}" if idle else "every stage has a consumer",
            f"start them: leadpipe work {' '.join(idle)}, or everything on this machine: leadpipe up",
        )
    except Transient as error:
        yield Finding("broker", False, f"{shown(url)}: {error}", "start it, or correct LEADPIPE_BROKER_URL")
    finally:
        await transport.close()


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    url = str(settings.database_url)
    try:
        database = await Database.open(url, size=1, timeout=5)
    except Transient as error:
        yield Finding("database", False, f"{shown(url)}: {error}", "start it, or correct LEADPIPE_DATABASE_URL")
        return
    try:
        yield Finding("database", True, shown(url))
        missing = await pending(database)
        yield Finding(
            "schema",
            not missing,
            f"{len(missing)} migration(s) to apply" if missing else "up to date",
            "run: leadpipe migrate",
        )
        if not missing:
            loaded = await connectors.load_all(database)
            count = len(loaded)
            yield Finding(
                "connectors", count > 0, f"{count} in force", "apply one: leadpipe connector apply deploy/examples/FILE"
            )
            yield _mappings(loaded)
            yield await _secrets(settings, database)
            yield await _arriving(database, loaded)
    except MigrationError as error:
        yield Finding("schema", False, str(error), "start the version of Leadpipe that fits the database")
    finally:
        await database.close()


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
        return Finding("secrets", False, told, "until then requests to these connectors are answered 503 (enforce)")
    named = sum(guard.watches for guard in guards)
    return Finding("secrets", True, f"{await secrets.count(database)} kept, {named} connectors ask who posts")


async def _arriving(database: Database, loaded: Sequence[Connector]) -> Finding:
    """Whether what arrives can be read as the connectors are set."""
    told = [f"{each.name}: {trouble}" for each in loaded for trouble in await troubles(database, each.account, each.id)]
    found = "; ".join(told) if told else "what arrives can be read, but for a few events in a hundred"
    return Finding("arriving", not told, found, "see: leadpipe connector notes NAME")


def shown(url: str) -> str:
    """A URL without its passwords, wherever one stands in it; of a server on a socket, the folder of that."""
    if folder := parse_qs(url.partition("?")[2]).get("host"):  # it may name several hosts: no URL that libraries read
        return f"PostgreSQL in {folder[0]}"
    without = re.sub(r"^([\w+.-]+://[^:/@]*):.*@", r"\1:…@", url)  # up to the last @: a password may hold one
    return re.sub(r"(?i)([?&](?:ssl)?password=)[^&]*", r"\1…", without)
