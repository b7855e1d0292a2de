"""`leadpipe bench` from its command line: an instance of its own, every figure, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import orjson
import psutil

from tests.support.command import here
from tests.support.until import until_blocking


def bench(*arguments: str, folder: str | None = None) -> str:
    """What it prints; `folder`: where its instance lies."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LEADPIPE_")}
    if folder is not None:
        environment["TMPDIR"] = folder
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli.main", "bench", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_short_run_has_every_figure_and_a_run_at_a_rate_takes_its_time() -> None:
    arguments = ("--events", "300", "--rate", "200", "--body", "ndjson", "--batch", "50", "--failing", "0.1", "--json")
    with tempfile.TemporaryDirectory(prefix="own-") as folder:  # there may be another benchmark on the machine
        told = orjson.loads(bench(*arguments, folder=folder))
        own = f"{folder}/leadpipe-bench-"
        until_blocking(
            lambda: not [p for p in psutil.process_iter(["environ"]) if own in str(p.info["environ"])],
            "the end of its processes",
        )
        assert not list(Path(folder).glob("leadpipe-bench-*"))
    assert told["events"] == 300
    assert 0 < told["accepted_rate"] < 400
    assert told["journalled_rate"] > 0
    assert told["answer"]["count"] == 6
    assert told["journal"]["count"] == 300
    assert told["told"]["count"] == 30, "each refused event is told of once"
    for latency in ("answer", "journal", "told"):
        assert 0 < told[latency]["p50"] <= told[latency]["p95"] <= told[latency]["p99"] <= told[latency]["most"]
    assert {"ingress", "PostgreSQL", "load generator"} <= told["cpu"].keys()
    assert told["memory"].keys() == told["cpu"].keys()
    assert all(start > 0 and end > 0 for start, end in told["memory"].values())
    assert told["stages"]["log"]["events"] == 300
    assert told["stages"]["log"]["mean_batch"] >= 1


def test_what_makes_no_sense_is_refused_with_its_bounds() -> None:
    code, _, told = here(["bench", "--events", "0"], {})
    assert (code, "events must be from 1 to" in told) == (2, True), told
