"""`leadpipe check` names every part, what is wrong with it and what to do, in words; so does what waits to start."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from yarl import URL

from pipeline.daemon.reach import listener, server_of
from pipeline.store.database import Database
from tests.support.daemon import Leadpipe, installed
from tests.support.ports import free_port
from tests.support.postgres import PrivatePostgres
from tests.support.until import PROCESSES, until_blocking

PARTS = ["settings", "data folder", "stages", "database", "schema", "connectors", "mappings", "warnings", "secrets"]
PARTS += ["arriving", "broker", "queues", "workers"]
PASSWORD = "canary-password"
PYTHON = re.compile(r"Errno|Traceback|\w+Error\b|Exception")


def checked(leadpipe: Leadpipe, **settings: str) -> dict[str, Any]:
    """What check finds, by part; nothing of it is Python's, and no password is in it."""
    changed = {f"LEADPIPE_{name.upper()}": value for name, value in settings.items()}
    other = Leadpipe(leadpipe.folder, {**leadpipe.environment, **changed}, leadpipe.port)
    for arguments in (("check",), ("check", "--json")):
        code, out, err = other._ended(arguments)
        assert not PYTHON.search(out + err) and PASSWORD not in out + err, out + err
    found = orjson.loads(out)
    assert (code == 0) is all(each["ok"] for each in found)
    assert all(each["ok"] or each["remedy"] for each in found)
    return {each["what"]: each for each in found}


