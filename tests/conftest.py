"""Fixtures that several kinds of tests share: a real PostgreSQL and a real RabbitMQ, both private."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

import hypothesis
import pytest

from pipeline.store.database import Database
from tests.support.postgres import MOLD, PrivatePostgres, private_postgres
from tests.support.rabbitmq import PrivateRabbitMQ, private_rabbitmq

HERE = Path(__file__).parent
TEST = 120.0  # seconds, more than one of those that ask for `same_day` takes
OURS = ("LEADPIPE_", "PG", "RABBITMQ_", "ERL_", "PROMETHEUS_")  # what the caller's own installations are told by
KEPT = "LEADPIPE_TEST_AMQP_URL"
TERMINAL = ("COLUMNS", "LINES", "FORCE_COLOR", "PY_COLORS", "CLICOLOR_FORCE", "NO_COLOR", "GITHUB_ACTIONS")
HOMES = ("XDG_STATE_HOME", "XDG_DATA_HOME")
LONGEST_FIRST = ("chaos", "acceptance", "contract", "api", "stages", "presets", "unit")  # folders


def pytest_configure(config: pytest.Config) -> None:
    """The same surroundings everywhere, and a folder for the cluster that every private server is copied from."""
    for name in os.environ.keys() - {KEPT}:
        if name.startswith(OURS) or name in TERMINAL:
            del os.environ[name]
    # Tests start hundreds of processes: each would compile the whole program anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"  # where all that is tried listens
    _steady_examples(config)
    if "PYTEST_XDIST_WORKER" not in os.environ:  # those inherit it
        for variable in HOMES:  # no test finds the installations of whoever runs it
            os.environ[variable] = home = tempfile.mkdtemp(prefix="leadpipe-home-")
            config.add_cleanup(partial(shutil.rmtree, home, ignore_errors=True))
        mold = tempfile.mkdtemp(prefix="leadpipe-mold-")
        os.environ[MOLD] = mold
        config.add_cleanup(lambda: shutil.rmtree(mold, ignore_errors=True))


def _steady_examples(config: pytest.Config) -> None:
    """Without `--hypothesis-seed` every run of the same code tries the same examples, here as on any other machine.

    So whoever has seen the suite pass has seen what the next run will try. New examples are looked for on purpose:
    `--hypothesis-seed=$RANDOM`.
    """
    given = config.getoption("--hypothesis-seed", None)
    hypothesis.settings.register_profile(
        "suite",
        deadline=None,  # how long an example takes says how busy the machine is, and nothing of what is tried
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
        derandomize=given is None,
    )
    hypothesis.settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that no process is left with it at the end while the other has nothing."""
    items.sort(key=lambda item: LONGEST_FIRST.index(item.path.relative_to(HERE).parts[0]))


@pytest.fixture
def same_day() -> None:
    """Where midnight is near, wait until it is over: what is stored now and looked at a minute later is of one day."""
    now = datetime.now(UTC)
    midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC)
    if (left := (midnight - now).total_seconds()) < TEST:
        time.sleep(left + 1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PrivatePostgres]:
    """A private PostgreSQL server for the session."""
    with private_postgres(hasty=True) as server:
        yield server


@pytest.fixture
async def database_url(postgres: PrivatePostgres) -> AsyncIterator[str]:
    """The URL of a fresh database with the shipped schema."""
    url = await postgres.create()
    yield url
    await postgres.drop(url)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A pool on a fresh database."""
    pool = await Database.open(database_url)
    yield pool
    await pool.close()


@pytest.fixture(scope="session")
def rabbitmq_node() -> Iterator[PrivateRabbitMQ]:
    """A private RabbitMQ node for the session; a test that breaks it mends it."""
    with private_rabbitmq() as node:
        yield node


@pytest.fixture(scope="session")
def amqp_url(request: pytest.FixtureRequest) -> str:
    """The URL of a broker: `LEADPIPE_TEST_AMQP_URL` where it is set, else the private node's."""
    if given := os.environ.get("LEADPIPE_TEST_AMQP_URL"):
        return given
    node: PrivateRabbitMQ = request.getfixturevalue("rabbitmq_node")
    return node.url


@pytest.fixture
def prefix() -> str:
    """Put before the names of this test's queues and exchanges; `sweep` deletes them."""
    return f"test-{uuid4().hex[:12]}."
