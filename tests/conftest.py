"""Fixtures that several kinds of tests share: a real PostgreSQL and a real RabbitMQ, both private."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from pipeline.store.database import Database
from tests.support.postgres import PrivatePostgres, private_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[PrivatePostgres]:
    """A private PostgreSQL server for the session."""
    with private_postgres() as server:
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
