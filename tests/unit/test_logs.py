"""Logs of a process: one line is one write, and everything that it says has one form."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BEGIN = "from pipeline.daemon.logs import configure; configure('info', 'one'); import structlog, logging, warnings\n"
LOG = "structlog.get_logger()"


def said(program: str, code: int = 0) -> list[str]:
    """The lines that a process writes to a pipe on its standard error."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + program], stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == code, done.stderr
    return done.stderr.decode().splitlines()


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (f"{LOG}.info('hello', n=1)", "hello"),
        (f"{LOG}.info('two\\nlines', text='a\\nb')", "two\nlines"),
        ("logging.getLogger('some.library').warning('odd %s', 'thing')", "odd thing"),
        ("warnings.warn('old way', DeprecationWarning)\nwarnings.warn('an odd way')", "an odd way"),
        (f"try:\n 1/0\nexcept ZeroDivisionError:\n {LOG}.exception('broke')", "broke"),
        ("import threading\nt = threading.Thread(target=lambda: 1/0); t.start(); t.join()", "uncaught"),
        (
            "import asyncio\nasync def main():\n"
            " asyncio.get_running_loop().call_exception_handler({'message': 'a task was lost'})\nasyncio.run(main())",
            "a task was lost",
        ),
    ],
)
def test_everything_that_a_process_says_is_lines_of_json(program: str, words: str) -> None:
    lines = [json.loads(line) for line in said(program)]
    assert any(words in line["event"] for line in lines), lines
    assert all({"event", "level", "timestamp", "process"} <= line.keys() for line in lines), lines


def test_an_error_that_nobody_caught_is_a_line_with_its_trace() -> None:
    [line] = said("1/0", code=1)
    told = json.loads(line)
    assert (told["event"], told["level"]) == ("uncaught", "critical")
    assert "ZeroDivisionError" in told["exception"]


def test_a_line_to_a_pipe_is_no_longer_than_what_is_written_whole() -> None:
    program = f"{LOG}.info('long', text='x' * 100_000, begin='kept', many=['y' * 50_000] * 3)"
    [line] = said(program)
    assert len(line.encode()) < select.PIPE_BUF
    assert json.loads(line)["begin"] == "kept"


def test_lines_of_processes_on_one_pipe_do_not_mix() -> None:
    reading, writing = os.pipe()
    program = BEGIN + f"log = {LOG}\nfor n in range(300): log.info('line', n=n, text='z' * (n * 7 % 3_000))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    crowd = [subprocess.Popen([sys.executable, "-c", program], stderr=writing, env=environment) for _ in range(3)]
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        lines = [json.loads(line) for line in stream]
    assert [process.wait() for process in crowd] == [0, 0, 0]
    assert sorted(line["n"] for line in lines) == sorted([*range(300)] * 3)
