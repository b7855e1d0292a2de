"""Commands that run the daemon or prepare its ground: up, ingress, work, migrate, check."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import complete, stage_names
from pipeline.cli.options import OwnJson
from pipeline.cli.session import clear_errors, loop_run, play
from pipeline.daemon import heap

if TYPE_CHECKING:
    from pipeline.daemon.whereabouts import May
    from pipeline.operations.check import Finding
    from pipeline.settings import Settings
    from pipeline.store.migrate import Migration

Supervised = Annotated[bool, typer.Option("--supervised", hidden=True)]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (up, ingress, work, migrate, check):
        app.command()(command)


def up(
    demo: Annotated[
        Path | None,
        typer.Option(
            "--demo",
            help="Apply the connectors (*.toml) of this folder, send its sample events (events/NAME.ndjson) through "
            "the ingress, and show what became of them.",
            file_okay=False,
            exists=True,
        ),
    ] = None,
) -> None:
    """Run everything on this machine: the ingress and the stages, restarted when one dies, until Ctrl-C.

    Without LEADPIPE_DATABASE_URL a private PostgreSQL runs in LEADPIPE_DATA_DIR; without LEADPIPE_BROKER_URL the
    database is the broker too.
    """
    from pipeline.daemon.embedded import with_database
    from pipeline.daemon.installation import alone
    from pipeline.daemon.ports import DOOR, free_for
    from pipeline.daemon.running import registered
    from pipeline.daemon.whereabouts import May

    with process("up", May.MAKE) as settings:
        free_for(settings, f"{DOOR} (make run PORT=…)")
        with alone(settings), with_database(settings) as settings, registered(settings.data_dir):
            loop_run(_supervised(settings, demo))


async def _supervised(settings: Settings, demo: Path | None) -> None:
    """Everything, on a database that is up to date, until asked to stop. Raises Stopped."""
    from pipeline.cli.demo import play_demo
    from pipeline.daemon.signals import stop_requested, unless
    from pipeline.daemon.supervisor import supervise

    stop = stop_requested()
    await unless(stop, migrated(settings))
    if demo is None:
        await supervise(settings, stop)
        return
    log = settings.data_dir / "leadpipe.log"
    with log.open("ab") as file:
        await supervise(settings, stop, play_demo(settings, demo, log), file)


@contextmanager
def process(name: str, may: May) -> Iterator[Settings]:
    """One process of the daemon, with its settings; what it cannot do is said as its log is, and a stop is no error."""
    import structlog

    from pipeline.daemon.logs import configure
    from pipeline.daemon.signals import Stopped, stopped_by_signals
    from pipeline.daemon.whereabouts import in_force

    configure("info", name)
    with clear_errors():
        settings = in_force(may)
        configure(settings.log_level, name)
        try:
            with stopped_by_signals():
                yield settings
        except Stopped as stopped:
            structlog.get_logger(__name__).info("stopped before it began", because=str(stopped) or "asked to")


def ingress(supervised: Supervised = False) -> None:
    """Run the ingress alone. With LEADPIPE_API=false it takes events in and does not serve the API."""
    from pipeline.api.mount import mounted
    from pipeline.daemon.door import serve

    run_process("ingress", partial(serve, supervised=supervised, beside_it=mounted))


def work(
    stages: Annotated[
        list[str], typer.Argument(help="Names of stages, such as: normalize map.", autocompletion=complete.stages)
    ],
    port: Annotated[
        int | None, typer.Option("--port", help="Serve /healthz, /readyz and /metrics here.", min=1, max=65535)
    ] = None,
    supervised: Supervised = False,
) -> None:
    """Run one or more stages in this process. Start as many as the load needs."""
    stage_names.known(*stages)
    heap.calm()
    from pipeline.daemon import worker

    run_process(f"work {' '.join(stages)}", partial(worker.work, names=stages, supervised=supervised, port=port))


def run_process(name: str, work: Callable[[Settings], Awaitable[None]]) -> None:
    """Run one process of the daemon until it is told to stop."""
    from pipeline.daemon.embedded import with_database
    from pipeline.daemon.whereabouts import May

    with process(name, May.SET_UP) as settings, with_database(settings) as settings:
        loop_run(work(settings))


def migrate() -> None:
    """Bring the database's schema up to date. Safe to run again, and from several machines at once."""
    from pipeline.daemon.whereabouts import May

    for migration in play(migrated, May.SET_UP):
        print(f"applied {migration.number:04} {migration.name}")
    print("the schema is up to date")


async def migrated(settings: Settings) -> list[Migration]:
    """Apply what is missing."""
    from pipeline.store.database import Database
    from pipeline.store.migrate import migrate

    opened = await Database.open(str(settings.database_url), size=1)
    try:
        return await migrate(opened)
    finally:
        await opened.close()


def check(json: OwnJson = False) -> None:
    """Tell what is wrong with the settings, the database, the broker and the rest, and what to do about it.

    Every part is reported, even if another part is wrong. Exit code 1 if any part is wrong.
    """
    from pipeline.cli import show

    findings = _looked_at()
    if json:
        show.as_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            sign = "ok  " if finding.ok else "    " if finding.skipped else "FAIL"
            print(f"{sign}  {finding.what}: {finding.found}")
            if not finding.ok and not finding.skipped:
                print(f"      {finding.remedy}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _looked_at() -> list[Finding]:
    """What there is to find, beginning with the settings, without which nothing else can be looked at."""
    from pipeline.daemon.embedded import EmbeddedError, with_database
    from pipeline.daemon.whereabouts import Nowhere, in_force
    from pipeline.operations import check
    from pipeline.operations.check import Finding
    from pipeline.settings import SettingsError

    async def run(settings: Settings) -> list[Finding]:
        return [finding async for finding in check.check(settings)]

    with clear_errors():
        try:
            settings = in_force()
        except SettingsError as error:
            return [
                Finding("settings", False, str(error), "correct it, in the environment or in LEADPIPE_CONFIG's file")
            ]
        except Nowhere as error:
            there, _, remedy = str(error).rpartition("; ")
            return [Finding("settings", True, "each is known and valid"), Finding("data folder", False, there, remedy)]
        found = [Finding("settings", True, "each is known and valid")]
        try:
            with with_database(settings) as opened:
                return found + loop_run(run(opened))
        except EmbeddedError as error:
            remedy = "correct what it names, or set LEADPIPE_DATABASE_URL to a PostgreSQL of your own"
            return [*found, check.folder(settings), Finding("database", False, str(error), remedy)]
    raise AssertionError("unreachable")