@pytest.fixture
def leadpipe(database_url: str, tmp_path: Path) -> Iterator[Leadpipe]:
    with installed(tmp_path, database_url) as one:
        yield one


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[int]:
    """A port where something else listens: it answers so, or, None, says nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(64)
            if answer is None:
                await reader.read()
            else:
                writer.write(answer)
                await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


def test_on_a_fresh_installation_every_part_is_named(leadpipe: Leadpipe) -> None:
    found = checked(leadpipe)
    assert list(found) == PARTS
    assert {what for what, each in found.items() if not each["ok"]} == {"connectors", "workers"}
    assert "leadpipe connector apply" in found["connectors"]["remedy"] and "leadpipe up" in found["workers"]["remedy"]


async def test_a_database_that_is_away_hides_no_other_part(leadpipe: Leadpipe, amqp_url: str) -> None:
    nobody = free_port()
    found = checked(
        leadpipe,
        database_url=f"postgresql://u:{PASSWORD}@127.0.0.1:{nobody}/x",
        broker_url=amqp_url,
        broker_prefix="test-check.",
    )
    assert list(found) == PARTS
    told = found["database"]
    assert told["found"] == f"PostgreSQL at 127.0.0.1:{nobody}: nothing listens there"
    assert told["remedy"] == "start it, or correct LEADPIPE_DATABASE_URL"
    assert {what for what, each in found.items() if each["skipped"]} == {*PARTS[4:10]}
    assert found["broker"]["ok"] and found["queues"]["ok"]


WRONG = [
    ("postgresql://u:{pw}@no-such-host.invalid/x", "the host name 'no-such-host.invalid' is not known"),
    ("postgresql://u:{pw}@127.0.0.1:{http}/x", "an HTTP server listens at 127.0.0.1:{http}, not PostgreSQL"),
    ("postgresql://u:{pw}@127.0.0.1:{amqp}/x", "RabbitMQ listens at 127.0.0.1:{amqp}, not PostgreSQL"),
    ("postgresql://u:{pw}@127.0.0.1:{other}/x", "something other than PostgreSQL listens at 127.0.0.1:{other}"),
    ("postgresql://u:{pw}@127.0.0.1:{quiet}/x", "PostgreSQL at 127.0.0.1:{quiet} does not answer in time"),
    ("postgresql://u:{pw}@127.0.0.1:{nobody},127.0.0.1:{nobody}/x", "nothing listens there"),
]


async def test_a_wrong_database_is_told_in_words(leadpipe: Leadpipe) -> None:
    async with (
        answering(HTTP) as http,
        answering(b"AMQP\0\0\x09\x01") as amqp,
        answering(b"220 mail\r\n") as other,
        answering(None) as quiet,
    ):
        ports = {"http": http, "amqp": amqp, "other": other, "quiet": quiet, "nobody": free_port()}
        for url, words in WRONG:
            wrong = url.format(pw=PASSWORD, **ports)
            found = await asyncio.to_thread(checked, leadpipe, database_url=wrong)
            assert words.format(**ports) in found["database"]["found"], found["database"]
            assert "LEADPIPE_DATABASE_URL" in found["database"]["remedy"]
            assert not found["broker"]["ok"] and list(found) == PARTS  # the database is the broker


@pytest.mark.parametrize("arguments", [("stages",), ("journal", "list"), ("connector", "list"), ("audit",)])
def test_every_command_tells_a_server_that_is_away_in_the_same_words(
    leadpipe: Leadpipe, arguments: tuple[str, ...]
) -> None:
    url = f"postgresql://u:{PASSWORD}@127.0.0.1:{free_port()}/x"
    other = Leadpipe(leadpipe.folder, {**leadpipe.environment, "LEADPIPE_DATABASE_URL": url}, leadpipe.port)
    _, told = other.ran(*arguments, code=1)
    assert "nothing listens there" in told and "LEADPIPE_DATABASE_URL" in told and "leadpipe check" in told
    assert not PYTHON.search(told) and PASSWORD not in told


async def test_a_connector_whose_settings_do_nothing_is_named_and_is_no_failure(leadpipe: Leadpipe) -> None:
    leadpipe.run("migrate")
    file = leadpipe.folder / "idle.toml"
    file.write_text('name = "idle"\npreset = "generic-json"\nprimary_key = "phone"\nsecondary_key = "phone"\n')
    leadpipe.run("connector", "apply", str(file))
    found = (await asyncio.to_thread(checked, leadpipe))["warnings"]
    assert found["ok"] and "idle" in found["found"] and "leadpipe connector show" in found["found"]


async def test_a_wrong_broker_is_told_in_words(leadpipe: Leadpipe, amqp_url: str) -> None:
    good = URL(amqp_url)
    where = f"RabbitMQ at {good.host}:{good.port}"
    nobody = free_port()
    async with answering(HTTP) as http, answering(b"N") as postgres:
        for wrong, words in (
            (f"amqp://u:{PASSWORD}@127.0.0.1:{nobody}/", f"RabbitMQ at 127.0.0.1:{nobody}: nothing listens there"),
            (f"amqp://u:{PASSWORD}@no-such-host.invalid/", "the host name 'no-such-host.invalid' is not known"),
            (f"amqp://u:{PASSWORD}@127.0.0.1:{http}/", f"an HTTP server listens at 127.0.0.1:{http}, not RabbitMQ"),
            (f"amqp://u:{PASSWORD}@127.0.0.1:{postgres}/", f"PostgreSQL listens at 127.0.0.1:{postgres}, not RabbitMQ"),
            (str(good.with_password(PASSWORD)), f"{where} refuses the user 'guest': the user or the password is wrong"),
            (str(good.with_path("/elsewhere")), f"{where} has no virtual host 'elsewhere'"),
            (str(good.with_scheme("amqps")), f"{where} does not speak TLS on this port"),
        ):
            found = await asyncio.to_thread(checked, leadpipe, broker_url=wrong)
            assert words in found["broker"]["found"], (wrong, found["broker"])
            assert found["database"]["ok"] and found["schema"]["ok"] and list(found) == PARTS


async def test_a_database_that_does_not_fit_is_told(leadpipe: Leadpipe, database: Database) -> None:
    await database.execute("INSERT INTO migration (number, name, checksum) VALUES (9999, 'future', 'x')")
    found = await asyncio.to_thread(checked, leadpipe)
    assert "newer version" in found["schema"]["found"] and found["connectors"]["skipped"] and found["broker"]["ok"]
    await database.execute("DROP TABLE migration")
    found = await asyncio.to_thread(checked, leadpipe)
    assert found["schema"]["remedy"] == "run: leadpipe migrate" and "to apply" in found["schema"]["found"]


async def test_a_database_and_a_role_that_are_not_there(
    leadpipe: Leadpipe, database_url: str, postgres: PrivatePostgres
) -> None:
    unknown = re.sub(r"/t[0-9a-f]+\?", "/nowhere?", database_url)
    found = await asyncio.to_thread(checked, leadpipe, database_url=unknown)
    assert "has no database 'nowhere'" in found["database"]["found"]
    stranger = database_url.replace("postgres:@", f"stranger:{PASSWORD}@")
    found = await asyncio.to_thread(checked, leadpipe, database_url=stranger)
    assert "does not know the user 'stranger'" in found["database"]["found"]
    secure = f"{database_url}&sslmode=require"
    assert "found" in (await asyncio.to_thread(checked, leadpipe, database_url=secure))["database"]


def test_settings_and_folders_that_will_not_do_are_told(leadpipe: Leadpipe, tmp_path: Path) -> None:
    for url in ("postgresql://u@127.0.0.1:99999/x", "postgresql://u@127.0.0.1:abc/x", "mysql://u@127.0.0.1/x"):
        found = checked(leadpipe, database_url=url)
        assert list(found) == ["settings"] and "LEADPIPE_DATABASE_URL" in found["settings"]["found"]
    assert "did you mean LEADPIPE_HTTP_PORT?" in checked(leadpipe, http_prot="1")["settings"]["found"]
    taken = tmp_path / "taken"
    taken.write_text("")
    found = checked(leadpipe, data_dir=str(taken / "below"))
    assert f"{taken} is a file, not a folder" in found["data folder"]["found"]
    found = checked(leadpipe, stage_dirs=str(tmp_path / "none"))
    assert not found["stages"]["ok"] and found["database"]["ok"] and found["broker"]["ok"], found


async def test_what_waits_to_start_says_the_same(leadpipe: Leadpipe) -> None:
    async with answering(HTTP) as http:
        nobody = free_port()
        for wrong, words in (
            ({"LEADPIPE_DATABASE_URL": f"postgresql://u:{PASSWORD}@127.0.0.1:{http}/x"}, "an HTTP server listens at"),
            ({"LEADPIPE_BROKER_URL": f"amqp://u:{PASSWORD}@127.0.0.1:{nobody}/"}, f"{nobody}: nothing listens there"),
        ):
            waits = Leadpipe(leadpipe.folder, {**leadpipe.environment, **wrong}, leadpipe.port)
            process = waits.start("work", "map")
            try:
                said = re.compile(rf"waiting to start.*{words}|{words}.*waiting to start")
                await asyncio.to_thread(until_blocking, lambda: said.search(waits.log()), words, PROCESSES)  # noqa: B023
            finally:
                process.kill()
                process.wait()
                (leadpipe.folder / "log").write_text("")
    assert "Errno" not in waits.log() and PASSWORD not in waits.log()


async def test_a_server_is_known_by_what_it_answers(amqp_url: str) -> None:
    async with answering(b"\x15\x03\x01\0\x02\x02\x28") as tls, answering(b"") as silent:
        assert await listener("127.0.0.1", tls) == "TLS"
        assert await listener("127.0.0.1", silent) == "silent"
    given = URL(amqp_url)
    assert await listener(str(given.host), int(given.port or 0)) == "RabbitMQ"
    assert await listener("127.0.0.1", free_port()) is None


def test_a_url_is_shown_by_host_and_port_alone() -> None:
    for url, where in (
        ("postgresql://u:p@w@db.example.com/x", "PostgreSQL at db.example.com:5432"),
        ("postgresql://u:pw@a:1,b/x?sslmode=require", "PostgreSQL at a:1, b:5432"),
        ("postgresql:///x?host=/run/pg", "PostgreSQL in /run/pg"),
        ("amqps://u:pw@[::1]/v", "RabbitMQ at [::1]:5671"),
        ("amqp://mq", "RabbitMQ at mq:5672"),
    ):
        assert server_of(url, "S").shown == where
