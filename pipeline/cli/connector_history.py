"""`leadpipe connector revisions|diff|restore`: what a connector's settings were."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli import answer
from pipeline.cli.author import Note, author
from pipeline.cli.options import DEFAULT_ACCOUNT, Account, AsJson, ConnectorName
from pipeline.cli.session import in_account


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (revisions, diff, restore):
        app.command()(command)


def revisions(name: ConnectorName, account: Account = DEFAULT_ACCOUNT, json: AsJson = False) -> None:
    """List a connector's revisions, the newest first: when, who, why, and what changed."""
    from pipeline.cli import show
    from pipeline.operations import revisions as operations

    if json:
        from pipeline.api.routes.revisions import list_revisions

        answer.print_route(account, list_revisions, connector=name)
        return
    found = in_account(account, lambda opened, actor: operations.revisions(opened, actor.account, name))
    show.lines(
        ("revision", "saved at", "by", "note"),
        ((each.revision, each.saved_at, each.saved_by, each.note) for each in found),
        below=(f"changed: {', '.join(each.changed)}" if each.changed else None for each in found),
    )


def diff(
    name: ConnectorName,
    old: Annotated[int, typer.Argument(help="A revision.")],
    new: Annotated[int | None, typer.Argument(help="Another one; left out: the newest.")] = None,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Show what differs between two revisions, setting by setting."""
    from pipeline.cli.connector_code import show_differences
    from pipeline.operations.revisions import difference

    if json:
        from pipeline.api.routes.revisions import list_differences

        answer.print_route(account, list_differences, {"old": old, "new": new}, connector=name)
        return
    found = in_account(account, lambda opened, actor: difference(opened, actor.account, name, old, new))
    if found:
        show_differences(found)
    else:
        print("nothing differs")


def restore(
    name: ConnectorName,
    revision: Annotated[int, typer.Argument(help="The revision to go back to.")],
    note: Note = None,
    account: Account = DEFAULT_ACCOUNT,
) -> None:
    """Save the settings of an old revision as a new one."""
    from pipeline.operations import revisions as operations

    by = author(note)
    done = in_account(account, lambda opened, actor: operations.restore(opened, actor.account, name, revision, by))
    said = "is in force already" if done.state == "unchanged" else f"restored as revision {done.revision}"
    print(f"revision {revision} of {name} {said}")
