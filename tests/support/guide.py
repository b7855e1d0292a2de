"""A page with commands to follow. In: Markdown. Out: its files and commands in order, each with what it should print.

A `toml` block whose first line is a comment with a file's name is that file. In a `console` block `$ ` begins a
command, and what follows is what one sees: … stands for any text in a line, and a line of … alone for any lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

BLOCK = re.compile(r"^```(console|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# ([\w.-]+\.toml)\n")
ANY = "…"


@dataclass
class File:
    """A file that the page shows."""

    name: str
    text: str


@dataclass
class Command:
    """A command of the page, and what it shows."""

    line: str
    shown: list[str] = field(default_factory=list)

    def fits(self, said: str) -> bool:
        """Whether this is what was said, but for empty lines, and how many blanks stand in a row."""
        return (
            re.fullmatch(_pattern(_lines(self.shown)), "".join(f"{line}\n" for line in _lines(said.splitlines())))
            is not None
        )


def steps(page: str) -> Iterator[File | Command]:
    """The page's files and commands, in order."""
    for kind, text in BLOCK.findall(page):
        if kind == "console":
            yield from _commands(text)
        elif named := NAMED.match(text):
            yield File(named[1], text)


def _commands(text: str) -> Iterator[Command]:
    command: Command | None = None
    for line in text.splitlines():
        if command is not None and not command.shown and _goes_on(command.line):
            command.line += f"\n{line}"
        elif line.startswith("$ "):
            if command is not None:
                yield command
            command = Command(line.removeprefix("$ "))
        else:
            assert command is not None, f"a console block begins with a command, and not with {line!r}"
            command.shown.append(line)
    if command is not None:
        yield command


def _goes_on(command: str) -> bool:
    """Whether a command has not come to its end: its line says so, a quotation is open, or it goes on until END."""
    unfinished = command.endswith("\\") or command.count("'") % 2 == 1
    return unfinished or ("<< END" in command and not command.endswith("\nEND"))


def _lines(lines: list[str]) -> list[str]:
    return [" ".join(line.split()) for line in lines if line.strip()]


def _pattern(lines: list[str]) -> str:
    parts = (
        r"(?:.*\n)*?" if line == ANY else r"[^\n]*?".join(map(re.escape, line.split(ANY))) + r"\n" for line in lines
    )
    return "".join(parts)
