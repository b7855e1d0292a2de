"""`python -m tests.chaos`: play scenarios, print the seed of each and one table at the end.

    python -m tests.chaos --list
    python -m tests.chaos --scenario R1,R5 --broker rabbitmq --seeds 1,2 --small
    python -m tests.chaos --minutes 60 --table var/chaos.txt

Without `--scenario` all are played, on both brokers where they apply; without `--minutes` until all are done.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import time
import traceback
from pathlib import Path

from tests.chaos import on_network, on_operators, on_processes, on_servers  # noqa: F401 - they put themselves on the list
from tests.chaos.catalogue import BOTH, SCENARIOS, Scenario
from tests.chaos.ground import Servers, servers
from tests.chaos.verdict import Verdict, header, line

LONGEST = 900.0  # seconds for one scenario; the harness itself must not hang


def play(scenario: Scenario, ground: Servers, seed: int, *, long: bool) -> Verdict:
    """One scenario; a harness that fails is a failed verdict, not the end."""

    async def bounded() -> Verdict:
        async with asyncio.timeout(LONGEST):
            return await scenario.run(ground, seed, long=long)

    try:
        return asyncio.run(bounded())
    except Exception as error:
        traceback.print_exc()
        failed = Verdict(f"{scenario.name} {scenario.about}", ground.broker, seed)
        failed.require(False, f"{type(error).__name__}: {error}")
        return failed


def main() -> int:
    """Exit code 0 if every verdict is ok."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--scenario", default="", help="names with commas; none: all")
    parser.add_argument("--broker", default=",".join(BOTH))
    parser.add_argument("--seeds", default="", help="numbers with commas; none: one at random")
    parser.add_argument("--minutes", type=float, default=None, help="start nothing more after so long")
    parser.add_argument("--small", action="store_true", help="a short form of each")
    parser.add_argument("--table", type=Path, default=None, help="also write the table to this file")
    parser.add_argument("--logs", type=Path, default=None, help="keep the log of each failed scenario in this folder")
    parser.add_argument("--list", action="store_true")
    given = parser.parse_args()
    if given.list:
        for each in SCENARIOS.values():
            print(f"{each.name:<9} {each.about:<40} {', '.join(each.brokers)}")
        return 0
    names = [name for name in given.scenario.split(",") if name] or list(SCENARIOS)
    seeds = [int(seed) for seed in given.seeds.split(",") if seed] or [random.randrange(1_000_000)]
    ends = None if given.minutes is None else time.monotonic() + given.minutes * 60
    for folder in filter(None, (given.logs, given.table and given.table.parent)):  # rather now than after an hour
        folder.mkdir(parents=True, exist_ok=True)
    verdicts: list[Verdict] = []
    print(header(), flush=True)
    for broker in given.broker.split(","):
        with servers(broker) as ground:
            for seed in seeds:
                for scenario in (SCENARIOS[name] for name in names if broker in SCENARIOS[name].brokers):
                    if ends is not None and time.monotonic() > ends:
                        continue
                    verdicts.append(verdict := play(scenario, ground, seed, long=not given.small))
                    print(f"{line(verdict)}  seed {seed} {verdict.notes}", flush=True)
                    if not verdict.ok and given.logs is not None:
                        shutil.copy(ground.folder / "last.log", given.logs / f"{scenario.name}-{broker}-{seed}.log")
    table = "\n".join([header(), *(line(verdict) for verdict in verdicts)])
    print(f"\n{table}")
    if given.table is not None:
        given.table.write_text(table + "\n")
    return 0 if all(verdict.ok for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
