"""`leadpipe send`: post a file of events to a connector's webhook, with a progress bar."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli import complete
from pipeline.cli.files import write
from pipeline.cli.options import DEFAULT_ACCOUNT, Account, OwnJson
from pipeline.cli.progress import progress
from pipeline.cli.session import Failed, WrongUse, account_id, clear_errors, database, loop_run, play

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.operations.proving import Prove


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(send)


def send(
    file: Annotated[Path, typer.Argument(help="Events: .json, .ndjson, .jsonl or .csv.", exists=True, dir_okay=False)],
    connector: Annotated[
        str | None,
        typer.Option("--connector", help="Name of the connector to post to.", autocompletion=complete.connectors),
    ] = None,
    url: Annotated[str | None, typer.Option("--url", help="Webhook URL to post to, instead of a connector.")] = None,
    batch: Annotated[
        int, typer.Option(help="Events in one request; 1 posts each event alone.", min=1, max=10_000)
    ] = 100,
    in_flight: Annotated[int, typer.Option(help="Requests that are under way at once.", min=1, max=1_000)] = 16,
    ids: Annotated[
        Path | None,
        typer.Option(help="Write the events' ids, as the ingress answered them, to this file, one per line."),
    ] = None,
    account: Account = DEFAULT_ACCOUNT,
    json: OwnJson = False,
) -> None:
    """Post a file of events to a connector's URL, as a producer would.

    A request that the ingress cannot take at the moment is tried again. If you send the same file again with the same
    --batch, no event takes effect twice: one without an id of its own gets an idempotency key, made from the content.
    If the connector asks who posts, each request is signed with the first of its secrets that this command can read.
    """
    from pipeline.cli import show
    from pipeline.operations.proving import nothing
    from pipeline.operations.send import DoorClosed, UnreadableFile, keys_of, read
    from pipeline.operations.send import send as post

    if (connector is None) == (url is None):
        raise typer.BadParameter("give either --connector or --url")
    if ids is not None:
        write(ids, "")  # at once: what was answered is told this once, and must find its place
    with clear_errors():
        try:
            total = sum(1 for _ in read(file))
            target, owns, prove = (url, _all, nothing) if url else _target(str(connector), account)
            with progress(f"sending {file.name}", total) as advance:
                sent = loop_run(
                    post(
                        target,
                        read(file),
                        batch=batch,
                        in_flight=in_flight,
                        keys=keys_of(file, batch),
                        owns=owns,
                        prove=prove,
                        on_progress=advance,
                    )
                )
        except UnreadableFile as error:
            raise WrongUse(str(error)) from error
        except DoorClosed as error:
            raise Failed(f"{error}; is the ingress running? Start it with: leadpipe up") from error
    if ids is not None:
        write(ids, "".join(f"{id}\n" for id in sent.ids))
    if json:
        show.as_json({"accepted": sent.accepted, "refused": sent.refused, "refusals": sent.refusals})
    else:
        print(f"accepted {sent.accepted:,}, refused {sent.refused:,}")
        for refusal in sent.refusals:
            show.messages.print(f"  {refusal}", markup=False)
    if sent.refused:
        raise typer.Exit(1)


def _all(_: Any) -> bool:
    """Of a connector that is not known nobody can say which events have ids of their own: so none is hidden."""
    return True


def _target(name: str, account: str) -> tuple[str, Callable[[Any], bool], Prove]:
    """A connector's URL, what tells whether an event has an id of its own, and what makes requests be believed."""
    from pipeline.operations import urls
    from pipeline.operations.connectors import find
    from pipeline.operations.proving import prover
    from pipeline.operations.secrets import from_here
    from pipeline.settings import Settings
    from schemas.cutting import events_in, producer_id

    async def run(settings: Settings) -> tuple[str, Callable[[Any], bool], Prove]:
        async with database(settings) as opened:
            owner = await account_id(opened, account)
            connector = await find(opened, owner, name)
            newest = await urls.newest_of(opened, settings, owner, name)
            prove = prover(connector, await from_here(opened, settings))

        def owns(event: Any) -> bool:
            return any(producer_id(each, connector.id_paths) for each in events_in(event, connector.preset.door))

        return newest.url, owns, prove

    return play(run)
