"""The private PostgreSQL: nobody but us looks after it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from pipeline.daemon.embedded import with_database
from pipeline.settings import Settings
from pipeline.store.database import Database, DatabaseUnavailable
from tests.support.command import command
from tests.support.daemon import Leadpipe, installed
from tests.support.postgres import copy_mold
from tests.support.until import until_blocking


@pytest.fixture
def leadpipe(tmp_path: Path) -> Iterator[Leadpipe]:
    """An installation with a private PostgreSQL; whatever of it still runs ends with the test."""
    data = tmp_path / "data"
    data.mkdir()
    copy_mold(data / "postgres")
    with installed(tmp_path, "") as one:
        kept = {name: value for name, value in one.environment.items() if name != "LEADPIPE_DATABASE_URL"}
        one.environment = kept
        yield one
    if is_there(server := postmaster(data)):
        server.send_signal(signal.SIGQUIT)


def postmaster(data: Path) -> psutil.Process | None:
    """The process that the server's file names, or has named; None where there is none.

    PostgreSQL writes the number of a process that only makes the first tables with a minus before it.
    """
    file = data / "postgres" / "postmaster.pid"
    try:
        named = file.read_text().split()
        return psutil.Process(abs(int(named[0]))) if named else None
    except (FileNotFoundError, psutil.NoSuchProcess):
        return None


def is_there(process: psutil.Process | None) -> bool:
    return process is not None and process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def killed(leadpipe: Leadpipe, *, with_all: bool) -> psutil.Process:
    """`up` dies by SIGKILL, or all of its processes do; returns its server, which runs on."""
    leadpipe.start("up")
    leadpipe.ready()
    up = psutil.Process(leadpipe.processes[0].pid)
    server = postmaster(leadpipe.folder / "data")
    assert server is not None
    for process in [up, *(up.children() if with_all else ())]:
        process.kill()
    leadpipe.processes[0].wait()
    return server


def test_a_private_server_that_was_killed_is_started_again(tmp_path: Path) -> None:
    copy_mold(tmp_path / "postgres")
    with with_database(Settings(data_dir=tmp_path)) as settings:
        server = postmaster(tmp_path)
        assert server is not None
        server.kill()
        psutil.wait_procs([server])
        until_blocking(lambda: asyncio.run(answers(str(settings.database_url))), "the server")


def test_a_private_server_ends_with_its_last_user(tmp_path: Path) -> None:
    copy_mold(tmp_path / "postgres")
    with with_database(Settings(data_dir=tmp_path)) as settings:
        server = postmaster(tmp_path)
        with with_database(Settings(data_dir=tmp_path)), with_database(settings):
            pass
        assert is_there(server) and asyncio.run(answers(str(settings.database_url)))
    assert not is_there(server)


def test_the_next_up_takes_over_the_server_of_one_that_was_killed_and_ends_it(leadpipe: Leadpipe) -> None:
    server = killed(leadpipe, with_all=True)
    assert is_there(server)
    asyncio.run(remember(server_url(leadpipe), "kept"))

    leadpipe.start("up")
    leadpipe.ready()
    assert asyncio.run(remembered(server_url(leadpipe))) == ["kept"]
    assert leadpipe.stop()[-1] == 0
    assert not is_there(server) and postmaster(leadpipe.folder / "data") is None


def test_a_command_that_finds_the_server_of_one_that_was_killed_ends_it(leadpipe: Leadpipe) -> None:
    server = killed(leadpipe, with_all=True)
    assert "default" in command(["account", "list"], leadpipe.environment)[1]
    assert not is_there(server)


def test_the_processes_that_outlive_their_supervisor_end_the_server_once_they_have_drained(leadpipe: Leadpipe) -> None:
    server = killed(leadpipe, with_all=False)
    until_blocking(lambda: not is_there(server), "the end of the server")
    assert leadpipe.log().count('"drained"') >= 1


def test_up_that_is_stopped_while_its_server_starts_for_the_first_time_leaves_nothing_running(
    leadpipe: Leadpipe,
) -> None:
    data = leadpipe.folder / "data"
    shutil.rmtree(data)
    process = leadpipe.start("up")
    until_blocking((data / "postgres.making").exists, "the start of a server")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0, leadpipe.log()
    until_blocking(lambda: not is_there(postmaster(data)), "the end of the server")

    leadpipe.start("up")
    leadpipe.ready()
    assert leadpipe.stop()[-1] == 0


def test_a_file_that_names_another_process_by_now_is_no_server(tmp_path: Path) -> None:
    copy_mold(tmp_path / "postgres")
    pid_file = tmp_path / "postgres" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{tmp_path}\n1700000000\n5432\n{tmp_path}\n\n  1 1\nready   \n")
    with with_database(Settings(data_dir=tmp_path)) as settings:
        assert asyncio.run(answers(str(settings.database_url)))
    assert not pid_file.exists()


def test_a_first_start_that_was_cut_short_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("18\n")
    (tmp_path / "postgres.making").touch()
    with with_database(Settings(data_dir=tmp_path)) as settings:
        assert asyncio.run(answers(str(settings.database_url)))
    assert not (tmp_path / "postgres.making").exists()


async def answers(url: str) -> bool:
    try:
        await (await Database.open(url)).close()
    except DatabaseUnavailable:
        return False
    return True


def server_url(leadpipe: Leadpipe) -> str:
    return f"postgresql://postgres:@/postgres?host={(leadpipe.folder / 'data' / 'postgres')}"


async def remember(url: str, word: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE remembered (word text)")
    await connection.execute("INSERT INTO remembered VALUES ($1)", word)
    await connection.close()


async def remembered(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        return [row["word"] for row in await connection.fetch("SELECT word FROM remembered")]
    finally:
        await connection.close()
