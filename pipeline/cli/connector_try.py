"""`leadpipe connector try|compare`: see what settings do before they are saved. Nothing is written."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import answer
from pipeline.cli.options import DEFAULT_ACCOUNT, Account, AsJson, ConnectorName
from pipeline.cli.session import account_id, database, play

if TYPE_CHECKING:
    from pipeline.operations.compare import Comparison
    from pipeline.operations.trying import Trial
    from pipeline.settings import Settings
    from pipeline.store.database import Database
    from schemas.connector import Connector

TYPES = {
    ".json": "application/json",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".form": "application/x-www-form-urlencoded",
}


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(name="try")(try_)
    app.command()(compare)


def try_(
    name: ConnectorName,
    payload: Annotated[
        Path, typer.Argument(help="A body as the source sends it; - is standard input.", allow_dash=True)
    ],
    draft: Annotated[
        Path | None, typer.Option("--draft", help="Try this file's settings in place of those in force.", exists=True)
    ] = None,
    content_type: Annotated[
        str | None,
        typer.Option(
            "--content-type",
            help="The content type of the body, with its charset; left out: what the file's suffix says.",
        ),
    ] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Try the events as new, even if events with these ids took effect before.")
    ] = False,
    brief: Annotated[bool, typer.Option("--brief", help="Leave out the event after each stage.")] = False,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Show what would become of a payload, stage by stage and field by field. Exit code 1 if an event would fail."""
    from pipeline.cli import show_trial
    from pipeline.daemon.core import topology_of
    from pipeline.operations.trying import try_body

    body = _read(payload)
    type = content_type or TYPES.get(payload.suffix.lower(), "")

    async def run(settings: Settings) -> list[Trial]:
        async with _connector(settings, account, name, draft) as (opened, _, connector):
            headers = {"Content-Type": type}
            return await try_body(opened, topology_of(settings), connector, headers, body, anew=anew)

    trials = play(run)
    if json:
        from pipeline.api.routes.trying import Trials, TrialShown

        answer.print_answer(Trials(items=[TrialShown.model_validate(trial) for trial in trials]))
    else:
        for number, trial in enumerate(trials, 1):
            show_trial.show_trial(trial, f"event {number} of {len(trials)}", brief=brief)
        print("nothing was written")
    if any(trial.outcome == "failed" for trial in trials):
        raise typer.Exit(1)


def compare(
    name: ConnectorName,
    draft: Annotated[Path, typer.Option("--draft", help="The file whose settings to compare.", exists=True)],
    last: Annotated[int, typer.Option("--last", help="How many of the latest events.", min=1, max=10_000)] = 1_000,
    first: Annotated[
        int, typer.Option("--show", help="How many differing events to show field by field.", min=0, max=100)
    ] = 10,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Run the connector's latest events through its settings and through a draft, and show what differs."""
    from pipeline.cli import show_trial
    from pipeline.cli.progress import progress
    from pipeline.daemon.core import topology_of
    from pipeline.operations.compare import compare as run_compare
    from pipeline.operations.errors import NotFound

    async def run(settings: Settings) -> Comparison:
        async with _connector(settings, account, name, draft) as (opened, live, wanted):
            if live is None:
                raise NotFound(f"no connector {name!r}, so there are no events to compare; try the draft on a payload")
            with progress(f"comparing {name}", last) as advance:
                return await run_compare(
                    opened, topology_of(settings), live, wanted, last=last, show=first, on_progress=advance
                )

    found = play(run)
    if json:
        from pipeline.api.routes.trying import ComparisonShown

        answer.print_answer(ComparisonShown.model_validate(found.shown()))
    else:
        show_trial.show_comparison(found)


@asynccontextmanager
async def _connector(
    settings: Settings, account: str, name: str, draft: Path | None
) -> AsyncIterator[tuple[Database, Connector | None, Connector]]:
    """The connector in force, if there is one, and the one to try: the draft's, or the one in force."""
    from pipeline.operations.connectors import drafted, find, parsed_file
    from pipeline.operations.errors import NotFound

    async with database(settings) as opened:
        owner = await account_id(opened, account)
        if draft is None:
            live = await find(opened, owner, name)
            yield opened, live, live
            return
        wanted = await drafted(opened, owner, parsed_file(draft).model_copy(update={"name": name}))
        try:
            yield opened, await find(opened, owner, name), wanted
        except NotFound:
            yield opened, None, wanted


def _read(payload: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(payload) == "-" else payload.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{payload} cannot be read: {error.strerror}") from error
