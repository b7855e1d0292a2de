"""A trial as a child process. In: events that may kill. Out: their outcomes, or how the child ended.

Both sides speak in blocks: four bytes of length, then JSON. The first block tells the child its settings; every
further one is a batch, answered by one block. The child ends when its standard input does, so it never outlives us.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import orjson

from pipeline.engine.outcome import Outcome, Transient
from pipeline.engine.quarantine import Died, outcome_of
from pipeline.settings import Settings
from schemas.event import Event

LONGEST = 120.0  # seconds for one batch: several times what a stage may wait for the database
IDLE = 30.0  # seconds after which an unused child is ended
GOODBYE = 2.0  # seconds for a child to end by itself


class ProcessTrial:
    """The trial of one stage, in a child process that all stages of this process share."""

    def __init__(self, stage: str, child: TrialChild) -> None:
        self._stage = stage
        self._child = child

    async def run(self, events: Sequence[Event]) -> list[Outcome]:
        """The stage's outcomes. Raises Died, Transient."""
        return await self._child.run(self._stage, events)


class TrialChild:
    """A child process: started when it is needed, ended when it has not been needed for a while. One batch at a time,
    so that its end is the end of that batch and of nobody else's."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turn = asyncio.Lock()
        self._child: asyncio.subprocess.Process | None = None
        self._leaving: asyncio.TimerHandle | None = None

    async def run(self, stage: str, events: Sequence[Event]) -> list[Outcome]:
        """The outcomes of this stage. Raises Died, Transient."""
        async with self._turn:
            return await self._run(stage, events)

    async def _run(self, stage: str, events: Sequence[Event]) -> list[Outcome]:
        if self._leaving is not None:
            self._leaving.cancel()
        child = self._child or await self._start()
        try:
            async with asyncio.timeout(LONGEST):
                answer = await _ask(child, {"stage": stage, "events": events})
        except TimeoutError:
            await self._kill()
            raise Died(f"no answer within {LONGEST:g} s") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            await self._kill()
            raise Died(_how(child.returncode)) from None
        except BaseException:  # given up in the middle of a block: the child cannot be spoken to any more
            await self._kill()
            raise
        self._leaving = asyncio.get_running_loop().call_later(IDLE, self._dismiss)
        if "transient" in answer:
            raise Transient(answer["transient"])
        return [outcome_of(outcome) for outcome in answer["outcomes"]]

    async def close(self) -> None:
        """End the child."""
        if self._leaving is not None:
            self._leaving.cancel()
        await self._kill()

    async def _start(self) -> asyncio.subprocess.Process:
        environment = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
        self._child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "pipeline.daemon.trial_process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            start_new_session=True,  # a signal to our group is ours to answer
        )
        _send(self._child, self._settings.model_dump(mode="json"))
        return self._child

    def _dismiss(self) -> None:
        if (child := self._child) is not None and child.stdin is not None:
            self._child = None
            child.stdin.close()

    async def _kill(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.stdin is not None:
            child.stdin.close()
        try:
            async with asyncio.timeout(GOODBYE):
                await child.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()


def _send(child: asyncio.subprocess.Process, document: Any) -> None:
    if child.stdin is None:
        raise RuntimeError("a trial is started with a pipe")
    body = orjson.dumps(document, option=orjson.OPT_UTC_Z)
    child.stdin.write(len(body).to_bytes(4, "big") + body)


async def _ask(child: asyncio.subprocess.Process, document: Any) -> dict[str, Any]:
    if child.stdin is None or child.stdout is None:
        raise RuntimeError("a trial is started with pipes")
    _send(child, document)
    await child.stdin.drain()
    size = int.from_bytes(await child.stdout.readexactly(4), "big")
    answer: dict[str, Any] = orjson.loads(await child.stdout.readexactly(size))
    return answer


def _how(code: int | None) -> str:
    """An exit code in words."""
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
