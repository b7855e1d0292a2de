"""Cost as it grows: the same load at different numbers of stored events. In: those numbers. Out: a table.

    python -m tests.bench.grow [--rows 1e4,1e6,1e7] [--events 20000] [--body array] [--rabbitmq] [--data FOLDER]

Each size gets a private instance whose database `fill` has filled: a million events take two minutes and 2.8 GB. With
`--data` the databases stay in that folder, and the next run with it measures at once. With `--rows 0 --events 1000000`
it shows what a million events do to the memory of each process.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import cast

from pipeline.daemon.embedded import with_database
from pipeline.operations.bench.load import Body, Load
from pipeline.operations.bench.measure import Run, measure
from pipeline.operations.bench.private import own, started
from pipeline.settings import load as settings_in_force
from pipeline.store.database import Database
from pipeline.store.migrate import migrate
from tests.bench.__main__ import table
from tests.bench.fill import fill
from tests.support.rabbitmq import private_rabbitmq

KNOWN = ("load generator", "ingress", "RabbitMQ", "PostgreSQL", "supervisor")
SIZE = "SELECT pg_size_pretty(pg_database_size(current_database()))"


def main(sizes: list[int], load: Load, *, rabbitmq: bool, data: Path | None) -> None:
    """Measure each size and print the table."""
    with ExitStack() as stack:
        broker = stack.enter_context(private_rabbitmq()).url if rabbitmq else None
        if data is None:
            place = partial(tempfile.TemporaryDirectory, prefix="leadpipe-grow-", ignore_cleanup_errors=True)
            rows = [grown(size, load, broker, Path(stack.enter_context(place()))) for size in sizes]
        else:
            rows = [grown(size, load, broker, data / str(size)) for size in sizes]
    columns = ("stored", "database", "journalled/s", "p99 ms", "ingress µs", "stages µs", "PostgreSQL µs", "memory MB")
    print(table(columns, rows))


def grown(size: int, load: Load, broker: str | None, folder: Path) -> tuple[str, ...]:
    """One size, in this folder: its row of the table."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = own(settings_in_force({}), folder, broker)
    filled = folder / "filled"
    with with_database(settings) as whole:

        async def run() -> tuple[str, Run]:
            database = await Database.open(str(whole.database_url), size=1)
            await migrate(database)
            began = time.monotonic()
            if size and not filled.exists():
                await fill(str(whole.database_url), size)
                filled.touch()
            stored = await database.fetchval(SIZE)
            await database.close()
            print(f"{size:,} events stored in {time.monotonic() - began:.0f} s, {stored}", file=sys.stderr)
            async with started(whole) as pid:
                return stored, await measure(whole, load, pid, lambda _: None)

        return _row(size, *asyncio.run(run()))


def _row(size: int, stored: str, run: Run) -> tuple[str, ...]:
    stages = sum(cpu for name, cpu in run.cpu.items() if name not in KNOWN)
    memory = "; ".join(
        f"{'stages' if name not in KNOWN else name} {before / 1e6:.0f} → {after / 1e6:.0f}"
        for name, (before, after) in run.memory.items()
        if name == "ingress" or name not in KNOWN
    )
    return (
        f"{size:,}",
        stored,
        f"{run.journalled_rate:,.0f}",
        f"{run.journal.p99 or 0:,.0f}",
        f"{run.cpu.get('ingress', 0):.0f}",
        f"{stages:.0f}",
        f"{run.cpu.get('PostgreSQL', 0):.0f}",
        memory,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="1e4,1e6", help="stored events, with commas between")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--body", choices=("single", "array", "ndjson"), default="array")
    parser.add_argument("--rate", type=float)
    parser.add_argument("--rabbitmq", action="store_true", help="over a private RabbitMQ; without: PostgreSQL")
    parser.add_argument("--data", type=Path, help="keep the databases in this folder, or use what is there")
    given = parser.parse_args()
    wanted = [int(float(rows)) for rows in given.rows.split(",")]
    measured = Load(given.events, cast(Body, given.body), rate=given.rate, seconds=3_600.0)
    main(wanted, measured, rabbitmq=given.rabbitmq, data=given.data)
