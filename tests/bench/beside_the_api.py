"""How long posts of events take while hostile plans come. In: how long to try. Out: p50, p99 and the longest, by phase.

Run it with `python -m tests.bench.beside_the_api`; it starts an installation of its own. Machines differ, so the phase
without plans is measured in the same run.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import orjson

from tests.support.daemon import Leadpipe, installed
from tests.support.desk import key_of
from tests.support.postgres import private_postgres

RATE = 100  # posts a second
CONNECTOR = 'name = "steady"\npreset = "generic-json"\n'


def plans() -> list[bytes]:
    """Bodies that are hard to judge: many rows that are nearly right, many that are wrong, and sheer size."""
    near = {
        "name": "near",
        "preset": "generic-json",
        "fields": [{"name": f"field_number_{number}", "label": "F"} for number in range(1_000)],
        "map": [{"from": "a", "to": f"lead.field_number_x{number}"} for number in range(1_000)],
    }
    wrong = {"name": "wrong", "preset": "generic-json", "map": [{f"x{n}": 1} for n in range(1_000)]}
    many = [
        {"name": f"c{n}", "preset": "generic-json", "map": [{"from": "a", "to": "lead.nme"}] * 40} for n in range(200)
    ]
    large = {"name": "large", "preset": "generic-json", **{f"primary_ke{number}": 1 for number in range(80_000)}}
    return [orjson.dumps({"connectors": each}) for each in ([near], [wrong], many, [large])]


async def measure(leadpipe: Leadpipe, url: str, key: str, seconds: float) -> None:
    """Post at a steady rate, first alone, then beside plans."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await phase("alone", session, url, seconds, nothing)

        async def hostile() -> None:
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            answered: dict[int, int] = {}
            while True:
                for body in plans():
                    plan = f"{leadpipe.base}/api/v1/connector-settings/plan"
                    async with session.post(plan, data=body, headers=headers) as answer:
                        await answer.read()
                        answered[answer.status] = answered.get(answer.status, 0) + 1

        await phase("beside plans", session, url, seconds, hostile)


async def nothing() -> None:
    """Nothing comes beside the posts."""


async def phase(
    name: str, session: aiohttp.ClientSession, url: str, seconds: float, beside: Callable[[], Awaitable[None]]
) -> None:
    """Post for so long, and print how long the answers took."""
    took: list[float] = []

    async def post(number: int) -> None:
        began = time.perf_counter()
        async with session.post(url, json={"phone": f"+9198452{number:05d}"}) as answer:
            await answer.read()
            assert answer.status == 202, answer.status
        took.append(time.perf_counter() - began)

    disturbing = asyncio.ensure_future(beside())
    posting: set[asyncio.Task[Any]] = set()
    began = time.perf_counter()
    for number in range(int(RATE * seconds)):
        await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        posting.add(asyncio.create_task(post(number)))
    await asyncio.gather(*posting)
    disturbing.cancel()
    took.sort()
    p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
    told = ", ".join(f"{what} {each * 1000:.1f} ms" for what, each in (("p50", p50), ("p99", p99), ("max", took[-1])))
    print(f"{name:14} posts {len(took)}, {told}")


def main(seconds: float) -> None:
    """Start an installation, measure, end it."""
    with TemporaryDirectory() as folder, private_postgres() as postgres:
        database = asyncio.run(postgres.create())
        with installed(Path(folder), database) as leadpipe:
            file = Path(folder) / "steady.toml"
            file.write_text(CONNECTOR)
            [applied] = leadpipe.json("connector", "apply", str(file))["entries"]
            key, url = key_of(leadpipe), applied["url"]
            leadpipe.start("up")
            leadpipe.ready()
            asyncio.run(measure(leadpipe, url, key, seconds))
            leadpipe.stop()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0)
