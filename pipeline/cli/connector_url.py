"""`leadpipe connector url`: the URL that the source posts to; replaced, withdrawn, and how to use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import answer
from pipeline.cli.options import DEFAULT_ACCOUNT, Account, AsJson, ConnectorName
from pipeline.cli.session import account_id, database, play

if TYPE_CHECKING:
    from pipeline.operations.urls import Url
    from pipeline.settings import Settings


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(url)


def url(
    name: ConnectorName,
    rotate: Annotated[bool, typer.Option("--rotate", help="Make a new URL in place of this one.")] = False,
    keep: Annotated[
        str | None,
        typer.Option("--keep", help="With --rotate: how long the old ones go on working; a day, if left out."),
    ] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="End every URL but the newest, now.")] = False,
    steps: Annotated[bool, typer.Option("--steps", help="Print the steps to enter the URL in the source.")] = False,
    all_: Annotated[bool, typer.Option("--all", help="Every URL that works, and until when.")] = False,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Print the URL that the source posts to. Whoever knows it can post, unless [auth] asks for more."""
    from pipeline.cli import show
    from pipeline.cli.times import span
    from pipeline.operations import urls

    if keep is not None and not rotate:
        raise typer.BadParameter("--keep goes with --rotate")
    if rotate and withdraw:
        raise typer.BadParameter("--rotate ends the old URLs by itself, after --keep; --keep 0 ends them now")
    kept = urls.KEPT if keep is None else span(keep, "--keep")

    async def run(settings: Settings) -> tuple[list[Url], list[str]]:
        async with database(settings) as opened:
            owner = await account_id(opened, account)
            if rotate:
                await urls.rotate(opened, settings, owner, name, kept)
            if withdraw:
                await urls.withdraw(opened, owner, name)
            newest = await urls.newest_of(opened, settings, owner, name)
            working = await urls.in_force(opened, settings, owner, name) if all_ or json else [newest]
            return working, await urls.steps(opened, settings, owner, name) if steps or json else []

    working, told = play(run)
    if json:
        from pipeline.api.routes.webhooks import Urls, UrlShown

        answer.print_answer(
            Urls(items=[UrlShown.model_validate(each) for each in working], steps=told, warnings=urls.warnings(working))
        )
        return
    for each in working:
        until = f"  until {each.valid_until:%Y-%m-%d %H:%M:%S} UTC" if each.valid_until else ""
        show.copyable(f"{each.url}{until}")
    for number, step in enumerate(told, 1):
        show.copyable(f"{number}. {step}")
    for warning in urls.warnings(working) if steps else ():
        show.copyable(f"warning: {warning}")
