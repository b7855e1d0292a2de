"""`leadpipe connector capture|test`: real events as test cases, and running them, also in CI without a database."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.files import write
from pipeline.cli.options import DEFAULT_ACCOUNT, Account, OwnJson
from pipeline.cli.session import Failed, clear_errors, in_account

Folder = Annotated[Path, typer.Option("--into", "-o", help="The folder of the connector's file.", file_okay=False)]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(capture)
    app.command()(test)


def capture(
    event: Annotated[str, typer.Argument(help="The event's id, as in `leadpipe journal list`.")],
    name: Annotated[
        str | None, typer.Option("--name", help="The name of the case; left out: made from the event's id.")
    ] = None,
    into: Folder = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite a case of this name.")] = False,
    account: Account = DEFAULT_ACCOUNT,
) -> None:
    """Write a real event as a test case, CONNECTOR.tests/NAME.toml, with personal data replaced by made-up data."""
    from pipeline.cli import show
    from pipeline.operations.capture import capture as run_capture

    captured = in_account(account, lambda opened, actor: run_capture(opened, actor.account, event, name))
    file = into / captured.path
    with clear_errors():
        if file.exists() and not force:
            raise Failed(f"{file} is there already; choose another --name, or --force")
    write(file, captured.toml)
    print(f"wrote {file}")
    if not captured.faithful:
        show.messages.print("the event ends differently with the made-up data; see `about` in the file", markup=False)


def test(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Connectors' files, or folders of them; left out: the presets' examples.", exists=True),
    ] = None,
    presets: Annotated[bool, typer.Option("--presets", help="The worked examples of all presets too.")] = False,
    account: Annotated[
        str | None,
        typer.Option(
            "--account", help="Use this account's fields, from the database; left out: the standard fields only."
        ),
    ] = None,
    json: OwnJson = False,
) -> None:
    """Run the test cases of connectors' files, and their presets' examples, without a database.

    Exit code 1 if one fails. If a file maps to fields that it does not define itself, define them in the file, or name
    the account that has them: --account NAME.
    """
    from pipeline.cli import show, show_trial
    from pipeline.operations.cases import run_all
    from pipeline.store import fields
    from schemas.standard import STANDARD

    there = STANDARD
    if account is not None:
        there = in_account(account, lambda opened, actor: fields.of_account(opened, actor.account))
    with clear_errors():
        ran = list(run_all(paths or [], presets=presets or not paths, fields=there))
    failed = sum(not each.passed for each in ran)
    if json:
        show.as_json([{**asdict(each), "passed": each.passed} for each in ran])
    else:
        for each in ran:
            show_trial.show_ran(each)
        print(f"\n{len(ran) - failed} passed, {failed} failed")
        if account is None and any(each.trouble and "has no field" in each.trouble for each in ran):
            show.messages.print("--account NAME takes the account's own fields from the database", markup=False)
    if failed:
        raise typer.Exit(1)
