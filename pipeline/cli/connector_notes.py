"""`leadpipe connector notes`: what a connector's events are noted with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from pipeline.cli import answer
from pipeline.cli.options import DEFAULT_ACCOUNT, Account, AsJson, ConnectorName, Since
from pipeline.cli.session import in_account
from pipeline.cli.times import moment

if TYPE_CHECKING:
    from pipeline.operations.access import Actor
    from pipeline.operations.noted import Noted, Trouble
    from pipeline.store.database import Database


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(notes)


def notes(name: ConnectorName, since: Since = None, account: Account = DEFAULT_ACCOUNT, json: AsJson = False) -> None:
    """Count the notes on events: values read by a rule, or not readable. Without --since: of the last seven days."""
    from pipeline.cli import show
    from pipeline.operations import noted as operations
    from pipeline.operations.visible import visible

    async def run(opened: Database, actor: Actor) -> tuple[Noted, list[Trouble]]:
        found = await operations.noted(opened, actor, name, moment(since, "--since"))
        id = (await visible(opened, actor)).id_of(name)
        return found, await operations.troubles(opened, actor.account, id)

    if json:
        from pipeline.api.routes.connectors import list_notes

        answer.print_route(account, list_notes, {"since": since}, connector=name)
        return
    found, troubles = in_account(account, run)
    show.lines(
        ("events", "kind", "about", "latest UTC"),
        ((each.events, each.kind, each.about, show.moment(each.latest)) for each in found.notes),
        below=(each.text for each in found.notes),
        title=f"{found.connector}: {found.events:,} events since {show.moment(found.since)} UTC",
    )
    for each in troubles:
        show.copyable(f"problem: {each}")
