"""What an operator changes under a running program: no event is to blame for it, and none may suffer for it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from pipeline.daemon.core import opened
from pipeline.daemon.housekeeping import keep_house
from pipeline.settings import Settings
from pipeline.store.database import Connection, Database, DatabaseUnavailable
from pipeline.store.migrate import shipped
from tests.support.until import until


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """What has been logged since, wherever this process logs to by now."""
    return "".join(capsys.readouterr())


@pytest.fixture
async def role(database: Database, database_url: str) -> str:
    """The URL for an ordinary role, which owns nothing and may read and write every table."""
    name = f"role_{urlsplit(database_url).path[1:]}"
    await database.execute(f"CREATE ROLE {name} LOGIN")
    await database.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}")
    return database_url.replace("//postgres", f"//{name}", 1)


async def test_a_role_that_may_not_log_in_is_waited_for(database: Database, role: str) -> None:
    """As with a password that was changed: class 28 of PostgreSQL's errors."""
    name = urlsplit(role).username
    locked = await Database.open(role, ask=False)
    await database.execute(f"ALTER ROLE {name} NOLOGIN")
    with pytest.raises(DatabaseUnavailable, match="not permitted to log in"):
        await locked.fetchval("SELECT 1")
    await database.execute(f"ALTER ROLE {name} LOGIN")
    assert await locked.fetchval("SELECT 1") == 1
    await locked.close()


async def test_a_right_that_was_withdrawn_is_waited_for(database: Database, role: str) -> None:
    name = urlsplit(role).username
    limited = await Database.open(role)
    await database.execute(f"REVOKE ALL ON lead FROM {name}")
    with pytest.raises(DatabaseUnavailable, match="permission denied for table lead"):
        await limited.fetchval("SELECT count(*) FROM lead")
    await database.execute(f"GRANT ALL ON lead TO {name}")
    assert await limited.fetchval("SELECT count(*) FROM lead") == 0
    await limited.close()


async def test_a_database_that_does_not_exist_yet_is_waited_for(database_url: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="does not exist"):
        await Database.open(urlunsplit(urlsplit(database_url)._replace(path="/to_come")))


async def test_a_table_changed_between_two_transactions_costs_the_second_nothing(database: Database) -> None:
    """A statement is planned once on each connection, and the plan no longer fits."""

    async def read(connection: Connection) -> list[asyncpg.Record]:
        return await connection.fetch("SELECT * FROM account")

    before = await database.transaction(read)
    await database.execute("ALTER TABLE account ADD COLUMN later text")
    after = await database.transaction(read)
    assert [*before[0].keys(), "later"] == [*after[0].keys()]


async def test_a_process_waits_for_the_migrations_that_it_needs(
    database: Database, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Started before `leadpipe migrate`, it works once that is done; those of the next version are no matter to it."""
    last = shipped()[-1]
    row = await database.fetchrow("DELETE FROM migration WHERE number = $1 RETURNING name, checksum", last.number)
    assert row is not None
    begun = asyncio.Event()

    async def work() -> None:
        async with opened(Settings(database_url=database_url, data_dir=tmp_path)):
            begun.set()

    working = asyncio.create_task(work())
    await until(lambda: "lacks 1 migration(s); run `leadpipe migrate`" in said(capsys), "a word of it")
    assert not begun.is_set()
    await database.execute("INSERT INTO migration VALUES ($1, $2, $3)", last.number, *row)
    await database.execute("INSERT INTO migration (number, name, checksum) VALUES (9999, 'future', 'x')")
    await working
    assert begun.is_set()


async def test_housekeeping_that_may_not_make_tables_says_so_and_ends_nothing(
    role: str, capsys: pytest.CaptureFixture[str]
) -> None:
    database = await Database.open(role)
    keeping = asyncio.create_task(keep_house(database, Settings()))
    await until(lambda: "permission denied for schema public" in said(capsys), "a word of it")
    assert not keeping.done()
    keeping.cancel()
    await asyncio.wait({keeping})
    await database.close()


async def test_housekeeping_that_meets_a_bug_ends_nothing(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await database.execute("DROP TABLE receipt_segment")
    keeping = asyncio.create_task(keep_house(database, Settings()))
    await until(lambda: 'relation "receipt_segment" does not exist' in said(capsys), "a word of it")
    assert not keeping.done()
    keeping.cancel()
    await asyncio.wait({keeping})
