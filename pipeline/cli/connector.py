"""`leadpipe connector`: set connectors up and look at them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.session import DEFAULT_ACCOUNT, Account, AsJson, WrongUse, account_id, database, play

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from pipeline.store.database import Database
    from schemas.connector import Connector

app = typer.Typer(help="Set connectors up and look at them.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The connector's name.")]


@app.command()
def apply(
    files: Annotated[list[Path], typer.Argument(help="TOML files, one connector each.", exists=True, dir_okay=False)],
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Put connectors in force: all of the files, or, if one of them is wrong, none."""
    from pipeline.cli import show
    from pipeline.operations import connectors as operations
    from pipeline.store import connectors

    async def run(settings: Settings) -> list[dict[str, object]]:
        try:
            wanted = [operations.read(file) for file in files]
        except operations.BadConnector as error:
            raise WrongUse(str(error)) from error
        async with database(settings) as opened:
            owner = await account_id(opened, account)
            applied = [(each, await connectors.apply(opened, owner, each)) for each in wanted]
        return [
            {
                "name": each.name,
                "state": done.state,
                "revision": done.revision,
                "url": operations.webhook_url(settings, done.token),
            }
            for each, done in applied
        ]

    rows = play(run)
    if json:
        show.as_json(rows)
    else:
        for row in rows:
            print(f"{row['state']} {row['name']}, revision {row['revision']}")
            show.copyable(f"  {row['url']}")


@app.command(name="list")
def list_(account: Account = DEFAULT_ACCOUNT, json: AsJson = False) -> None:
    """List the connectors of an account."""
    from pipeline.cli import show
    from pipeline.store import connectors

    async def run(settings: Settings) -> list[dict[str, object]]:
        async with database(settings) as opened:
            return await connectors.list_all(opened, await account_id(opened, account))

    rows = play(run)
    if json:
        show.as_json(rows)
    else:
        columns = ("name", "preset", "enabled", "revision", "updated_at")
        show.lines(columns, ([row[column] for column in columns] for row in rows))


@app.command(name="show")
def show_(name: Name, account: Account = DEFAULT_ACCOUNT, json: AsJson = False) -> None:
    """Show a connector's settings, and the mapping that they and its preset make."""
    from pipeline.cli import show

    async def run(settings: Settings) -> Connector:
        async with database(settings) as opened:
            return (await found(opened, account, name))[0]

    connector = play(run)
    if json:
        show.as_json(connector.settings.model_dump(by_alias=True, exclude_defaults=True))
        return
    show.pairs(connector.settings.model_dump(by_alias=True, exclude={"map", "fields"}, exclude_none=True), title=name)
    show.table(
        ("from", "to", "default", "when"),
        ((row.paths or f"= {row.value}", row.to, row.default, row.when or None) for row in connector.rows),
        title="\nmapping",
    )


@app.command()
def url(name: Name, account: Account = DEFAULT_ACCOUNT) -> None:
    """Print the URL that the source posts to. Whoever knows it can post."""
    from pipeline.operations.connectors import webhook_url

    async def run(settings: Settings) -> str:
        async with database(settings) as opened:
            return webhook_url(settings, (await found(opened, account, name))[1][0])

    print(play(run))


@app.command()
def enable(name: Name, account: Account = DEFAULT_ACCOUNT) -> None:
    """Let a connector accept events again."""
    _switch(name, account, enabled=True)


@app.command()
def disable(name: Name, account: Account = DEFAULT_ACCOUNT) -> None:
    """Have a connector refuse events; those under way are finished."""
    _switch(name, account, enabled=False)


@app.command()
def remove(
    name: Name,
    account: Account = DEFAULT_ACCOUNT,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a connector; its URL stops working at once, its journal stays."""
    from pipeline.store import connectors

    if not yes:
        typer.confirm(f"Remove the connector {name!r}?", abort=True)

    async def run(settings: Settings) -> None:
        async with database(settings) as opened:
            if not await connectors.remove(opened, await account_id(opened, account), name):
                raise WrongUse(f"no connector {name!r}; `leadpipe connector list` shows those there are")

    play(run)
    print(f"removed {name}")


async def found(database: Database, account: str, name: str) -> tuple[Connector, list[str]]:
    """A connector and its tokens; raises WrongUse."""
    from pipeline.store import connectors

    connector = await connectors.get(database, await account_id(database, account), name)
    if connector is None:
        raise WrongUse(f"no connector {name!r}; `leadpipe connector list` shows those there are")
    return connector


def _switch(name: str, account: str, *, enabled: bool) -> None:
    from pipeline.store import connectors

    async def run(settings: Settings) -> None:
        async with database(settings) as opened:
            if not await connectors.enable(opened, await account_id(opened, account), name, enabled):
                raise WrongUse(f"no connector {name!r}; `leadpipe connector list` shows those there are")

    play(run)
    print(f"{'enabled' if enabled else 'disabled'} {name}")
