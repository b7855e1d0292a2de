"""`leadpipe lead key`: the values that a lead is found by, and taking one from it."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli import answer
from pipeline.cli.options import DEFAULT_ACCOUNT, Account, AsJson
from pipeline.cli.session import in_account

app = typer.Typer(help="List the keys that a lead is found by, and take a key from it.", no_args_is_help=True)
Lead = Annotated[str, typer.Argument(help="The lead's id.")]


@app.command(name="list")
def list_(lead: Lead, account: Account = DEFAULT_ACCOUNT, json: AsJson = False) -> None:
    """List the keys of a lead, the fields that hold each, and other leads that hold it too."""
    from pipeline.cli import show
    from pipeline.operations import lead_keys

    if json:
        from pipeline.api.routes.leads import list_lead_keys

        answer.print_route(account, list_lead_keys, lead=lead)
        return
    rows = in_account(account, lambda opened, actor: lead_keys.page(opened, actor, lead))
    show.lines(
        ("key", "value", "in fields", "also in lead"),
        ((row["key"], row["value"], ", ".join(row["fields"]), ", ".join(row["others"])) for row in rows),
    )


@app.command()
def release(
    lead: Lead,
    key: Annotated[str, typer.Argument(help="The key, as `list` shows it: phone, email, …")],
    value: Annotated[str, typer.Argument(help="The value of the key.")],
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Take a key from a lead: this value no longer finds the lead. The fields of the lead stay."""
    from pipeline.cli import show
    from pipeline.operations import lead_keys

    done = in_account(account, lambda opened, actor: lead_keys.release(opened, actor, lead, key, value))
    if json:
        from pipeline.api.routes.leads import KeyReleased

        answer.print_answer(KeyReleased(**done))
        return
    now = f"lead {done['owner']} is found by it now" if done["owner"] else "nobody is found by it now"
    show.copyable(f"took {done['key']} {done['value']} from lead {done['lead']}; {now}")
