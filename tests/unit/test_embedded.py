"""The private PostgreSQL: nobody but us looks after it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil

from pipeline.daemon.embedded import with_database
from pipeline.settings import Settings
from pipeline.store.database import Database, DatabaseUnavailable
from tests.support.postgres import copy_mold
from tests.support.until import until_blocking


def test_a_private_server_that_was_killed_is_started_again(tmp_path: Path) -> None:
    copy_mold(tmp_path / "postgres")
    with with_database(Settings(data_dir=tmp_path)) as settings:
        postmaster = psutil.Process(int((tmp_path / "postgres" / "postmaster.pid").read_text().split()[0]))
        postmaster.kill()
        psutil.wait_procs([postmaster])
        until_blocking(lambda: asyncio.run(answers(str(settings.database_url))), "the server")


async def answers(url: str) -> bool:
    try:
        await (await Database.open(url)).close()
    except DatabaseUnavailable:
        return False
    return True
