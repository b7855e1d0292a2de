"""Runs every peer and Leadpipe in one go, on one machine and the same two servers. Out: rates and their ratios.

    python -m tests.bench.peers [EVENTS]

The peers' libraries are installed into a temporary folder (PyPI, npm). Events are counted in the database: a run ends
when the last log row is there. Leadpipe's runs include HTTP, which the peers' do not.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg

from pipeline.operations.bench.bodies import event
from tests.support.postgres import PrivatePostgres, private_postgres
from tests.support.rabbitmq import PrivateRabbitMQ, private_rabbitmq
from tests.support.until import until, until_blocking

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PYTHON = [
    "faststream[rabbit,cli]==0.7.8",
    "aio-pika==10.2.1",
    "asyncpg==0.32.0",
    "phonenumbers==9.0.43",
    "uvloop==0.23.0",
]
NODE = ["amqplib@2.3.1", "pg@8.23.1", "libphonenumber-js@1.13.16"]
PATIENCE = 600.0  # seconds for one run
LOOK = 0.5  # seconds from one look at the log to the next
TABLES = """
DROP TABLE IF EXISTS applied, person, logged;
CREATE TABLE applied (id text PRIMARY KEY);
CREATE TABLE person (phone text PRIMARY KEY, name text, email text, city text);
CREATE TABLE logged (id text PRIMARY KEY, request text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
"""


def main(events: int) -> None:
    """Install, run each, print."""
    with (
        tempfile.TemporaryDirectory(prefix="leadpipe-peers-") as name,
        private_postgres() as postgres,
        private_rabbitmq() as rabbit,
    ):
        folder = Path(name)
        python = installed_python(folder)
        faststream = [str(python.parent / "faststream"), "run", "with_faststream:app"]
        rates = {"FastStream": rate(faststream, HERE, {}, python, postgres, rabbit, events)}
        workers = [*faststream, "--workers", "2"]
        rates["FastStream 2 workers"] = rate(workers, HERE, {}, python, postgres, rabbit, events)
        rates["aio-pika"] = rate([str(python), "with_aio_pika.py"], HERE, {}, python, postgres, rabbit, events)
        if modules := installed_node(folder):
            node = ["node", str(HERE / "with_node.js")]
            rates["Node"] = rate(node, folder, {"NODE_PATH": modules}, python, postgres, rabbit, events)
        for body in ("single", "array"):
            rates[f"Leadpipe, {body}"] = ours(rabbit, body, events * 10)  # about as long as the others take
    show(rates)


def rate(
    command: list[str],
    folder: Path,
    environment: Mapping[str, str],
    python: Path,
    postgres: PrivatePostgres,
    rabbit: PrivateRabbitMQ,
    events: int,
) -> float:
    """Events a second of one peer, from the first publish to the last log row."""
    url = asyncio.run(postgres.create())
    asyncio.run(_execute(url, TABLES))
    parts = urlsplit(url)
    where = {
        "PGHOST": parse_qs(parts.query)["host"][0] if parts.query else str(parts.hostname),
        "PGUSER": str(parts.username),
        "PGDATABASE": parts.path[1:],
    }
    values = {**os.environ, **environment, **where, "AMQP": rabbit.url, "POSTGRES": url, "PYTHONPATH": str(HERE)}
    bodies = b"\n".join(event(number, number) for number in range(events))
    with running(command, folder, values):
        _until_consumed(rabbit)
        began = time.time()
        subprocess.run([str(python), str(HERE / "publish.py")], input=bodies, env=values, check=True)
        last = asyncio.run(_last(url, events))
    for queue in ("normalize", "upsert", "log"):
        rabbit.ctl("delete_queue", queue)
    return events / (last - began)


def ours(rabbit: PrivateRabbitMQ, body: str, events: int) -> float:
    """Events a second of Leadpipe, from the first request to the last journal row."""
    command = [sys.executable, "-m", "pipeline.cli.main", "bench", "--json", "--body", body, "--events", str(events)]
    done = subprocess.run(
        [*command, "--broker", "rabbitmq", "--broker-url", rabbit.url], cwd=ROOT, capture_output=True, check=True
    )
    return float(json.loads(done.stdout)["journalled_rate"])


@contextmanager
def running(command: list[str], folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """A process for the length of the block."""
    process = subprocess.Popen(command, cwd=folder, env=dict(environment), stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def installed_python(folder: Path) -> Path:
    """A virtual environment with the Python peers; returns its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PYTHON], check=True)
    return python


def installed_node(folder: Path) -> str | None:
    """The folder of Node's libraries; None where there is no Node."""
    if shutil.which("npm") is None:
        print("no npm here: Node is left out", file=sys.stderr)
        return None
    subprocess.run(["npm", "install", "--silent", "--prefix", str(folder), *NODE], check=True)
    return str(folder / "node_modules")


def _until_consumed(rabbit: PrivateRabbitMQ) -> None:
    def consumes() -> bool:
        rows = rabbit.ctl("list_queues", "name", "consumers", "--no-table-headers").splitlines()
        return len([row for row in rows if row.split("\t")[-1].isdigit() and int(row.split("\t")[-1])]) >= 3

    until_blocking(consumes, "the peer at work", 60)


async def _execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(sql)
    await connection.close()


async def _last(url: str, events: int) -> float:
    """When the last log row was written (Unix time)."""
    connection = await asyncpg.connect(url)

    async def ended() -> float | None:
        row = await connection.fetchrow("SELECT count(*) AS rows, extract(epoch FROM max(at)) AS last FROM logged")
        await asyncio.sleep(LOOK)  # to look costs the server something, and the server is what is measured
        return float(row["last"]) if row is not None and row["rows"] >= events else None

    try:
        return await until(ended, "the peer's end", PATIENCE)
    finally:
        await connection.close()


def show(rates: Mapping[str, float]) -> None:
    """Rates, and how many times each peer's Leadpipe's are."""
    print(f"{'':20} {'events/s':>10}  " + "  ".join(f"× {name}" for name in rates if "," not in name))
    for name, found in rates.items():
        ratios = [f"{found / other:>{len(peer) + 2}.1f}" for peer, other in rates.items() if "," not in peer]
        print(f"{name:20} {found:>10,.0f}  " + "  ".join(ratios))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
