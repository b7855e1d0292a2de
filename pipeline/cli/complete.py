"""What the shell offers for a name, an outcome, a kind. In: what is typed so far. Out: what it can become.

It is quick and silent: no server is started, none is waited for longer than PATIENCE, and one that is away offers
nothing. `leadpipe --install-completion` sets the shell up.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Awaitable, Callable, Iterable
from contextlib import redirect_stderr, redirect_stdout, suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

import typer

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from pipeline.store.database import Database

PATIENCE = 1.0  # seconds; whoever pressed a key waits
MOST = 500  # names
Offer = Callable[[typer.Context, str], list[str]]
Ask = Callable[["Database", int], Awaitable[Iterable[str]]]


def chosen(*words: str) -> Offer:
    """Offers these words."""

    def offer(ctx: typer.Context, incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return offer


def stored(ask: Ask) -> Offer:
    """Offers names of the account that the command line names; nothing while the database is away."""

    def offer(ctx: typer.Context, incomplete: str) -> list[str]:
        account = ctx.params.get("account") or os.environ.get("LEADPIPE_CLI_ACCOUNT") or "default"
        nowhere = io.StringIO()
        with redirect_stderr(nowhere), redirect_stdout(nowhere), suppress(*_away()):
            names = asyncio.run(asyncio.wait_for(_names(ask, str(account)), PATIENCE))
            return sorted({name for name in names if name.startswith(incomplete)})[:MOST]
        return []

    return offer


def listed(names: Callable[[], Iterable[str]]) -> Offer:
    """Offers names that are found without a database."""

    def offer(ctx: typer.Context, incomplete: str) -> list[str]:
        with suppress(*_away()):
            return sorted(name for name in names() if name.startswith(incomplete))
        return []

    return offer


def _away() -> tuple[type[Exception], ...]:
    """Why there may be nothing to offer: no installation, a server that is away, settings that are wrong."""
    from pipeline.daemon.whereabouts import Nowhere
    from pipeline.engine.outcome import Transient
    from pipeline.engine.topology import TopologyError
    from pipeline.settings import SettingsError
    from pipeline.store.database import UNFIT

    return (Nowhere, Transient, SettingsError, TopologyError, *UNFIT, OSError, TimeoutError, ImportError)


async def _names(ask: Ask, account: str) -> list[str]:
    from pipeline.daemon.whereabouts import in_force
    from pipeline.store import accounts
    from pipeline.store.database import Database

    url = _url(in_force())
    if url is None:
        return []
    database = await Database.open(url, size=1, timeout=PATIENCE)
    try:
        id = await accounts.find(database, account)
        return [] if id is None else list(await ask(database, id))
    finally:
        await database.close()


def _url(settings: Settings) -> str | None:
    """The database to ask; of the private PostgreSQL only one that runs already."""
    if settings.database_url is not None:
        return settings.database_url
    try:
        lines = (settings.data_dir / "postgres" / "postmaster.pid").read_text().splitlines()
        port, socket = lines[3].strip(), lines[4].strip()
    except (OSError, IndexError):
        return None
    return f"postgresql://postgres:@/postgres?host={quote(socket, safe='/')}&port={port}" if socket else None


async def _connectors(database: Database, account: int) -> Iterable[str]:
    from pipeline.store import connectors

    return [row["name"] for row in await connectors.list_all(database, account)]


async def _users(database: Database, account: int) -> Iterable[str]:
    from pipeline.store import users

    return [row["email"] for row in await users.page(database, account, limit=MOST)]


async def _keys(database: Database, account: int) -> Iterable[str]:
    from pipeline.store import api_keys

    return [str(row["id"]) for row in await api_keys.page(database, account, limit=MOST)]


async def _user_fields(database: Database, account: int) -> Iterable[str]:
    from pipeline.store import users

    return [str(each["name"]) for each in await users.fields(database, account)]


async def _secrets(database: Database, account: int) -> Iterable[str]:
    from pipeline.store import secrets

    return [row["name"] for row in await secrets.list_all(database, account)]


async def _accounts(database: Database, account: int) -> Iterable[str]:
    from pipeline.store import accounts

    return [row["name"] for row in await accounts.list_all(database)]


async def _targets(database: Database, account: int) -> Iterable[str]:
    from pipeline.store import fields

    return [f"{each.record}.{each.field.name}" for each in await fields.list_all(database, account)]


def fields(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offers fields of the record that --record names, of leads else."""
    record = str(ctx.params.get("record") or "lead")

    async def ask(database: Database, account: int) -> Iterable[str]:
        from pipeline.store import fields as store

        return [each.field.name for each in await store.list_all(database, account) if each.record == record]

    return stored(ask)(ctx, incomplete)


def _presets() -> Iterable[str]:
    from schemas.presets import presets as shipped

    return list(shipped())


def _stages() -> Iterable[str]:
    from pipeline.daemon.core import topology_of
    from pipeline.settings import load

    return list(topology_of(load()).stages)


def _types() -> Iterable[str]:
    from schemas.fields import FieldType

    return list(FieldType)


def _scopes() -> Iterable[str]:
    from schemas.access import Scope

    return list(Scope)


connectors, users, keys = stored(_connectors), stored(_users), stored(_keys)
user_fields, secrets, accounts, targets = stored(_user_fields), stored(_secrets), stored(_accounts), stored(_targets)
presets, stages, types, scopes = listed(_presets), listed(_stages), listed(_types), listed(_scopes)
outcomes = chosen("created", "updated", "unchanged", "dropped", "failed")
statuses = chosen("dead", "replayed", "discarded", "superseded", "any")
kinds = chosen("rejected", "conflict", "poison")
states = chosen("open", "decided", "discarded", "superseded", "any")
records = chosen("lead", "call", "activity")
roles = chosen("admin", "editor", "operator", "viewer")
user_types = chosen("text", "number", "boolean", "date", "datetime", "phone", "email")
moments = chosen("today", "yesterday", "24h", "7d", "30d")
