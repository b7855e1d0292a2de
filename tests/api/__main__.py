"""`make fuzz`: schemathesis against the API at length, on a private PostgreSQL; prints what it found."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from pipeline.secrets.seal import new_key
from tests.support.api import served
from tests.support.fuzz import fuzz
from tests.support.postgres import PrivatePostgres, private_postgres
from tests.support.stock import stock


async def run(postgres: PrivatePostgres, examples: int, seed: int) -> str:
    """All phases, with this many examples of each route."""
    with tempfile.TemporaryDirectory(prefix="leadpipe-fuzz-") as folder:
        async with served(await postgres.create(), Path(folder), secret_key=new_key()) as api:
            await stock(api, api.ours)
            return await fuzz(
                api, Path(folder), phases="examples,coverage,fuzzing,stateful", examples=examples, seed=seed
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with private_postgres() as postgres:
        print(asyncio.run(run(postgres, given.examples, given.seed)))


if __name__ == "__main__":
    main()
