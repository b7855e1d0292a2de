"""`leadpipe account`: make accounts, list them, and see who changed their users and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli import answer
from pipeline.cli.options import DEFAULT_ACCOUNT, DEFAULT_LIMIT, Account, After, AsJson, Limit, OwnJson
from pipeline.cli.session import database, in_account, play

if TYPE_CHECKING:
    from pipeline.settings import Settings

app = typer.Typer(help="Make accounts, list them, and see who changed their users and keys.", no_args_is_help=True)


@app.command()
def create(name: Annotated[str, typer.Argument(help="The account's name.")], json: OwnJson = False) -> None:
    """Make an account. Everything else belongs to one; the account `default` is always there."""
    from pipeline.operations import users

    async def run(settings: Settings) -> dict[str, Any]:
        async with database(settings) as opened:
            return await users.create_account(opened, name)

    row = play(run)
    if json:
        from pipeline.api.routes.account import AccountShown

        answer.print_answer(AccountShown(**row))
    else:
        print(f"created account {row['name']}, id {row['id']}")


@app.command(name="list")
def list_(json: OwnJson = False) -> None:
    """List the accounts of this installation."""
    from pipeline.cli import show
    from pipeline.store import accounts

    async def run(settings: Settings) -> list[dict[str, Any]]:
        async with database(settings) as opened:
            return await accounts.list_all(opened)

    found = play(run)
    if json:
        from pipeline.api.routes.account import AccountPage, AccountShown

        answer.print_answer(AccountPage(items=[AccountShown(**row) for row in found]))
        return
    show.rows(("id", "name", "created_at"), found)


@app.command()
def changes(
    after: After = None,
    limit: Limit = DEFAULT_LIMIT,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """List who made, changed and ended users, user fields, keys and secrets, the latest first."""
    from pipeline.cli import show
    from pipeline.store import account_changes

    if json:
        from pipeline.api.routes.account import list_account_changes

        answer.print_route(account, list_account_changes, {"after": after, "limit": limit})
        return
    before = answer.page_after("account-changes", after) or 0
    found = in_account(
        account, lambda opened, actor: account_changes.page(opened, actor.account, before=before, limit=limit)
    )
    columns = ("at", "by", "what", "subject")
    below = (", ".join(f"{name}: {_told(value)}" for name, value in row["details"].items()) or None for row in found)
    show.lines(columns, ([row[column] for column in columns] for row in found), below=below)
    answer.page_end("account-changes", found, limit)


def _told(value: Any) -> str:
    """One detail: what something was made with, or what it was before and is now."""
    from pipeline.cli.show import plain

    if isinstance(value, dict) and "new" in value:
        return " → ".join(plain(value[each]) for each in ("old", "new") if each in value)
    return plain(value)
