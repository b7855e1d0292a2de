"""The API with two accounts, each with one of everything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.secrets.seal import new_key
from tests.support.api import Served, served
from tests.support.stock import Stock, stock


@dataclass
class World:
    """The API, what is ours, and what is not."""

    api: Served
    ours: Stock
    theirs: Stock


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """Both accounts, stocked."""
    async with served(database_url, tmp_path, secret_key=new_key()) as api:
        yield World(api, await stock(api, api.ours), await stock(api, api.theirs))


@pytest.fixture
async def api(database_url: str, tmp_path: Path) -> AsyncIterator[Served]:
    """Both accounts, with users and keys alone."""
    async with served(database_url, tmp_path, secret_key=new_key()) as made:
        yield made
