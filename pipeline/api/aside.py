"""Calls that take long, in a process of their own. In: what a request said. Out: its answer, within a bounded time.

The API is served by the process that takes events in. What works for long without a pause there, such as the check of a
thousand mapping rows, would make every post wait. So it is done aside: a second process, started by the first such
call, which does one at a time and is ended when one takes longer than it may. It opens the database by itself, and no
broker. It ends with its parent, and after some minutes with nothing to do.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

import structlog

from pipeline.api.conditions import UNCONDITIONAL, Conditions
from pipeline.operations.access import Actor
from pipeline.operations.errors import Busy, Invalid
from pipeline.settings import Settings

log = structlog.get_logger(__name__)

MOST, OF_ONE = 16, 4  # calls that wait or are worked on, in all and of one account
PATIENCE = 20.0  # seconds that a call waits for its turn
HERE = Path(__file__).parents[2]  # where the packages lie, wherever the process was started
ENDING = 2.0  # seconds that the process may take to end


@dataclass(frozen=True, slots=True)
class Job:
    """One call: the route by its name, the variable parts of its path, its query and body as they were sent."""

    route: str
    parts: Mapping[str, Any]
    query: str
    body: bytes | None
    actor: Actor
    settings: Settings
    seconds: float  # that it may take
    conditions: Conditions = UNCONDITIONAL


@dataclass(frozen=True, slots=True)
class Done:
    """What is answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Gone(Exception):
    """The process ended in the middle of a call."""


class Aside:
    """The process, and the queue before it. `run` may be called from any event loop, also from several."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "aside")
        self._waiting: Counter[int] = Counter()
        self._count = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    async def run(self, job: Job) -> Done:
        """Do it. Raises Busy while too much waits, Invalid if it takes longer than it may, Gone."""
        account = job.actor.account
        with self._count:
            if self._waiting.total() >= MOST or self._waiting[account] >= OF_ONE:
                raise Busy("too many long calls are waiting; try again in a moment", retry_after=2)
            self._waiting[account] += 1
        given_up = threading.Event()
        turn = threading.Event()
        work = asyncio.get_running_loop().run_in_executor(self._thread, self._in_turn, job, turn, given_up)
        try:
            await asyncio.wait({work}, timeout=PATIENCE)
            if not work.done() and not turn.is_set():
                given_up.set()
                raise Busy("other long calls are still running; try again in a moment", retry_after=5)
            return await work
        finally:
            with self._count:
                self._waiting[account] -= 1

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                _open(pipe).close()
        try:
            process.wait(ENDING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _in_turn(self, job: Job, turn: threading.Event, given_up: threading.Event) -> Done:
        turn.set()
        if given_up.is_set():
            raise Gone("nobody waits for it any more")
        for _ in range(2):
            process = self._started()
            try:
                send(_open(process.stdin), job)
                answer = receive(_open(process.stdout))
            except (BrokenPipeError, EOFError):
                answer = None
            if isinstance(answer, Done):
                return answer
            code = process.wait()
            self.close()
            if code != 0:  # with 0 it had nothing to do for long, and ended as this came: another one does it
                raise self._trouble(job, code)
        raise Gone("it ended twice before it began")

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            kept = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
            path = os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH"))))
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pipeline.api.apart"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**kept, "PYTHONPATH": path},
            )
        return self._process

    def _trouble(self, job: Job, code: int) -> Exception:
        if code == -signal.SIGALRM:
            log.warning("a call took too long, and was ended", route=job.route, seconds=job.seconds)
            return Invalid(f"it took longer than {job.seconds:g} s and was ended; ask for less at once")
        log.error("the process for long calls ended", route=job.route, code=code)
        return Gone(f"it ended with {code}")


@cache
def shared() -> Aside:
    """The one of this process."""
    made = Aside()
    atexit.register(made.close)
    return made


def send(pipe: IO[bytes], what: Job | Done) -> None:
    """Write it as one frame. Raises BrokenPipeError."""
    content = pickle.dumps(what)
    pipe.write(len(content).to_bytes(8, "big") + content)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Any:
    """Read the next frame. Raises EOFError at the end."""
    size = pipe.read(8)
    if len(size) < 8:
        raise EOFError
    content = pipe.read(int.from_bytes(size, "big"))
    if len(content) < int.from_bytes(size, "big"):
        raise EOFError
    return pickle.loads(content)  # noqa: S301  # from a process of ours alone


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise BrokenPipeError
    return pipe
