"""Installations of Leadpipe for acceptance tests: real processes on a fresh database, over either broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import aiohttp
import pytest

from pipeline.daemon.core import topology_of
from pipeline.settings import load
from tests.support.daemon import Leadpipe, installed, post
from tests.support.postgres import PrivatePostgres
from tests.support.rabbitmq import sweep
from tests.support.until import PROCESSES, until

ALL = ("telephony-calls", "crm-leads", "marketplace", "website")
T = TypeVar("T")
Install = Callable[..., Leadpipe]


@pytest.fixture(scope="module")
def install(
    request: pytest.FixtureRequest, postgres: PrivatePostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Install]:
    """`install(broker, **settings)`: an installation over "postgresql" or "rabbitmq", ended with the module."""
    with ExitStack() as closing:

        def one(broker: str, **settings: str) -> Leadpipe:
            amqp = request.getfixturevalue("amqp_url") if broker == "rabbitmq" else None
            folder = tmp_path_factory.mktemp("installation")
            return closing.enter_context(_installed(postgres, folder, amqp, settings))

        yield one


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end in a loop of its own, also where the caller's loop runs."""
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(asyncio.run, work).result()


async def ended(url: str, document: Any) -> dict[str, Any]:
    """Post one event and wait for its end; of one that was sent before, what became of it so far.

    As producers do, it comes again where the door says "not now": of a URL that it has just heard of it must ask the
    database, which takes its time on a busy machine.
    """
    answer: dict[str, Any] = {}

    async def taken() -> bool:
        status, told = await post(f"{url}?wait=60", document)
        answer.update(told)
        assert status in (200, 503), told
        return status == 200

    await until(taken, "an answer", PROCESSES)
    [result] = answer["results"]
    return dict(result)


async def page(url: str) -> str:
    """What a GET answers."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.text()


@contextmanager
def _installed(
    postgres: PrivatePostgres, folder: Path, amqp: str | None, settings: dict[str, str]
) -> Iterator[Leadpipe]:
    url = run(postgres.create())
    password = settings.pop("password", None)
    shown = url.replace("postgres:@", f"postgres:{password}@") if password else url
    prefix = f"test-{uuid4().hex[:12]}."
    try:
        with installed(folder, shown, amqp, broker_prefix=prefix, **settings) as leadpipe:
            yield leadpipe
    finally:
        if amqp:
            run(sweep(amqp, prefix, topology_of(load(leadpipe.environment))))
        run(postgres.drop(url))
