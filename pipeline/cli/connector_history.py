"""`leadpipe connector revisions|diff|restore`: what a connector's settings were."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.author import Note, author
from pipeline.cli.session import DEFAULT_ACCOUNT, Account, AsJson, account_id, database, play

if TYPE_CHECKING:
    from pipeline.operations.differences import Difference
    from pipeline.operations.revisions import Revision
    from pipeline.settings import Settings
    from pipeline.store.connectors import Applied

Name = Annotated[str, typer.Argument(help="The connector's name.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (revisions, diff, restore):
        app.command()(command)


def revisions(name: Name, account: Account = DEFAULT_ACCOUNT, json: AsJson = False) -> None:
    """List a connector's revisions, the newest first: when, who, why, and what changed."""
    from pipeline.cli import show
    from pipeline.operations import revisions as operations

    async def run(settings: Settings) -> list[Revision]:
        async with database(settings) as opened:
            return await operations.revisions(opened, await account_id(opened, account), name)

    found = play(run)
    if json:
        show.as_json([asdict(each) for each in found])
        return
    show.lines(
        ("revision", "saved at", "by", "note"),
        ((each.revision, each.saved_at, each.saved_by, each.note) for each in found),
        below=(f"changed: {', '.join(each.changed)}" if each.changed else None for each in found),
    )


def diff(
    name: Name,
    old: Annotated[int, typer.Argument(help="A revision.")],
    new: Annotated[int | None, typer.Argument(help="Another one; left out: the newest.")] = None,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Show what differs between two revisions, place by place."""
    from pipeline.cli import show
    from pipeline.cli.connector_code import show_differences
    from pipeline.operations.revisions import difference

    async def run(settings: Settings) -> list[Difference]:
        async with database(settings) as opened:
            return await difference(opened, await account_id(opened, account), name, old, new)

    found = play(run)
    if json:
        show.as_json([asdict(each) for each in found])
    elif found:
        show_differences(found)
    else:
        print("nothing differs")


def restore(
    name: Name,
    revision: Annotated[int, typer.Argument(help="The revision to go back to.")],
    note: Note = None,
    account: Account = DEFAULT_ACCOUNT,
) -> None:
    """Save the settings of an old revision as a new one."""
    from pipeline.operations import revisions as operations

    async def run(settings: Settings) -> Applied:
        async with database(settings) as opened:
            return await operations.restore(opened, await account_id(opened, account), name, revision, author(note))

    done = play(run)
    said = "is what is in force already" if done.state == "unchanged" else f"restored as revision {done.revision}"
    print(f"revision {revision} of {name} {said}")
