"""`leadpipe connector map|unmap|edit`: change a connector row by row, or in an editor. Each save is a revision."""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli import complete, files
from pipeline.cli.author import Note, author
from pipeline.cli.options import DEFAULT_ACCOUNT, Account, ConnectorName
from pipeline.cli.session import in_account

if TYPE_CHECKING:
    from pipeline.operations.access import Actor
    from pipeline.operations.plan import Plan
    from pipeline.store.database import Database
    from schemas.settings import ConnectorSettings

Target = Annotated[
    str, typer.Argument(metavar="RECORD.FIELD", help="Such as lead.budget.", autocompletion=complete.targets)
]
Planned = Annotated[bool, typer.Option("--plan", help="Only show what would change.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(name="map")(map_)
    app.command()(unmap)
    app.command()(edit)


def map_(
    name: ConnectorName,
    source: Annotated[str, typer.Argument(metavar="PATH", help="A path in the source's document, such as mx_Budget.")],
    to: Target,
    type: Annotated[
        str | None, typer.Option(help="The type of what the source sends there: number, date, …; left out: text.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="The name that people see for the source's field.")] = None,
    default: Annotated[
        str | None,
        typer.Option(help="What a lead gets if the source sent nothing and the lead has no value; TOML or a text."),
    ] = None,
    transform: Annotated[
        list[str] | None,
        typer.Option(help="A transform: a name, such as trim, or TOML; given again: applied in this order."),
    ] = None,
    when: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH=VALUE",
            help="A condition of the row, such as mx_Country=IN. Given again with another path: both must hold; with "
            "the same path: one of the values is enough.",
        ),
    ] = None,
    unreadable: Annotated[
        str | None,
        typer.Option(help="What becomes of a value that the field cannot hold: reject the event, or skip the value."),
    ] = None,
    fill: Annotated[bool, typer.Option("--fill", help="The row counts only where the lead has no value yet.")] = False,
    key: Annotated[bool, typer.Option("--key", help="Make this field a search key, after the others.")] = False,
    off: Annotated[bool, typer.Option("--off", help="Add the row switched off: it has no effect.")] = False,
    plan: Planned = False,
    note: Note = None,
    account: Account = DEFAULT_ACCOUNT,
) -> None:
    """Map a field of the source to a field of a record. Replaces the connector's own rows to this record field."""
    row: dict[str, Any] = {"from": source, "to": to, "transforms": [_toml(each) for each in transform or ()]}
    row |= {"on": False} if off else {}
    row |= {"key": True} if key else {}
    row |= {"fill": True} if fill else {}
    row |= {"unreadable": unreadable} if unreadable else {}
    row |= {"when": _conditions(when)} if when else {}
    row |= {} if default is None else {"default": _toml(default)}
    sent = {"path": source, "label": label or "", "type": type or "text"} if type or label else None

    def change(settings: ConnectorSettings) -> ConnectorSettings:
        from pipeline.operations.editing import with_row

        changed = with_row(settings, "map", row)
        return changed if sent is None else with_row(changed, "source_fields", sent)

    _save(name, account, note, change, plan=plan)


def unmap(
    name: ConnectorName,
    to: Target,
    source_field: Annotated[
        str | None, typer.Option("--source-field", metavar="PATH", help="Delete this custom source field too.")
    ] = None,
    plan: Planned = False,
    note: Note = None,
    account: Account = DEFAULT_ACCOUNT,
) -> None:
    """Remove the connector's own rows to a field. The preset's rows to it, if there are any, take effect again."""

    def change(settings: ConnectorSettings) -> ConnectorSettings:
        from pipeline.operations.editing import without_row

        changed = without_row(settings, "map", to)
        return changed if source_field is None else without_row(changed, "source_fields", source_field)

    _save(name, account, note, change, plan=plan)


def edit(name: ConnectorName, note: Note = None, account: Account = DEFAULT_ACCOUNT) -> None:
    """Open the connector's settings in the editor ($VISUAL, $EDITOR); see what changes, and save it or not."""
    from pipeline.cli.connector_code import schema_text, show_plan
    from pipeline.operations import json_schema
    from pipeline.operations.as_code import to_toml
    from pipeline.operations.connectors import settings_of
    from pipeline.operations.plan import plan as make
    from pipeline.operations.plan import wishes

    with tempfile.TemporaryDirectory(prefix="leadpipe-") as folder:
        file = Path(folder) / f"{name}.toml"
        (Path(folder) / json_schema.FILE).write_text(schema_text(), encoding="utf-8")
        old = in_account(account, lambda opened, actor: settings_of(opened, actor.account, name))
        before = to_toml(old, f"./{json_schema.FILE}")
        file.write_text(before, encoding="utf-8")
        while True:
            files.edit(file)
            if file.read_text(encoding="utf-8") == before:
                print("nothing was changed")
                return

            made = in_account(account, lambda opened, actor: make(opened, actor.account, wishes([file])))
            show_plan(made)
            [entry] = made.entries
            if entry.settings is not None and entry.name == name:
                if entry.state != "unchanged" and typer.confirm("Save it?"):
                    _save(name, account, note, partial(_instead, entry.settings), plan=False)
                return
            if entry.settings is not None:
                print(f"    name: must stay {name!r}; to make a copy, use `leadpipe connector apply`")
            if not typer.confirm("Edit again?", default=True):
                raise typer.Exit(1)


def _conditions(given: list[str]) -> dict[str, str | list[str]]:
    """`country=IN` as a condition of a row."""
    wanted: dict[str, list[str]] = {}
    for text in given:
        path, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"--when {text!r}: write PATH=VALUE")
        wanted.setdefault(path, []).append(value)
    return {path: values[0] if len(values) == 1 else values for path, values in wanted.items()}


def _save(
    name: str,
    account: str,
    note: str | None,
    change: Callable[[ConnectorSettings], ConnectorSettings],
    *,
    plan: bool,
) -> None:
    from pipeline.cli.connector_code import show_plan
    from pipeline.operations.connectors import settings_of
    from pipeline.operations.plan import Wish, carry_out
    from pipeline.operations.plan import plan as make

    async def run(opened: Database, actor: Actor) -> tuple[Plan, int | None]:
        wanted = change(await settings_of(opened, actor.account, name))
        made = await make(opened, actor.account, [Wish("the connector", wanted)])
        if plan:
            return made, None
        [applied] = await carry_out(opened, actor.account, made, author(note))
        return made, None if applied is None else applied.revision

    made, revision = in_account(account, run)
    show_plan(made, wrote=revision is not None)
    if revision is not None:
        print(f"{name} is at revision {revision}")
    if made.refused:
        raise typer.Exit(2)


def _instead(wanted: ConnectorSettings, _: ConnectorSettings) -> ConnectorSettings:
    return wanted


def _toml(text: str) -> Any:
    """A value as TOML says it; what is no TOML is a text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
