"""Who saves something from the command line, and why. In: `--note` and the system's user. Out: an author."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.store.connectors import Author

Note = Annotated[str | None, typer.Option("--note", help="Why, in your own words; kept with the revision.")]


def author(note: str | None) -> Author:
    """The author of what this command saves."""
    from pipeline.store.connectors import Author

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        user = "somebody"
    return Author(f"{user}, by command", note)
