"""`leadpipe connector`: set connectors up and look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import connector_code, connector_history, connector_rows, connector_test, connector_try, connector_url
from pipeline.cli.author import Note, author
from pipeline.cli.session import DEFAULT_ACCOUNT, Account, AsJson, account_id, database, play

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from pipeline.store.database import Database
    from schemas.connector import Connector
    from schemas.mapping import MapRow

app = typer.Typer(help="Set connectors up and look at them.", no_args_is_help=True)
connector_code.register(app)
Name = Annotated[str, typer.Argument(help="The connector's name.")]


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
    from pipeline.operations.as_code import canonical

    async def run(settings: Settings) -> Connector:
        async with database(settings) as opened:
            return (await found(opened, account, name))[0]

    connector = play(run)
    said = canonical(connector.settings)
    if json:
        show.as_json(said)
        return
    show.pairs({place: value for place, value in said.items() if place not in ("map", "fields")}, title=name)
    show.table(
        ("from", "to", "default", "transforms", "when"),
        ((row.paths, row.to, row.default, _transforms(row), row.when or None) for row in connector.rows),
        title="\nmapping",
    )


@app.command()
def enable(name: Name, note: Note = None, account: Account = DEFAULT_ACCOUNT) -> None:
    """Let a connector accept events again."""
    _switch(name, account, note, enabled=True)


@app.command()
def disable(name: Name, note: Note = None, account: Account = DEFAULT_ACCOUNT) -> None:
    """Have a connector refuse events; those under way are finished."""
    _switch(name, account, note, enabled=False)


@app.command()
def remove(
    name: Name,
    account: Account = DEFAULT_ACCOUNT,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a connector; its URL stops working at once, its journal stays."""
    from pipeline.operations import connectors

    if not yes:
        typer.confirm(f"Remove the connector {name!r}?", abort=True)

    async def run(settings: Settings) -> None:
        async with database(settings) as opened:
            await connectors.remove(opened, await account_id(opened, account), name)

    play(run)
    print(f"removed {name}")


async def found(database: Database, account: str, name: str) -> tuple[Connector, list[str]]:
    """A connector and its tokens; raises NotFound."""
    from pipeline.operations.connectors import with_tokens

    return await with_tokens(database, await account_id(database, account), name)


def _transforms(row: MapRow) -> list[str]:
    from pipeline.operations.toml import one_line

    said = row.model_dump(mode="json", exclude_defaults=True).get("transforms", [])
    return [each if isinstance(each, str) else one_line(each) for each in said]


def _switch(name: str, account: str, note: str | None, *, enabled: bool) -> None:
    from pipeline.operations import connectors

    async def run(settings: Settings) -> None:
        async with database(settings) as opened:
            await connectors.switch(opened, await account_id(opened, account), name, enabled, author(note))

    play(run)
    print(f"{'enabled' if enabled else 'disabled'} {name}")


connector_url.register(app)
connector_rows.register(app)
connector_history.register(app)
connector_try.register(app)
connector_test.register(app)
