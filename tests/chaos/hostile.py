"""`python -m tests.chaos.hostile`: every hostile input at a real ingress process, as one table.

For each attack: its answers, how long it took, the slowest answer that another client got meanwhile, and the memory
of the process at its largest. At the end: how the ingress answers, and whether its memory is back. Exit code 1 if an
answer was wrong, the other client was refused, or the memory stayed. PostgreSQL is the broker: nothing else is needed.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from tests.support.daemon import installed
from tests.support.hostile import Outcome, Target, attacks, exchange, play, post
from tests.support.postgres import private_postgres
from tests.support.until import until

EVERY = 0.02  # seconds between two requests of the other client
GOOD = 200  # requests at the end
BACK = 64  # MiB that the process may have grown by at the end
MOST = 1_024  # MiB that it may take at any time


class Seen(NamedTuple):
    """What the other client and the process went through during an attack."""

    answers: Counter[str]
    worst: float  # seconds
    memory: int  # MiB, at the largest


class Watch:
    """Another client of the same ingress, and the memory of its process."""

    def __init__(self, target: Target, pid: int) -> None:
        self._target = target
        self._process = Path(f"/proc/{pid}")
        self._answers: Counter[str] = Counter()
        self._worst = 0.0

    def memory(self, field: str = "VmRSS") -> int:
        """MiB now; `VmHWM`: at the largest since `since`."""
        lines = (self._process / "status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(f"{field}:")).split()[1]) // 1024

    async def run(self) -> None:
        """Post a good event every so often until cancelled."""
        while True:
            began = time.perf_counter()
            answer = await exchange(self._target, [post(self._target, b'{"name": "Asha"}')])
            self._answers[answer] += 1
            self._worst = max(self._worst, time.perf_counter() - began)
            await asyncio.sleep(EVERY)

    async def answered(self, more: int) -> None:
        """Wait until so many more have been answered."""
        enough = self._answers.total() + more
        await until(lambda: self._answers.total() >= enough, f"{more} answers more", 60)

    def since(self) -> Seen:
        """What was seen since the last time."""
        seen = Seen(self._answers, self._worst, self.memory("VmHWM"))
        self._answers, self._worst = Counter(), 0.0
        (self._process / "clear_refs").write_text("5")  # VmHWM starts anew: proc(5)
        return seen


def main() -> int:
    """Exit code 0 if all is well."""
    with (
        tempfile.TemporaryDirectory() as folder,
        private_postgres() as server,
        installed(Path(folder), asyncio.run(server.create())) as leadpipe,
    ):
        url = leadpipe.apply("website")["website"]
        process = leadpipe.start("ingress")
        leadpipe.ready()
        target = Target(leadpipe.port, url.rsplit("/", 1)[1], 15.0, 10.0)
        good = asyncio.run(judge(target, process.pid))
        leadpipe.stop()
    return 0 if good else 1


async def judge(target: Target, pid: int) -> bool:
    """Play all of it, print it; whether all is well."""
    watch = Watch(target, pid)
    _, _, _ = await answers(target)
    before = watch.memory()
    watching = asyncio.create_task(watch.run())
    print(f"{'':4}{'attack':44}{'answers':>20}{'took s':>9}{'others, worst ms':>18}{'memory MiB':>12}")
    good = True
    with ProcessPoolExecutor(1, get_context("spawn")) as attacker:  # so that it does not hold up the other client
        await asyncio.get_running_loop().run_in_executor(attacker, apart, 0, target)
        for number, attack in enumerate(attacks()):
            watch.since()
            outcome = Outcome(
                attack, *await asyncio.get_running_loop().run_in_executor(attacker, apart, number, target)
            )
            await watch.answered(3)
            good &= show(outcome, watch.since())
    watching.cancel()
    await asyncio.wait({watching})
    statuses, p50, p99 = await answers(target)
    after = watch.memory()
    print(f"\nafterwards: {dict(statuses)}, p50 {p50:.1f} ms, p99 {p99:.1f} ms; memory {before} MiB → {after} MiB")
    return good and set(statuses) == {"202"} and after - before <= BACK


def apart(number: int, target: Target) -> tuple[Counter[str], float]:
    """Play one attack, in a process of its own."""
    outcome = asyncio.run(play(attacks()[number], target))
    return outcome.answers, outcome.seconds


def show(outcome: Outcome, seen: Seen) -> bool:
    """One line of the table; whether it is as it should be."""
    others = set(seen.answers) <= {"202"}
    good = outcome.is_right and others and seen.memory <= MOST
    told = ", ".join(f"{answer} ×{number}" if number > 1 else answer for answer, number in outcome.answers.items())
    print(
        f"{outcome.attack.item:4}{outcome.attack.name:44}{told:>20}{outcome.seconds:9.2f}{seen.worst * 1000:18.0f}"
        f"{seen.memory:12}{'' if good else '  WRONG'}{'' if others else f' others: {dict(seen.answers)}'}",
        flush=True,
    )
    return good


async def answers(target: Target) -> tuple[Counter[str], float, float]:
    """Good requests, one after the other: their answers, and p50 and p99 in milliseconds."""
    statuses: Counter[str] = Counter()
    took = []
    for _ in range(GOOD):
        began = time.perf_counter()
        statuses[await exchange(target, [post(target, b'{"name": "Asha"}')])] += 1
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    return statuses, took[GOOD // 2], took[GOOD * 99 // 100]


if __name__ == "__main__":
    sys.exit(main())
