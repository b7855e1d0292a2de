"""`leadpipe connector apply|export|schema`: connectors as files, one each."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli import answer, complete
from pipeline.cli.asking import sure
from pipeline.cli.author import Note, author
from pipeline.cli.files import write
from pipeline.cli.options import DEFAULT_ACCOUNT, Account
from pipeline.cli.session import account_id, database, in_account, play

if TYPE_CHECKING:
    from pipeline.api.routes.as_code import AppliedShown
    from pipeline.operations.access import Actor
    from pipeline.operations.errors import Problem
    from pipeline.operations.plan import Plan, Planned
    from pipeline.settings import Settings
    from pipeline.store.database import Database
    from schemas.settings import ConnectorSettings

Files = Annotated[list[Path], typer.Argument(help="TOML files, one connector each, or folders of them.", exists=True)]
Into = Annotated[
    Path | None, typer.Option("--into", "-o", help="The folder to write to; it is made if it does not exist.")
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (apply, export, schema):
        app.command()(command)


def apply(
    files: Files,
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would change.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Remove connectors that have no file among these.")] = False,
    note: Note = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Save nothing if a setting would do less than it says.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before removing.")] = False,
    account: Account = DEFAULT_ACCOUNT,
    json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print what REST answers, as JSON: /connector-settings/apply; with --plan, /connector-settings/plan.",
        ),
    ] = False,
) -> None:
    """Put connectors in force: all of these files, or none if one of them is wrong."""
    from pipeline.cli import show
    from pipeline.operations.errors import Refused
    from pipeline.operations.plan import carry_out, refusal, wishes
    from pipeline.operations.plan import plan as make

    async def planned(opened: Database, actor: Actor) -> Plan:
        return await make(opened, actor.account, wishes(files), prune=prune)

    if plan:
        _show_planned(in_account(account, planned), strict=strict, json=json)
        return
    if prune and not yes:
        _confirm(in_account(account, planned))

    async def run(settings: Settings) -> tuple[Plan, AppliedShown]:
        from pipeline.api.routes.as_code import applied_shown

        async with database(settings) as opened:
            owner = await account_id(opened, account)
            made = await make(opened, owner, wishes(files), prune=prune)
            if made.refused:
                raise refusal(made)
            if strict and (idle := [_named(entry, each) for entry in made.entries for each in entry.warnings]):
                raise Refused("nothing was saved, since these settings do less than they say", idle)
            applied = await carry_out(opened, owner, made, author(note), expected=made.expected)
            await _warn_of_secrets(opened, settings, owner, made)
        return made, applied_shown(settings, made, applied)

    made, done = play(run)
    if json:
        answer.print_answer(done)
        return
    warnings = {entry.name: entry.warnings for entry in made.entries}
    for each in done.entries:
        print(f"{each.state} {each.name}, revision {each.revision}")
        show.copyable(f"  {each.url}")
        for warning in warnings[each.name]:  # on standard error: they are no part of what was asked for
            show.messages.print(f"  warning: {warning}", markup=False, soft_wrap=True)
    for name in done.removed:
        print(f"removed {name}")


def _named(entry: Planned, warning: Problem) -> Problem:
    """A warning that says of which connector it is."""
    from dataclasses import replace

    return replace(warning, field=": ".join(filter(None, (entry.name, warning.field))))


def _show_planned(made: Plan, *, strict: bool, json: bool) -> None:
    """What would be done; exit code 2 if any of it would be refused, 1 if `strict` would keep it from being saved."""
    if json:
        from pipeline.api.routes.as_code import plan_shown

        answer.print_answer(plan_shown(made))
    else:
        show_plan(made)
    if made.refused:
        raise typer.Exit(2)
    if strict and any(entry.warnings for entry in made.entries):
        raise typer.Exit(1)


async def _warn_of_secrets(opened: Database, settings: Settings, owner: int, made: Plan) -> None:
    """Say which secrets are not to be found here; the ingress may well have them."""
    import os

    from pipeline.cli import show
    from pipeline.operations import secrets

    for entry in made.entries:
        if entry.settings is not None:
            for problem in await secrets.problems(opened, settings, owner, entry.settings, os.environ):
                show.messages.print(f"{entry.name}: not found from here: {problem}", markup=False)


def export(
    name: Annotated[
        str | None, typer.Argument(help="The connector's name.", autocompletion=complete.connectors)
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every connector of the account.")] = False,
    into: Into = None,
    account: Account = DEFAULT_ACCOUNT,
) -> None:
    """Write connectors as TOML: one to the terminal, or one or all into a folder, with their JSON Schema."""
    from pipeline.operations import connectors, json_schema
    from pipeline.operations.as_code import to_toml

    if (name is None) != all_ or (all_ and into is None):
        raise typer.BadParameter("name one connector, or say --all --into FOLDER")

    async def run(opened: Database, actor: Actor) -> list[ConnectorSettings]:
        if name is None:
            return await connectors.all_settings(opened, actor.account)
        return [await connectors.settings_of(opened, actor.account, name)]

    exported = in_account(account, run)
    if into is None:
        sys.stdout.write(to_toml(exported[0]))
        return
    for each in exported:
        file = into / f"{each.name}.toml"
        write(file, to_toml(each, f"./{json_schema.FILE}"))
        print(f"wrote {file}")
    write(into / json_schema.FILE, schema_text())


def schema(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write to; left out: the terminal.")
    ] = None,
) -> None:
    """Print the JSON Schema of connectors' files, for completion in editors.

    Name it in the first line of a TOML file: #:schema ./connector.schema.json
    """
    if output is None:
        sys.stdout.write(schema_text())
    else:
        write(output, schema_text())
        print(f"wrote {output}")


def schema_text() -> str:
    """The JSON Schema of connectors' files."""
    import orjson

    from pipeline.operations.json_schema import connector_schema

    return orjson.dumps(connector_schema(), option=orjson.OPT_INDENT_2).decode() + "\n"


