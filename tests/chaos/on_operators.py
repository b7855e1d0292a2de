"""Scenarios that an operator makes, meaning well or not: rights withdrawn, passwords changed, tables altered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import asyncpg

from tests.chaos.catalogue import scenario
from tests.chaos.ground import ROLE
from tests.chaos.on_servers import RABBITMQ, THREAD, recovered
from tests.chaos.world import World

CUT = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'"
ALTERED = (
    "account",
    "connector",
    "lead",
    "activity",
    "call",
    "identity_key",
    "applied_event",
    "journal",
    "dead_letter",
)


@scenario("LOGIN", "the role may not log in", rate=100, role=True)
async def locked_out(w: World) -> None:
    """As after a password was changed: connections are cut, and new ones refused."""
    await _meanwhile(w, (f"ALTER ROLE {ROLE} NOLOGIN", CUT), f"ALTER ROLE {ROLE} LOGIN")


@scenario("RIGHTS", "rights on tables are withdrawn", rate=100, role=True)
async def without_rights(w: World) -> None:
    every = "ALL ON ALL TABLES IN SCHEMA public"
    await _meanwhile(w, (f"REVOKE {every} FROM {ROLE}",), f"GRANT {every} TO {ROLE}")


async def _meanwhile(w: World, take: Sequence[str], give_back: str) -> None:
    """Take something from the role under load, and give it back: events wait for it."""

    async def faults() -> None:
        await _execute(w, *take)
        await w.lasting(5, long=20)
        await _execute(w, give_back)
        w.mend()

    w.figures = recovered(30)
    await w.loaded(30 if w.long else 8, faults)


@scenario("PASSWORD", "the broker's password, then rights", rate=100, brokers=RABBITMQ)
async def password(w: World) -> None:
    async def faults() -> None:
        node = w.servers.node
        await THREAD(node.ctl, "change_password", "guest", "another")
        await THREAD(node.ctl, "close_all_connections", "its password was changed")
        await w.lasting(5, long=15)
        await THREAD(node.ctl, "change_password", "guest", "guest")
        await w.lasting(3, long=10)
        await THREAD(node.ctl, "clear_permissions", "guest")
        await w.lasting(3, long=10)
        await THREAD(node.ctl, "set_permissions", "guest", ".*", ".*", ".*")
        w.mend()

    w.figures = recovered(30)
    await w.loaded(50 if w.long else 15, faults)


@scenario("COLUMNS", "tables are altered under way", rate=100)
async def altered(w: World) -> None:
    """What a migration of the next version does while this one works."""

    async def faults() -> None:
        rows = await w.fetch("SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')")
        there = [table for table in ALTERED if table in {row["relname"] for row in rows}]
        for number in range(10 if w.long else 2):
            for table in there:
                later = f"ALTER TABLE {table} ADD COLUMN later{number} text DEFAULT 'x'"
                await _execute(w, "SET lock_timeout = '5s'", later)
                await asyncio.sleep(w.chance.uniform(0, 0.2))
        w.verdict.notes["altered"] = len(there)
        w.mend()

    w.figures = recovered(10)
    await w.loaded(25 if w.long else 6, faults)


@scenario("DOOR", "one of two ingresses is frozen 10 s", rate=100, twice=True)
async def frozen_door(w: World) -> None:
    """Its clients wait; what it answers once it is back holds."""

    async def faults() -> None:
        w.crew.pause("ingress a")
        await w.lasting(4, long=10)
        w.crew.resume("ingress a")
        w.mend()

    w.figures = recovered(10)
    await w.loaded(20 if w.long else 6, faults)


@scenario("SPOOL", "SIGKILL ingresses, broker frozen", rate=100, brokers=RABBITMQ, twice=True)
async def heirs(w: World) -> None:
    """Two of them share a folder; what one of them had taken in, its heirs feed in."""
    w.load.insistent = True

    async def faults() -> None:
        w.servers.node.freeze()
        for _ in range(10 if w.long else 2):
            await asyncio.sleep(w.chance.uniform(1, 2))
            w.crew.kill(w.chance.choice(w.crew.roles(stages=False, ingress=True)))
        w.servers.node.thaw()
        w.mend()

    w.figures = recovered(60)
    await w.loaded(25 if w.long else 6, faults)


async def _execute(w: World, *statements: str) -> None:
    connection = await asyncpg.connect(w.database)
    try:
        for each in statements:
            await connection.execute(each)
    finally:
        await connection.close()
