"""A command run to its end. In: arguments and environment. Out: exit code and what it printed.

Each runs in a process of its own, forked from one that has imported the program already: what a command needs to
start is most of what it takes, and a test that looks often would mostly wait for that.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

NEEDED = ("journal", "lead", "dead", "conflict", "connector", "look", "send", "show")  # modules of the command line
WAIT = 300.0  # seconds

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        "tests.support.command",
        "tests.support.prebuilt",
        *(f"pipeline.cli.{name}" for name in NEEDED),
        "pipeline.daemon.worker",
        "pipeline.operations.audit",
        "pipeline.operations.check",
        "pipeline.operations.conflicts",
        "pipeline.operations.connectors",
        "pipeline.operations.journal",
        "pipeline.operations.leads",
        "pipeline.operations.replay",
        "pipeline.operations.send",
        "pipeline.transport.postgres",
        "pipeline.transport.rabbitmq",
        "rich.progress",
    ]
)


def command(arguments: Sequence[str], environment: Mapping[str, str], stdin: str = "") -> tuple[int, str, str]:
    """Run `leadpipe` with these arguments; returns its exit code, standard output and standard error."""
    with tempfile.TemporaryDirectory(prefix="leadpipe-command-") as folder:
        given, out, err = (Path(folder) / name for name in ("in", "out", "err"))
        given.write_text(stdin)
        streams = (str(given), str(out), str(err))
        process = _context.Process(target=_run, args=(list(arguments), dict(environment), streams))
        process.start()
        process.join(WAIT)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise AssertionError(f"{arguments} did not end within {WAIT:g} s")
        return process.exitcode, out.read_text(), err.read_text()


def here(arguments: Sequence[str], environment: Mapping[str, str], stdin: str | None = None) -> tuple[int, str, str]:
    """The same in this process, ten times as fast; for commands that end by themselves. Not within a running loop."""
    from typer.testing import CliRunner

    from tests.support.prebuilt import app

    ours = {name: None for name in os.environ if name.startswith("LEADPIPE_")}  # None: not for this command
    ended = CliRunner().invoke(app, list(arguments), env={**ours, **environment}, input=stdin)
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return ended.exit_code, ended.stdout, ended.stderr


def _run(arguments: list[str], environment: dict[str, str], streams: Sequence[str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, name in enumerate(streams):
        os.dup2(os.open(name, os.O_CREAT | (os.O_WRONLY if descriptor else os.O_RDONLY)), descriptor)
    sys.stdin = os.fdopen(0)  # a forked process has been given one that says nothing
    sys.argv = ["leadpipe", *arguments]
    from pipeline.cli.main import main

    main()
