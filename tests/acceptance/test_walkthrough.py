"""docs/walkthrough.md on a fresh installation: its files are written, its commands run and print what the page says."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from pathlib import Path

from tests.acceptance.conftest import Install, ended, run
from tests.support.daemon import Leadpipe
from tests.support.guide import Command, File, steps
from tests.support.shell import Shell, shell
from tests.support.until import PROCESSES, until_blocking

PAGE = Path(__file__).parents[2] / "docs" / "walkthrough.md"
LOOKS = ("leadpipe journal list", "leadpipe journal show", "leadpipe dead", "leadpipe lead", "rest $API", 'rest "$API')
ACTS = ("leadpipe send", "leadpipe journal retry")  # what the processes do by the settings that they know
_probes = count(1)


def settled(leadpipe: Leadpipe) -> None:
    """Wait until every process works with the settings that were saved last, which they ask for once a second.

    A connector that they have never heard of has them ask at once; it belongs to another account.
    """
    name = f"probe-{next(_probes)}"
    file = leadpipe.folder / "probe.toml"
    file.write_text(f'name = "{name}"\npreset = "generic-json"\nreply.outcome = "full"\nprimary_key = "email"\n')
    if not any(row["name"] == "probes" for row in leadpipe.json("account", "list")["items"]):
        leadpipe.run("account", "create", "probes")
    [applied] = leadpipe.json("connector", "apply", str(file), "--account", "probes")["entries"]
    assert run(ended(applied["url"], {"email": "probe@example.com"}))["outcome"] in ("created", "updated", "unchanged")


def seen(terminal: Shell, command: Command) -> None:
    """Run a command: it prints what the page says. One that only looks is run again until it does."""
    said: list[str] = []

    def look() -> bool:
        said.append(terminal.run(command.line))
        return command.fits(said[-1]) or not command.line.startswith(LOOKS)

    with suppress(AssertionError):  # told below, with what was seen
        until_blocking(look, "what the page says", PROCESSES)
    shown = "\n".join(command.shown)
    assert command.fits(said[-1]), f"$ {command.line}\nthe page says:\n{shown}\nit printed:\n{said[-1]}"


def test_the_walk_ends_as_the_page_says(install: Install, tmp_path: Path) -> None:
    leadpipe = install("postgresql", processes="1")
    leadpipe.start("up")
    leadpipe.ready()
    with shell(tmp_path, leadpipe.environment) as terminal:
        for step in steps(PAGE.read_text(encoding="utf-8")):
            if isinstance(step, File):
                (tmp_path / step.name).write_text(step.text)
                continue
            if "URL" in step.line or step.line.startswith(ACTS):
                settled(leadpipe)
            seen(terminal, step)
