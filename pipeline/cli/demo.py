"""`leadpipe up --demo`: example connectors applied, sample events sent through the door, and what became of them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from pipeline.cli import show
from pipeline.cli.lead import COLUMNS, short
from pipeline.cli.progress import progress
from pipeline.operations import connectors as operations
from pipeline.operations.audit import audit
from pipeline.operations.check import shown
from pipeline.operations.send import read, send
from pipeline.settings import Settings, address
from pipeline.store import accounts, connectors, journal, leads
from pipeline.store.connectors import Author
from pipeline.store.database import Database
from schemas.settings import ConnectorSettings

DEMO = "leadpipe up --demo"  # who has saved the examples
WAIT = 60.0  # seconds for the processes to start, and for the events to end


def play_demo(settings: Settings, folder: Path, log: Path) -> Callable[[asyncio.Event], None]:
    """What `supervise` calls once its processes start; the demonstration then runs beside them.

    `log` is where the processes write theirs, named where somebody may want to look at it.
    """
    running: set[asyncio.Task[None]] = set()

    def start(stop: asyncio.Event) -> None:
        task = asyncio.create_task(_demo(settings, folder, log, stop))
        running.add(task)
        task.add_done_callback(lambda done: _told(done, stop))

    return start


def _told(task: asyncio.Task[None], stop: asyncio.Event) -> None:
    """A demonstration that fails says so, and ends the whole."""
    if not task.cancelled() and (error := task.exception()):
        show.messages.print(f"leadpipe: the demonstration failed: {type(error).__name__}: {error}", markup=False)
        stop.set()


async def _demo(settings: Settings, folder: Path, log: Path, stop: asyncio.Event) -> None:
    database = await Database.open(str(settings.database_url), size=2)
    try:
        urls = await _apply(settings, folder, database)
        if not await _ready(settings, log, stop):
            return
        started = datetime.now(UTC)
        accepted = await _send(folder / "events", urls)
        await _results(settings, database, started, accepted)
    finally:
        await database.close()
    _invite(settings, urls, folder / "try", log)


async def _apply(settings: Settings, folder: Path, database: Database) -> dict[str, str]:
    """Every connector of the folder, unless somebody has edited it; returns the webhook URLs by name."""
    account = await accounts.find(database)
    if account is None:
        raise LookupError("the account 'default' does not exist")
    urls = {}
    for wanted in operations.read_folder(folder):
        if await _is_edited(database, account, wanted):
            show.messages.print(
                f"connector {wanted.name} has been edited since it was made from {folder}, and stays as it is; "
                f"to have the example again: leadpipe connector apply {folder / f'{wanted.name}.toml'}",
                markup=False,
                soft_wrap=True,
            )
            applied = await connectors.apply(
                database, account, await operations.settings_of(database, account, wanted.name)
            )
        else:
            applied = await connectors.apply(database, account, wanted, Author(DEMO))
        urls[wanted.name] = operations.webhook_url(settings, applied.token)
    return urls


async def _is_edited(database: Database, account: int, wanted: ConnectorSettings) -> bool:
    """Whether a connector of this name is there, and was saved last by somebody else than this."""
    latest = next(iter(await connectors.revisions(database, account, wanted.name)), None)
    if latest is None or wanted.name not in await connectors.stored(database, account):
        return False
    example = wanted.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return bool(latest["saved_by"] != DEMO and latest["settings"] != example)


async def _ready(settings: Settings, log: Path, stop: asyncio.Event) -> bool:
    """Wait for the door to open; False if asked to stop before."""
    url = f"http://{address(settings.http_host, settings.http_port)}/readyz"
    deadline = asyncio.get_running_loop().time() + WAIT
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
        while not stop.is_set():
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return True
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"the ingress was not ready within {WAIT:g} s; {log} says why")
            await asyncio.sleep(0.1)
    return False


async def _send(folder: Path, urls: dict[str, str]) -> int:
    """Each connector's sample events, in single posts."""
    files = [file for name in urls if (file := folder / f"{name}.ndjson").exists()]
    accepted = 0
    with progress("sending the sample events", sum(1 for file in files for _ in read(file))) as advance:
        for file in files:
            accepted += (await send(urls[file.stem], read(file), on_progress=advance)).accepted
    return accepted


async def _results(settings: Settings, database: Database, started: datetime, accepted: int) -> None:
    from pipeline.cli.look import verdict
    from pipeline.cli.session import broker

    account = await accounts.find(database) or 0
    async with broker(settings) as chain:
        found = await audit(database, chain, started, WAIT)
    counts = await journal.counts(database, account, started)
    known = ("created", "updated", "unchanged", "dropped", "failed")
    ended = [counts.get(outcome, 0) for outcome in known]
    distinct = found.balance.accepted
    show.console.print()
    show.lines(
        ("accepted", "sent twice", *known, "known before"),
        [(accepted, accepted - distinct, *ended, distinct - sum(ended))],
        title="What became of the sample events",
    )
    show.console.print(verdict(found))
    rows = await leads.find(database, account, "", 3)
    show.console.print()
    show.lines(("lead", *COLUMNS), (short(row) for row in rows), title="Three of the leads")


def _invite(settings: Settings, urls: dict[str, str], tries: Path, log: Path) -> None:
    """What to do next: where to post, an event to post (`NAME.json` in the folder `tries`), where to look."""
    command = Path(sys.argv[0])
    with suppress(ValueError):
        command = command.relative_to(Path.cwd())
    show.console.print("\nWhere sources post to", style="bold")
    for name, url in urls.items():
        show.copyable(f"{name:<17} {url}")
    if samples := [file for file in sorted(tries.glob("*.json")) if file.stem in urls]:
        show.console.print("\nTry one yourself", style="bold")
        for file in samples:
            show.copyable(f"curl -H 'Content-Type: application/json' -d @{file} '{urls[file.stem]}?wait=5'")
    show.console.print("\nand look, in another terminal", style="bold")
    if settings.http_port != Settings.model_fields["http_port"].default:
        show.copyable(f"export LEADPIPE_HTTP_PORT={settings.http_port}")
    if settings.broker_url is not None:
        show.copyable(f"export LEADPIPE_BROKER_URL={shown(settings.broker_url)}")
    for look in ("journal list", "lead find", "dead groups", "stages", "--help"):
        show.copyable(f"{command} {look}")
    show.copyable(f"\nThe log is in {log}. Serving until Ctrl-C.")
