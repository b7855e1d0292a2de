"""Options and arguments that several commands share, so that each is called and explained the same everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli import complete

DEFAULT_ACCOUNT = "default"
LARGEST_ID = 2**63 - 1

AsJson = Annotated[bool, typer.Option("--json", help="Print what REST answers, as JSON.")]
OwnJson = Annotated[bool, typer.Option("--json", help="Print JSON of this command's own: REST has no such call.")]
Account = Annotated[
    str,
    typer.Option(
        "--account", envvar="LEADPIPE_CLI_ACCOUNT", help="The account to work in.", autocompletion=complete.accounts
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
MOST = 1000  # rows of a page, as of the API's
DEFAULT_LIMIT = 50
Limit = Annotated[int, typer.Option("--limit", help="How many at most.", min=1, max=MOST)]
After = Annotated[
    str | None,
    typer.Option("--after", help="Continue where a page ended: the text after `more: --after`, or `next` in JSON."),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        help="From this time on: today, yesterday, 24h, 7d, 2026-08-10, or 2026-08-10T12:00+05:30.",
        autocompletion=complete.moments,
    ),
]
Until = Annotated[
    str | None,
    typer.Option("--until", help="Before this time, written as for --since.", autocompletion=complete.moments),
]
ConnectorName = Annotated[str, typer.Argument(help="The connector's name.", autocompletion=complete.connectors)]
OfConnector = Annotated[
    str | None, typer.Option("--connector", help="Only this connector's.", autocompletion=complete.connectors)
]
