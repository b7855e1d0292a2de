"""Output of the commands: a table for people, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

WIDE = 250  # columns, where nobody looks: a table in a file or a pipe is never cut

console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
messages = Console(stderr=True, highlight=False)


def as_json(value: Any) -> None:
    """Print a value as JSON."""
    text = orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_SORT_KEYS)
    sys.stdout.write(text.decode() + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> None:
    """Print rows as a table."""
    drawn = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*(text(value) for value in row))
    console.print(drawn)


def pairs(values: Mapping[str, Any], *, title: str | None = None) -> None:
    """Print names and values, one pair a line."""
    table(("", ""), values.items(), title=title)


def text(value: Any) -> str:
    """A value as people read it; markup in it stays text."""
    from rich.markup import escape

    if value is None:
        return "–"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}Z"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(text(each) for each in value) or "–"
    if isinstance(value, dict):
        return escape(orjson.dumps(value, default=str).decode())
    return escape(str(value))
