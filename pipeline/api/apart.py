"""`python -m pipeline.api.apart`: the process in which calls that take long are done. In: jobs. Out: what to answer.

Its standard input and output are its parent's; whatever else is printed goes to standard error. A job that takes longer
than it may is ended with the process, by a signal that nothing in Python has to notice.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

from pipeline.api.aside import Done, Job, receive, send
from pipeline.api.call import Call
from pipeline.api.perform import answer_to, performed
from pipeline.api.route import Route, Table
from pipeline.api.routes import table
from pipeline.daemon.core import Core, topology_of
from pipeline.daemon.logs import configure
from pipeline.engine.transport import Message
from pipeline.settings import Settings
from pipeline.store.catalog import Catalog
from pipeline.store.database import Database
from pipeline.transport.memory import MemoryTransport

IDLE = 600.0  # seconds with nothing to do, after which it ends
POOL = 3  # connections
PATIENCE = 10.0  # seconds that a call waits for the database
NICE = 5  # events go first


class Nowhere(MemoryTransport):
    """Takes nothing: a route that is done apart publishes nothing."""

    async def publish(self, messages: Sequence[Message]) -> None:
        raise AssertionError("what is done apart has no broker to publish to")


class Worker:
    """Does jobs; the database stays open for as long as the settings are the same."""

    def __init__(self, routes: Table) -> None:
        self._routes: dict[str, Route] = {route.name: route for route in routes}
        self._settings: Settings | None = None
        self._core: Core | None = None

    async def do(self, job: Job) -> Done:
        """What is answered; an error is an answer, too."""
        route = self._routes[job.route]
        try:
            core = await self._opened(job.settings)
            call = Call(job.actor, core, core.database, job.conditions)
            response = await performed(route, dict(job.parts), job.query, job.body, call)
        except Exception as error:
            response = answer_to(error)
        body = response.body if isinstance(response.body, bytes) else b""
        return Done(response.status, dict(response.headers), body)

    async def close(self) -> None:
        """Give the connections back."""
        core, self._core = self._core, None
        if core is not None:
            await core.database.close()

    async def _opened(self, settings: Settings) -> Core:
        if self._core is None or settings != self._settings:
            await self.close()
            database = await Database.open(str(settings.database_url), size=POOL, timeout=PATIENCE, ask=False)
            self._core = Core(settings, database, Catalog(database), topology_of(settings), Nowhere())
            self._settings = settings
        return self._core


async def work(jobs: IO[bytes], answers: IO[bytes]) -> None:
    """Do what comes, one after another, until nothing comes any more."""
    worker = Worker(table())
    try:
        while True:
            job: Job = await asyncio.wait_for(asyncio.to_thread(receive, jobs), IDLE)
            signal.setitimer(signal.ITIMER_REAL, job.seconds)
            done = await worker.do(job)
            signal.setitimer(signal.ITIMER_REAL, 0)
            await asyncio.to_thread(send, answers, done)
    finally:
        await worker.close()


def main() -> None:
    """Take jobs from standard input, and answer on standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends when its parent does
    os.nice(NICE)
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    configure("info", "api")
    with suppress(EOFError, BrokenPipeError, TimeoutError):
        asyncio.run(work(jobs, answers))
    os._exit(0)  # a thread may still wait for a job


if __name__ == "__main__":
    main()
