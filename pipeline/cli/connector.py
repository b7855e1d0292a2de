"""`leadpipe connector`: set connectors up and look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from pipeline.cli import (
    answer,
    connector_code,
    connector_history,
    connector_notes,
    connector_rows,
    connector_test,
    connector_try,
    connector_url,
)
from pipeline.cli.asking import sure
from pipeline.cli.author import Note, author
from pipeline.cli.options import DEFAULT_ACCOUNT, DEFAULT_LIMIT, Account, After, AsJson, ConnectorName, Limit, Yes
from pipeline.cli.session import in_account

if TYPE_CHECKING:
    from pipeline.operations.access import Actor
    from pipeline.operations.noted import Trouble
    from pipeline.store.database import Database
    from schemas.connector import Connector
    from schemas.mapping import MapRow

app = typer.Typer(help="Set connectors up and look at them.", no_args_is_help=True)
connector_code.register(app)


@app.command(name="list")
def list_(
    after: After = None, limit: Limit = DEFAULT_LIMIT, account: Account = DEFAULT_ACCOUNT, json: AsJson = False
) -> None:
    """List the connectors of an account."""
    from pipeline.api.routes.connectors import list_connectors
    from pipeline.cli import show

    page = answer.asked(account, list_connectors, {"after": after, "limit": limit})
    if json:
        answer.print_answer(page)
        return
    shown = page.model_dump()
    show.rows(("name", "preset", "enabled", "revision", "updated_at"), shown["items"])
    answer.more(shown["next"])


@app.command(name="show")
def show_(name: ConnectorName, account: Account = DEFAULT_ACCOUNT, json: AsJson = False) -> None:
    """Show a connector's settings, and the mapping that they and its preset make."""
    from pipeline.cli import show
    from pipeline.operations import connectors, noted
    from pipeline.operations.as_code import canonical
    from pipeline.operations.checking import standing_problems

    async def run(opened: Database, actor: Actor) -> tuple[Connector, list[Trouble]]:
        found = await connectors.find(opened, actor.account, name)
        return found, await noted.troubles(opened, actor.account, found.id)

    if json:
        from pipeline.api.routes.connectors import show_connector

        answer.print_route(account, show_connector, connector=name)
        return
    connector, troubles = in_account(account, run)
    said = canonical(connector.settings)
    show.pairs({place: value for place, value in said.items() if place not in ("map", "fields")}, title=name)
    show.table(
        ("from", "to", "default", "transforms", "when"),
        ((row.paths, row.to, row.default, _transforms(row), row.when or None) for row in connector.rows),
        title="\nmapping",
    )
    for problem in standing_problems(connector):
        show.copyable(f"\nproblem: {problem}")
    for each in troubles:
        show.copyable(f"\nproblem: {each}")


@app.command()
def enable(name: ConnectorName, note: Note = None, account: Account = DEFAULT_ACCOUNT) -> None:
    """Let a connector accept events again."""
    _switch(name, account, note, enabled=True)


@app.command()
def disable(name: ConnectorName, note: Note = None, account: Account = DEFAULT_ACCOUNT) -> None:
    """Make a connector refuse new events. Events that are under way are finished."""
    _switch(name, account, note, enabled=False)


@app.command()
def remove(
    name: ConnectorName,
    account: Account = DEFAULT_ACCOUNT,
    yes: Yes = False,
) -> None:
    """Remove a connector; its URL stops working at once, its journal stays."""
    from pipeline.operations import connectors, leaving

    if not yes:
        sure(in_account(account, lambda opened, actor: leaving.connector(opened, actor, name)), yes=yes)
    in_account(account, lambda opened, actor: connectors.remove(opened, actor.account, name))
    print(f"removed {name}")


def _transforms(row: MapRow) -> list[str]:
    from pipeline.operations.toml import one_line

    said = row.model_dump(mode="json", exclude_defaults=True).get("transforms", [])
    return [each if isinstance(each, str) else one_line(each) for each in said]


def _switch(name: str, account: str, note: str | None, *, enabled: bool) -> None:
    from pipeline.operations import connectors

    by = author(note)
    in_account(account, lambda opened, actor: connectors.switch(opened, actor.account, name, enabled, by))
    print(f"{'enabled' if enabled else 'disabled'} {name}")


connector_url.register(app)
connector_rows.register(app)
connector_history.register(app)
connector_try.register(app)
connector_test.register(app)
connector_notes.register(app)
