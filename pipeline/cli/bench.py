"""`leadpipe bench`: how fast this machine runs the whole chain, and what an event costs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.options import OwnJson
from pipeline.cli.progress import progress
from pipeline.cli.session import Failed, WrongUse, clear_errors, loop_run

if TYPE_CHECKING:
    from pipeline.operations.bench.load import Load
    from pipeline.operations.bench.measure import Progress, Run
    from pipeline.settings import Settings

MEGA = 1e6


class Broker(StrEnum):
    """What carries the events of a private instance."""

    POSTGRES = "postgres"
    RABBITMQ = "rabbitmq"


class Body(StrEnum):
    """How events are posted."""

    SINGLE = "single"
    ARRAY = "array"
    NDJSON = "ndjson"


class People(StrEnum):
    """Whom events are about."""

    NEW = "new"
    RETURNING = "returning"
    DUPLICATES = "duplicates"


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(bench)


def bench(
    events: Annotated[int, typer.Option(help="How many events.")] = 20_000,
    body: Annotated[Body, typer.Option(help="How the events are posted.")] = Body.SINGLE,
    batch: Annotated[int, typer.Option(help="Events in one array or NDJSON body.")] = 500,
    people: Annotated[
        People,
        typer.Option(help="Every person new; four of five events about known people; or every event sent before."),
    ] = People.NEW,
    rate: Annotated[
        float | None, typer.Option(help="Events a second; left out: as fast as the ingress answers.")
    ] = None,
    failing: Annotated[float, typer.Option(help="Share of events that the rules reject.")] = 0.01,
    in_flight: Annotated[int, typer.Option(help="Connections at once.")] = 64,
    seconds: Annotated[float, typer.Option(help="Longest time to send for.")] = 600.0,
    broker: Annotated[Broker, typer.Option(help="The broker of the private instance.")] = Broker.POSTGRES,
    broker_url: Annotated[
        str | None, typer.Option(help="A RabbitMQ on this machine; left out: LEADPIPE_BROKER_URL.")
    ] = None,
    running: Annotated[
        bool,
        typer.Option("--running", help="Measure the instance that the settings name; its database keeps the events."),
    ] = False,
    json: OwnJson = False,
) -> None:
    """Post events through HTTP, broker, every stage and PostgreSQL; print rates, CPU per event and latencies.

    Starts an instance of its own, with a private PostgreSQL, in a temporary folder, and removes it at the end; with
    --running it measures the instance that the settings name. Everything must be on this machine.
    """
    from pipeline.operations.bench.load import Load

    with clear_errors():
        try:
            load = Load(events, body.value, batch, people.value, rate, failing, in_flight, seconds)
        except ValueError as error:
            raise WrongUse(str(error)) from error
        with progress("events through the chain", load.events) as advance:
            run = _running(load, total(advance)) if running else _private(load, total(advance), broker, broker_url)
        told = _as_told(load, run, "running" if running else broker.value)
    if json:
        from pipeline.cli import show

        show.as_json(told)
    else:
        _print(told)


def total(advance: Callable[[int], None]) -> Progress:
    """A progress bar advances by differences; a run tells totals."""
    seen = 0

    def tell(now: int) -> None:
        nonlocal seen
        advance(now - seen)
        seen = now

    return tell


def _private(load: Load, tell: Progress, broker: Broker, url: str | None) -> Run:
    """Start an instance, measure it, end it."""
    from pipeline.daemon.embedded import with_database
    from pipeline.operations.bench.private import own, started
    from pipeline.settings import load as settings_in_force

    settings = settings_in_force()
    if broker is Broker.RABBITMQ:
        url = url or settings.broker_url
        if url is None or not url.startswith("amqp"):
            raise WrongUse("--broker rabbitmq needs --broker-url, or LEADPIPE_BROKER_URL, with an amqp:// URL")
    with tempfile.TemporaryDirectory(prefix="leadpipe-bench-", ignore_cleanup_errors=True) as folder:
        private = own(settings, Path(folder), url if broker is Broker.RABBITMQ else None)
        with with_database(private) as whole:

            async def run() -> Run:
                async with started(whole) as pid:
                    return await _measured(whole, load, pid, tell)

            return _played(run)


def _running(load: Load, tell: Progress) -> Run:
    from pipeline.daemon.embedded import with_database
    from pipeline.daemon.whereabouts import in_force

    with with_database(in_force()) as settings:
        return _played(lambda: _measured(settings, load, None, tell))


async def _measured(settings: Settings, load: Load, supervisor: int | None, tell: Progress) -> Run:
    from pipeline.operations.bench.measure import is_local, measure

    if not is_local(settings):
        raise WrongUse("a bench loads this machine only; set LEADPIPE_HTTP_HOST and LEADPIPE_PUBLIC_URL to it")
    return await measure(settings, load, supervisor, tell)


def _played(work: Callable[[], Awaitable[Run]]) -> Run:
    from pipeline.operations.bench.measure import Stalled
    from pipeline.operations.bench.poster import DoorTrouble
    from pipeline.operations.bench.private import NotReady

    try:
        return loop_run(work())
    except (DoorTrouble, NotReady, Stalled) as error:
        raise Failed(str(error)) from error


def _as_told(load: Load, run: Run, instance: str) -> dict[str, Any]:
    return {"instance": instance, "cores": os.cpu_count(), "load": asdict(load), **asdict(run)}


def _print(told: dict[str, Any]) -> None:
    from pipeline.cli import show

    run = told
    show.pairs(
        {
            "events": f"{run['events']:,}",
            "accepted a second": f"{run['accepted_rate']:,.0f}",
            "journalled a second": f"{run['journalled_rate']:,.0f}",
            "seconds": run["seconds"],
            "told to try again later": run["not_now"],
        },
        title=f"{told['load']['body']} posts, {told['load']['people']} people, {told['instance']}",
    )
    show.table(
        ("milliseconds from", "events", "p50", "p95", "p99", "longest"),
        (
            (name, *(run[key][part] for part in ("count", "p50", "p95", "p99", "most")))
            for key, name in (
                ("answer", "request to answer"),
                ("journal", "accepted to journal"),
                ("told", "accepted to notification (rejected events)"),
            )
        ),
        title="\nLatency",
    )
    show.table(
        ("process", "CPU µs an event", "MB at start", "MB at end"),
        (
            (name, cpu, *(round(size / MEGA, 1) for size in run["memory"].get(name, ())))
            for name, cpu in sorted(run["cpu"].items(), key=lambda pair: -pair[1])
        ),
        title=f"\nCost: {sum(run['cpu'].values()):,.0f} µs an event on {told['cores']} cores",
    )
    show.table(
        ("stage", "events", "batches", "events a batch", "ms a batch"),
        ((name, *done.values()) for name, done in run["stages"].items()),
        title="\nBatches",
    )
