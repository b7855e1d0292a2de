"""`leadpipe secret`: what sources prove themselves with, kept sealed in the database; a value is never an argument."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import answer, complete
from pipeline.cli.asking import sure
from pipeline.cli.options import DEFAULT_ACCOUNT, Account, AsJson, Yes
from pipeline.cli.session import Failed, acting, database, in_account, play

if TYPE_CHECKING:
    from pipeline.settings import Settings

app = typer.Typer(help="Store the secrets that connectors name as stored:NAME.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The secret's name.", autocompletion=complete.secrets)]


@app.command(name="set")
def set_(name: Name, account: Account = DEFAULT_ACCOUNT) -> None:
    """Store a secret. Its value is read from standard input, or asked for at a terminal. It is never shown again.

    A stored secret of the same name is replaced at once. To change a secret without a gap, store the new one under
    another name, and name both in the connector's [auth] until the source uses the new one.
    """
    from pipeline.operations import secrets

    value = _value()

    async def run(settings: Settings) -> bool:
        async with database(settings) as opened:
            return await secrets.put(opened, settings, await acting(opened, account), name, value)

    print(f"{'kept' if play(run) else 'replaced'} {name}; connectors name it as stored:{name}")


@app.command(name="list")
def list_(account: Account = DEFAULT_ACCOUNT, json: AsJson = False) -> None:
    """List the secrets of an account: names, dates, and the connectors that name them; no value."""
    from pipeline.cli import show
    from pipeline.operations import secrets

    if json:
        from pipeline.api.routes.webhooks import list_secrets

        answer.print_route(account, list_secrets)
        return
    found = in_account(account, lambda opened, actor: secrets.listed(opened, actor))
    show.rows(("name", "used_by", "created_at", "updated_at"), found)


@app.command()
def remove(name: Name, yes: Yes = False, account: Account = DEFAULT_ACCOUNT) -> None:
    """Delete a stored secret that no connector uses."""
    from pipeline.operations import leaving, secrets

    if not yes:
        sure(in_account(account, lambda opened, actor: leaving.secret(opened, actor, name)), yes=yes, demanded=False)
    in_account(account, lambda opened, actor: secrets.remove(opened, actor, name))
    print(f"removed {name}")


@app.command()
def key() -> None:
    """Print a new key for LEADPIPE_SECRET_KEY. Keep it safe: what is sealed with it cannot be opened without it."""
    from pipeline.secrets.seal import new_key

    print(new_key())


@app.command()
def reseal() -> None:
    """Seal all secrets with the first key of LEADPIPE_SECRET_KEY; the keys after it are then no longer needed."""
    from pipeline.operations import secrets

    async def run(settings: Settings) -> int:
        async with database(settings) as opened:
            done, troubles = await secrets.reseal(opened, settings)
            if troubles:
                raise Failed("\n".join([f"{done} sealed with the first key; these are not:", *troubles]))
            return done

    print(f"{play(run)} sealed anew; every secret is now sealed with the first key")


def _value() -> bytes:
    """The value, without the line end after it."""
    if sys.stdin.isatty():
        return str(typer.prompt("Value", hide_input=True, confirmation_prompt=True)).encode()
    value = sys.stdin.buffer.read().removesuffix(b"\n").removesuffix(b"\r")
    if not value:
        raise typer.BadParameter("no value came on standard input: leadpipe secret set NAME < FILE")
    return value
