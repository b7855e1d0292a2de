"""`leadpipe connector`: set connectors up and look at them."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Annotated, Any

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
    """Show every setting in force in a connector, where it comes from, and what differs from the preset."""
    from pipeline.cli import show
    from pipeline.operations import connectors, noted
    from pipeline.operations.checking import standing_problems
    from pipeline.operations.in_force import row_origins, settings_in_force
    from pipeline.operations.warnings import warnings_of

    async def run(opened: Database, actor: Actor) -> tuple[Connector, list[Trouble]]:
        found = await connectors.find(opened, actor.account, name)
        return found, await noted.troubles(opened, actor.account, found.id)

    if json:
        from pipeline.api.routes.connectors import show_connector

        answer.print_route(account, show_connector, connector=name)
        return
    connector, troubles = in_account(account, run)
    show.table(
        ("setting", "in force", "set by", "the preset says"),
        (
            (each.setting, each.value, f"{each.origin} *" if each.differs else each.origin, each.preset)
            for each in settings_in_force(connector)
        ),
        title=f"{name}, revision {connector.revision}; * differs from the preset",
    )
    show.table(
        ("from", "to", "default", "transforms", "when", "set by"),
        (
            (row.paths, row.to, row.default, _transforms(row), row.when or None, origin)
            for row, origin in zip(connector.rows, row_origins(connector), strict=True)
        ),
        title="\nmapping",
    )
    for warning in warnings_of(connector.settings, connector.fields):
        show.copyable(f"\nwarning: {warning}")
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
def rename(
    name: ConnectorName,
    new: Annotated[str, typer.Argument(help="The new name.")],
    note: Note = None,
    account: Account = DEFAULT_ACCOUNT,
) -> None:
    """Give a connector another name. Its id, its URLs, its journal and its revisions stay."""
    from pipeline.operations import connectors

    by = author(note)
    in_account(account, lambda opened, actor: connectors.rename(opened, actor.account, name, new, by))
    print(f"renamed {name} to {new}")


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


@app.command(name="set")
def set_(
    name: ConnectorName,
    changes: Annotated[
        list[str],
        typer.Argument(
            metavar="SETTING=VALUE...",
            help="Such as default_country=IN or sync.lead=update; the value as in a TOML file, or a plain text. "
            "Without a value the setting goes back to what the preset says.",
        ),
    ],
    note: Note = None,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Change some settings of a connector, and leave the others as they are."""
    from pipeline.cli import show
    from pipeline.operations import patching
    from pipeline.operations.plan import Planned
    from pipeline.store.connectors import Applied

    document = _document(changes)
    by = author(note)

    async def run(opened: Database, actor: Actor) -> tuple[Planned, Applied]:
        entry, applied = await patching.patch(opened, actor.account, name, document, by)
        if json:
            from pipeline.api.routes.connectors import patched

            answer.print_answer(await patched(opened, actor.account, name, entry))
        return entry, applied

    entry, applied = in_account(account, run)
    if json:
        return
    print(f"{applied.state} {name}, revision {applied.revision}")
    connector_code.show_differences(entry.differences)
    for warning in (each for each in entry.warnings if each not in entry.known):
        show.messages.print(f"  warning: {warning}", markup=False, soft_wrap=True)


def _document(changes: list[str]) -> dict[str, Any]:
    """A merge patch (RFC 7396) of what a person wrote: `sync.lead=update`, `default_country=`."""
    document: dict[str, Any] = {}
    for change in changes:
        path, is_said, text = change.partition("=")
        *above, last = path.strip().split(".")
        if not is_said or not all((*above, last)):
            raise typer.BadParameter(f"{change!r} is not SETTING=VALUE, such as default_country=IN")
        place = document
        for part in above:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise typer.BadParameter(f"{change!r}: {part!r} has a value already in this command")
        place[last] = None if not text.strip() else _value(text.strip())
    return document


def _value(text: str) -> Any:
    """A value as a TOML file says it; what is none is a text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


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