def _confirm(made: Plan) -> None:
    gone = [str(entry.name) for entry in made.entries if entry.state == "remove"]
    if gone and not made.refused:
        sure(f"Remove {len(gone)} connector(s) that have no file: {', '.join(gone)}?", yes=False)


SIGNS = {"create": "+", "change": "~", "unchanged": "=", "refused": "!", "remove": "-"}
TOLD = {
    "create": "to create",
    "change": "to change",
    "unchanged": "unchanged",
    "refused": "refused",
    "remove": "to remove",
}


def show_plan(made: Plan, *, wrote: bool = False) -> None:
    """A plan, connector by connector. `wrote`: it is in force by now."""
    from pipeline.cli import show

    for entry in made.entries:
        origin = f"  ({entry.origin})" if entry.origin else ""
        print(f"{SIGNS[entry.state]} {entry.state} {entry.name or '?'}{origin}")
        for problem in entry.problems:
            show.copyable(f"    {problem}")
        for warning in entry.warnings:
            if not wrote or warning not in entry.known:
                show.copyable(f"    warning: {warning}")
        for field in entry.new_fields:
            print(f"    makes the lead field {field}")
        show_differences(entry.differences)
    counts = {told: sum(entry.state == state for entry in made.entries) for state, told in TOLD.items()}
    if not wrote:
        print(f"\n{', '.join(f'{count} {told}' for told, count in counts.items() if count)}; nothing was written")


def show_differences(found: Sequence[Any]) -> None:
    """One line for each difference."""
    from pipeline.cli import show

    for each in found:
        match each.kind:
            case "added":
                told = f"+ {each.place} = {toml_value(each.new)}"
            case "removed":
                told = f"- {each.place} = {toml_value(each.old)}"
            case "moved":
                told = f"~ {each.place}: another order: {', '.join(each.new)}"
            case _:
                told = f"~ {each.place}: {toml_value(each.old)} → {toml_value(each.new)}"
        show.copyable(f"    {told}")


def toml_value(value: Any) -> str:
    """A value as a file says it, on one line."""
    from pipeline.operations.toml import one_line

    return one_line(value)
