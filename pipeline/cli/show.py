"""Output of the commands: lists, tables and pairs for people, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from textwrap import wrap
from typing import Any

import orjson
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table

WIDE = 250  # columns, where nobody looks: what goes to a file or a pipe is never cut
GAP = "  "
INDENT = "    "

console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
messages = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else WIDE)


def as_json(value: Any) -> None:
    """Print a value as JSON."""
    text = orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_SORT_KEYS)
    sys.stdout.write(text.decode() + "\n")


def lines(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    below: Iterable[Any] = (),
    title: str | None = None,
) -> None:
    """Print each row on one line: as many columns, from the left, as the terminal has room for, and no value cut.

    `below` holds a text for each row, which is printed under it; None: nothing.
    """
    cells = [[plain(value) for value in row] for row in rows]
    if title:
        console.print(title, style="bold", markup=False)
    if not cells:
        messages.print("nothing found")
        return
    widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    shown = _fitting(widths)
    under = list(below) or [None] * len(cells)
    console.print(_line(columns, widths[:shown]), style="bold", markup=False)
    for row, text_below in zip(cells, under, strict=True):
        console.print(_line(row, widths[:shown]), markup=False, soft_wrap=True)
        if text_below is not None:
            for part in wrap(plain(text_below), console.width, initial_indent=INDENT, subsequent_indent=INDENT):
                console.print(part, markup=False, soft_wrap=True)


def rows(columns: Sequence[str], found: Sequence[Mapping[str, Any]]) -> None:
    """Print rows that have their columns by name: these columns of each on one line."""
    lines(columns, ([row[column] for column in columns] for row in found))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> None:
    """Print rows as a table, whose longer values are folded within their columns."""
    drawn = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        header_style="bold",
        show_header=any(columns),
    )
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*(text(value) for value in row))
    console.print(drawn)


def pairs(values: Mapping[str, Any], *, title: str | None = None) -> None:
    """Print names and values, one pair a line; what has no value is left out."""
    table(("", ""), [pair for pair in values.items() if pair[1] not in (None, [], {})], title=title)


def moment(value: datetime) -> str:
    """A time in a list: in UTC, without the year."""
    return f"{value.astimezone(UTC):%m-%d %H:%M:%S}"


def copyable(line: str) -> None:
    """Print a line that somebody will copy: never folded, whatever the width."""
    console.print(line, markup=False, soft_wrap=True)


def plain(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}Z"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(plain(each) for each in value) or "–"
    if isinstance(value, dict):
        return "\n".join(f"{name}: {plain(each)}" for name, each in value.items())
    one_line = " ".join(str(value).splitlines())
    return "".join(character if character.isprintable() else "�" for character in one_line)


def text(value: Any) -> str:
    """The same for a table, where markup in it stays text."""
    from rich.markup import escape

    return escape(plain(value))


def _fitting(widths: Sequence[int]) -> int:
    """How many columns have room; at least one."""
    used, shown = 0, 0
    for width in widths:
        used += width + (len(GAP) if shown else 0)
        if used > console.width and shown:
            break
        shown += 1
    return shown


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return GAP.join(set_cell_size(cell, width) for cell, width in zip(cells, widths, strict=False)).rstrip()
