"""`leadpipe`: the commands, and what becomes of errors. Exit codes: 0 done, 1 failed, 2 wrong use.

Each command imports what it needs when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline import __version__
from pipeline.cli import (
    account,
    bench,
    conflict,
    connector,
    dead,
    field,
    journal,
    key,
    lead,
    look,
    preset,
    refusal,
    refused,
    run,
    secret,
    send,
    user,
)

app = typer.Typer(
    name="leadpipe",
    help="Leads, calls and sales events from many systems, as one clean record per person, exactly once.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    cls=refusal.Commands,
)
run.register(app)
look.register(app)
send.register(app)
bench.register(app)
app.add_typer(connector.app, name="connector")
app.add_typer(journal.app, name="journal")
app.add_typer(lead.app, name="lead")
app.add_typer(dead.app, name="dead")
app.add_typer(refused.app, name="refused")
app.add_typer(conflict.app, name="conflict")
app.add_typer(account.app, name="account")
app.add_typer(user.app, name="user")
app.add_typer(key.app, name="key")
app.add_typer(field.app, name="field")
app.add_typer(secret.app, name="secret")
app.add_typer(preset.app, name="preset")


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Answer `--version`."""
    if show:
        print(f"leadpipe {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; errors that a user can act on are one line each on standard error."""
    _whole_writes()
    if unreadable := [each for each in sys.argv[1:] if not each.isascii() and _is_no_text(each)]:
        print(f"leadpipe: {unreadable[0]!a} is not UTF-8, as every name and text must be", file=sys.stderr)
        sys.exit(2)
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has left; nothing to say
        sys.exit(1)


def _is_no_text(argument: str) -> bool:
    """Bytes that are no UTF-8 may name a file, and nothing else."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return not Path(argument).exists()
    return False


def _whole_writes() -> None:
    """Unbuffered (PYTHONUNBUFFERED), Python drops what a full pipe did not take of a long text; a buffer does not."""
    if isinstance(raw := getattr(sys.stdout, "buffer", None), io.RawIOBase):
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(raw), encoding=sys.stdout.encoding, line_buffering=True)


if __name__ == "__main__":
    main()
