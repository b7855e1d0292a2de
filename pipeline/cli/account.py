"""`leadpipe account`: make accounts, and list them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.options import AsJson
from pipeline.cli.session import database, play

if TYPE_CHECKING:
    from pipeline.settings import Settings

app = typer.Typer(help="Make accounts, and list them.", no_args_is_help=True)


@app.command()
def create(name: Annotated[str, typer.Argument(help="The account's name.")], json: AsJson = False) -> None:
    """Make an account. Everything else belongs to one; the account `default` is always there."""
    from pipeline.cli import show
    from pipeline.operations import users

    async def run(settings: Settings) -> dict[str, Any]:
        async with database(settings) as opened:
            return await users.create_account(opened, name)

    row = play(run)
    if json:
        show.as_json(row)
    else:
        print(f"created account {row['name']}, id {row['id']}")


@app.command(name="list")
def list_(json: AsJson = False) -> None:
    """List the accounts of this installation."""
    from pipeline.cli import show
    from pipeline.store import accounts

    async def run(settings: Settings) -> list[dict[str, Any]]:
        async with database(settings) as opened:
            return await accounts.list_all(opened)

    show.rows(("id", "name", "created_at"), play(run), json=json)
