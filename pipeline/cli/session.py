"""What every command does first: read the settings, find the database, and turn known errors into one clear line."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, TypeVar

import typer

from pipeline.cli import refusal

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    from pipeline.daemon.whereabouts import May
    from pipeline.operations.access import Actor
    from pipeline.operations.chain import Chain
    from pipeline.settings import Settings
    from pipeline.store.database import Database

T = TypeVar("T")


class Failed(Exception):
    """A command could not do what was asked; the message says why and what to do. Exit code 1."""


LOOK = "\nRun `leadpipe check` to see what is wrong."


class WrongUse(Exception):
    """A command was given something that makes no sense. Exit code 2."""


@contextmanager
def clear_errors() -> Iterator[None]:
    """Known errors become one line on standard error and an exit code; anything else is a bug and shows its trace.

    With --json they are told on standard output as well, as REST answers them.
    """
    from pipeline.daemon.embedded import EmbeddedError
    from pipeline.daemon.installation import InUse
    from pipeline.daemon.ports import CannotListen
    from pipeline.daemon.signals import Stopped
    from pipeline.daemon.whereabouts import Nowhere
    from pipeline.engine.outcome import Transient
    from pipeline.engine.topology import TopologyError
    from pipeline.operations.errors import Invalid, Refused
    from pipeline.settings import SettingsError
    from pipeline.store.migrate import MigrationError

    try:
        yield
    except (WrongUse, SettingsError, TopologyError, NotADirectoryError, Invalid) as error:
        _end(error, 2)
    except (Failed, EmbeddedError, InUse, CannotListen, Nowhere, MigrationError, Refused) as error:
        _end(error, 1)
    except Transient as error:
        _end(f"{error}{LOOK}", 1)
    except (Stopped, KeyboardInterrupt) as stopped:
        number = getattr(signal, str(stopped), signal.SIGINT)
        print("leadpipe: interrupted", file=sys.stderr)
        raise typer.Exit(128 + number) from None  # as shells say that a signal ended a command


def _end(error: object, code: int) -> None:
    refusal.tell(error, code)
    print(f"leadpipe: {error}", file=sys.stderr)
    raise typer.Exit(code)


def told(error: ValidationError, whole: str, model: type[BaseModel]) -> str:
    """What a model did not like: field, rule and value of each; what is wrong with all of it, by the name `whole`."""
    from schemas import words

    found = [(".".join(map(str, each["loc"])) or whole, each) for each in error.errors(include_url=False)]
    return "; ".join(f"{at}: {words.told(each, model)}" for at, each in found)


def play(work: Callable[[Settings], Awaitable[T]], may: May | None = None) -> T:
    """Run `work` with the settings of the installation that is meant, `database_url` set, on the fast event loop.

    Where there is none it makes none, unless it `may`.
    """
    from pipeline.daemon.embedded import with_database
    from pipeline.daemon.signals import stopped_by_signals
    from pipeline.daemon.whereabouts import May, in_force

    with clear_errors(), stopped_by_signals(), with_database(in_force(may or May.READ)) as settings:
        return loop_run(_in_words(work(settings), settings))
    raise AssertionError("unreachable")


async def _in_words(work: Awaitable[T], settings: Settings) -> T:
    """What `work` returns. Raises Failed where a server is away, which says which one, why, and what to do."""
    from pipeline.daemon.core import broker_at, database_at
    from pipeline.daemon.reach import trouble
    from pipeline.engine.transport import BrokerUnavailable
    from pipeline.store.database import DatabaseUnavailable

    try:
        return await work
    except BrokerUnavailable as error:
        raise Failed(f"{await trouble(broker_at(settings), error)}{LOOK}") from error
    except DatabaseUnavailable as error:
        raise Failed(f"{await trouble(database_at(settings), error)}{LOOK}") from error


def loop_run(work: Awaitable[T]) -> T:
    """Run a coroutine on uvloop where there is one; what is logged meanwhile is not what the command prints."""
    import structlog
    import uvloop

    from pipeline.daemon.logs import to_standard_error

    if not structlog.is_configured():  # as the processes that go on have done
        to_standard_error()

    async def run() -> T:
        return await work

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The database, with its schema checked. Raises DatabaseUnavailable, MigrationError or Failed."""
    from pipeline.store.database import Database
    from pipeline.store.migrate import pending

    opened = await Database.open(str(settings.database_url), size=2)
    try:
        if missing := await pending(opened):
            raise Failed(f"the database lacks {len(missing)} migration(s); run `leadpipe migrate`")
        yield opened
    finally:
        await opened.close()


@asynccontextmanager
async def broker(settings: Settings) -> AsyncIterator[Chain]:
    """The stages, with the broker that they run over open. Raises BrokerUnavailable."""
    from pipeline.daemon.core import broker_url, topology_of
    from pipeline.engine.frame import Bounds
    from pipeline.operations.chain import Chain
    from pipeline.transport import transport_for

    topology = topology_of(settings)
    transport = transport_for(broker_url(settings), settings.broker_prefix)
    try:
        await transport.open()
        await transport.declare(topology)
        yield Chain(topology, transport, Bounds(settings.frame_events, settings.frame_bytes))
    finally:
        await transport.close()


def in_account(account: str, work: Callable[[Database, Actor], Awaitable[T]]) -> T:
    """Run `work` on the database, as whoever sits at the command line, in this account."""

    async def run(settings: Settings) -> T:
        async with database(settings) as opened:
            return await work(opened, await acting(opened, account))

    return play(run)


def in_chain(account: str, work: Callable[[Database, Chain, Actor], Awaitable[T]]) -> T:
    """The same with the broker, for what sends events on."""

    async def run(settings: Settings) -> T:
        async with database(settings) as opened, broker(settings) as chain:
            return await work(opened, chain, await acting(opened, account))

    return play(run)


async def account_id(database: Database, name: str) -> int:
    """The id of an account; raises NotFound."""
    from pipeline.operations.errors import NotFound
    from pipeline.store import accounts

    found = await accounts.find(database, name)
    if found is None:
        raise NotFound(f"no account {name!r}; `leadpipe account list` lists the accounts")
    return found


async def acting(database: Database, name: str) -> Actor:
    """Whoever sits at the command line, in this account; raises NotFound."""
    from dataclasses import replace

    from pipeline.cli.author import author
    from pipeline.operations.access import Actor

    return replace(Actor.local(await account_id(database, name), name), name=author(None).who)
