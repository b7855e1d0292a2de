"""`leadpipe key`: keys of the API. A fresh installation makes its first one with one command."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import answer, complete
from pipeline.cli.asking import sure
from pipeline.cli.options import DEFAULT_ACCOUNT, DEFAULT_LIMIT, LARGEST_ID, Account, After, AsJson, Limit, Yes
from pipeline.cli.session import in_account

if TYPE_CHECKING:
    from pipeline.operations.access import Actor
    from pipeline.operations.keys import Made
    from pipeline.store.database import Database

app = typer.Typer(help="Make, list, rotate and revoke keys of the API.", no_args_is_help=True)
Key = Annotated[
    int, typer.Argument(help="The key's id, as the list shows it.", min=1, max=LARGEST_ID, autocompletion=complete.keys)
]
COLUMNS = ("id", "prefix", "user_email", "name", "scopes", "expires_at", "last_used_at", "revoked_at")


@app.command()
def create(
    user: Annotated[
        str,
        typer.Option("--user", help="The e-mail address of the user whose key it is.", autocompletion=complete.users),
    ],
    name: Annotated[str, typer.Option("--name", help="What the key is for.")] = "",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            help="A scope of the key, such as journal:read; left out: all that the role allows.",
            autocompletion=complete.scopes,
        ),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option("--days", help="Days until the key expires; left out: it does not expire.", min=1, max=3_660),
    ] = None,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Make a key, and print it: it is shown this once. In an account without users this makes its first administrator.

    Use it as `Authorization: Bearer KEY` with the API, whose page is /api/docs.
    """
    from pipeline.operations import keys
    from schemas.access import Scope

    if unknown := [text for text in scope or () if text not in set(Scope)]:
        raise typer.BadParameter(f"{unknown[0]!r} is not a scope; the scopes are {', '.join(Scope)}")
    scopes = None if scope is None else [Scope(text) for text in scope]

    until = None if days is None else datetime.now(UTC) + timedelta(days=days)

    async def run(opened: Database, actor: Actor) -> Made:
        made = await keys.create_first(opened, actor, name, user, scopes=scopes, expires_at=until)
        return made or await keys.create(opened, actor, name, email=user, scopes=scopes, expires_at=until)

    _print(in_account(account, run), json)


@app.command(name="list")
def list_(
    after: After = None, limit: Limit = DEFAULT_LIMIT, account: Account = DEFAULT_ACCOUNT, json: AsJson = False
) -> None:
    """List the keys of an account: what each begins with, whose it is, and when it was last used."""
    from pipeline.cli import show
    from pipeline.operations import keys

    if json:
        from pipeline.api.routes.keys import list_keys

        answer.print_route(account, list_keys, {"after": after, "limit": limit})
        return
    begin = answer.page_after("keys", after) or 0
    found = in_account(account, lambda opened, actor: keys.page(opened, actor, begin, limit))
    show.rows(COLUMNS, found)
    answer.page_end("keys", found, limit)


@app.command(name="show")
def show_(key: Key, account: Account = DEFAULT_ACCOUNT, json: AsJson = False) -> None:
    """Show a key: what it begins with, whose it is, its scopes, its expiry, and when it was last used."""
    from pipeline.cli import show
    from pipeline.operations import keys

    if json:
        from pipeline.api.routes.keys import show_key

        answer.print_route(account, show_key, id=key)
        return
    show.pairs(in_account(account, lambda opened, actor: keys.get(opened, actor, key)))


@app.command()
def rotate(
    key: Key,
    hours: Annotated[
        float, typer.Option("--hours", help="Hours for which the old key keeps working.", min=0, max=720)
    ] = 24.0,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Make a new key in place of this one, and print it. The old key keeps working for --hours."""
    from pipeline.operations import keys

    overlap = timedelta(hours=hours)
    _print(in_account(account, lambda opened, actor: keys.rotate(opened, actor, key, overlap)), json)


@app.command()
def revoke(key: Key, yes: Yes = False, account: Account = DEFAULT_ACCOUNT) -> None:
    """Revoke a key: it stops working at once, for good."""
    from pipeline.operations import keys, leaving

    if not yes:
        sure(in_account(account, lambda opened, actor: leaving.key(opened, actor, key)), yes=yes, demanded=False)
    in_account(account, lambda opened, actor: keys.revoke(opened, actor, key))
    print(f"revoked key {key}")


def _print(made: Made, json: bool) -> None:
    from pipeline.cli import show

    if json:
        from pipeline.api.routes.keys import NewKeyShown

        answer.print_answer(NewKeyShown(**made.row, key=made.whole))
        return
    show.messages.print(f"key {made.row['id']} of {made.row['user_email']}; it is not shown again", markup=False)
    print(made.whole)
