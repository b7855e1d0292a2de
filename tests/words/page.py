"""The page of all words. In: the repository. Out: one text, each sentence once, where it is said first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.words import faces
from tests.words.source import sentences

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "words.txt"
PACKAGES = ("schemas", "stages", "pipeline")
NO_SENTENCES = ("schemas/normal/country.py",)  # names that are read, and never said
ABOUT = """\
Everything that Leadpipe says to a person: help, descriptions, messages, names of log lines.
`make words` writes this file from the code; nobody edits it. It is read whole before each release: each sentence must
be true, must be understood at the first reading, and must say what to do where something is to be done.
Each sentence stands once, where it is said first. {…} is put in when it is said.
"""


def page() -> str:
    """The whole file."""
    told: set[str] = set()
    parts = [ABOUT]
    for title, said in _parts():
        lines = [*_fresh(said, told)]
        if lines:
            parts.append("\n".join((f"## {title}", *lines, "")))
    return "\n".join(parts)


def _parts() -> Iterator[tuple[str, Iterable[faces.Said]]]:
    yield "commands", faces.of_commands()
    yield "settings of the daemon", faces.of_settings()
    yield "settings of a connector", faces.of_connectors()
    yield "presets", faces.of_presets(ROOT / "schemas" / "presets")
    yield "schemes of signing", faces.of_presets(ROOT / "schemas" / "schemes")
    yield "API", faces.of_api()
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            name = str(file.relative_to(ROOT))
            if name not in NO_SENTENCES:
                yield name, (("", text) for text in sentences(file.read_text(encoding="utf-8")))


def _fresh(said: Iterable[faces.Said], told: set[str]) -> Iterator[str]:
    """The lines of what was not told before."""
    for where, text in said:
        line = " ".join(text.split())
        if line not in told:
            told.add(line)
            yield f"{where}: {line}" if where else line
