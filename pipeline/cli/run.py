"""Commands that run the daemon or prepare its ground: up, ingress, work, migrate, check."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import complete, stage_names
from pipeline.cli.options import AsJson
from pipeline.cli.session import Failed, clear_errors, loop_run, play
from pipeline.daemon import heap

if TYPE_CHECKING:
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
    from pipeline.cli.demo import play_demo
    from pipeline.daemon.embedded import with_database
    from pipeline.daemon.logs import configure
    from pipeline.daemon.supervisor import supervise
    from pipeline.settings import load

    with clear_errors():
        settings = load()
        configure(settings.log_level, "up")
        _port_is_free(settings)
        with with_database(settings) as settings, ExitStack() as closing:
            loop_run(migrated(settings))
            if demo is None:
                loop_run(supervise(settings))
                return
            settings.data_dir.mkdir(parents=True, exist_ok=True)
            log = settings.data_dir / "leadpipe.log"
            loop_run(supervise(settings, play_demo(settings, demo, log), closing.enter_context(log.open("ab"))))


def _port_is_free(settings: Settings) -> None:
    """Several ingress processes may share a port, so the system would not refuse another installation's: we do."""
    import socket

    with socket.socket(socket.AF_INET6 if ":" in settings.http_host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.http_host, settings.http_port))
        except OSError as error:
            raise Failed(
                f"cannot listen on {settings.http_host}:{settings.http_port}: {error.strerror}; "
                "set LEADPIPE_HTTP_HOST and LEADPIPE_HTTP_PORT to what is free (make run PORT=…)"
            ) from error


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
    from pipeline.daemon.logs import configure
    from pipeline.daemon.ports import CannotListen
    from pipeline.settings import load

    with clear_errors():
        settings = load()
        configure(settings.log_level, name)
        with with_database(settings) as settings:
            try:
                loop_run(work(settings))
            except CannotListen as error:
                raise Failed(str(error)) from error


def migrate() -> None:
    """Bring the database's schema up to date. Safe to run again, and from several machines at once."""
    for migration in play(migrated):
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


def check(json: AsJson = False) -> None:
    """Tell what is wrong with the settings, the database, the broker and the rest, and what to do about it.

    Every part is named, also where another one is wrong. Exit code 1 if any is.
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
    from pipeline.operations import check
    from pipeline.operations.check import Finding
    from pipeline.settings import SettingsError, load

    async def run(settings: Settings) -> list[Finding]:
        return [finding async for finding in check.check(settings)]

    with clear_errors():
        try:
            settings = load()
        except SettingsError as error:
            return [
                Finding("settings", False, str(error), "correct it, in the environment or in LEADPIPE_CONFIG's file")
            ]
        found = [Finding("settings", True, "each is known and valid")]
        try:
            with with_database(settings) as opened:
                return found + loop_run(run(opened))
        except EmbeddedError as error:
            remedy = "mend what it names, or set LEADPIPE_DATABASE_URL to a PostgreSQL of your own"
            return [*found, check.folder(settings), Finding("database", False, str(error), remedy)]
    raise AssertionError("unreachable")
