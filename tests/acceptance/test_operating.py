"""A day of whoever runs it: what is wrong and what to do, wrong use, looking things up, crashes and restarts."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest
import typer.main

from pipeline import __version__
from pipeline.operations.send import send
from pipeline.store import dead_letters
from pipeline.store.database import Database
from tests.acceptance.conftest import ALL, Install, ended, page
from tests.support.command import here
from tests.support.daemon import Leadpipe, post
from tests.support.ports import free_port
from tests.support.prebuilt import app
from tests.support.traffic import traffic
from tests.support.until import PROCESSES, until, until_blocking

PASSWORD = "canary-password"
NO_PHONE = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{32}\b|\d\.\d+|test-[0-9a-f]{12}\.")
PHONE, EMAIL = "+919822012345", "canary.person@example.com"
EVENT = {"event_id": "w1", "name": "Canary Person", "phone": "098220 12345", "email": EMAIL, "city": "Pune"}


@pytest.fixture(scope="module", params=["postgresql", "rabbitmq"])
def leadpipe(request: pytest.FixtureRequest, install: Install) -> Leadpipe:
    """`leadpipe up`, with every example connector; its database's URL holds a password."""
    leadpipe = install(request.param, password=PASSWORD, processes="2")
    leadpipe.apply(*ALL)
    leadpipe.start("up")
    leadpipe.ready()
    return leadpipe


def elsewhere(leadpipe: Leadpipe, **settings: str) -> Leadpipe:
    """The same installation, seen with other settings."""
    changed = {f"LEADPIPE_{name.upper()}": value for name, value in settings.items()}
    return Leadpipe(leadpipe.folder, {**leadpipe.environment, **changed}, leadpipe.port)


async def test_a_person_is_found_as_people_write_it(leadpipe: Leadpipe) -> None:
    result = await ended(leadpipe.urls["website"], EVENT)
    event, lead = result["id"], result["lead"]

    for query in (PHONE, "098220-12345", "(+91) 98220 12345", "00919822012345", EMAIL.title(), "canary p", lead):
        assert [each["id"] for each in leadpipe.json("lead", "find", query)["items"]] == [lead], query
    assert leadpipe.json("lead", "find", "098220-12346")["items"] == []
    shown = leadpipe.json("lead", "show", lead)
    assert {each["field"]: each["event"] for each in shown["provenance"]}["city"] == event
    row = leadpipe.json("journal", "show", event)
    assert (row["outcome"], row["connector"], row["lead_id"]) == ("created", "website", lead)
    assert [step["stage"] for step in row["stages"]] == ["normalize", "map", "dedupe", "upsert"]
    for look in (("lead", "find", PHONE), ("lead", "show", lead), ("journal", "show", event), ("journal", "list")):
        assert lead in leadpipe.run(*look)


def test_each_stage_is_seen_and_check_says_all_is_well(leadpipe: Leadpipe) -> None:
    names = ["normalize", "map", "dedupe", "upsert", "log", "notify"]
    assert [stage["stage"] for stage in leadpipe.json("stages")["stages"]] == names

    def everybody_works() -> bool:  # the ingress may be ready before them
        return all(stage["consumers"] for stage in leadpipe.json("stages")["stages"])

    until_blocking(everybody_works, "a consumer for every stage")
    findings = leadpipe.json("check")
    assert {finding["what"] for finding in findings} >= {"stages", "database", "schema", "connectors", "broker"}
    assert all(finding["ok"] for finding in findings)
    assert PASSWORD not in leadpipe.run("check")


def test_check_names_what_is_away_and_what_to_do(leadpipe: Leadpipe) -> None:
    nobody = free_port()
    told = elsewhere(leadpipe, database_url=f"postgresql://u:{PASSWORD}@127.0.0.1:{nobody}/x").run("check", code=1)
    assert re.search(r"FAIL +database: .*\n +start it, or correct LEADPIPE_DATABASE_URL", told)
    assert PASSWORD not in told
    told = elsewhere(leadpipe, broker_url=f"amqp://u:{PASSWORD}@127.0.0.1:{nobody}/").run("check", code=1)
    assert re.search(r"FAIL +broker: .*\n +start it, or correct LEADPIPE_BROKER_URL", told)
    assert PASSWORD not in told
    told = elsewhere(leadpipe, broker_prefix=f"{leadpipe.environment['LEADPIPE_BROKER_PREFIX']}idle.").run(
        "check", code=1
    )
    assert "no process works on normalize, map, dedupe, upsert, log, notify" in told
    assert "leadpipe work normalize map" in told


def test_wrong_use_is_said_in_one_line(leadpipe: Leadpipe, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text('name = "x"\npreset = "no-such-preset"\n')
    text = tmp_path / "text.ndjson"
    text.write_text('{"a": 1}\n{"a": \n')
    for arguments, told in (
        (("work", "normalise"), "no stage 'normalise'"),
        (("connector", "apply", str(bad)), "no-such-preset"),
        (("send", str(text), "--connector", "website"), "line 2 is not JSON"),
        (("journal", "list", "--after", "there"), "'there' is not the end of a page"),
    ):
        [line] = leadpipe.run(*arguments, code=2).splitlines()
        assert line.startswith("leadpipe: ") and told in line
    [line] = elsewhere(leadpipe, databse_url="x").run("stages", code=2).splitlines()
    assert "LEADPIPE_DATABSE_URL is not a setting; did you mean LEADPIPE_DATABASE_URL?" in line
    for arguments, told in (
        (("journal", "list", "--outcome", "lost"), "value for --outcome: 'lost' is not an outcome"),
        (("journal", "list", "--since", "soon"), "value for --since: 'soon' is neither a time nor an age"),
        (("refused", "list", "--until", "soon"), "value for --until: 'soon' is neither a time nor an age"),
        (("dead", "list", "--kind", "odd"), "value for --kind: 'odd' is not a kind"),
        (("dead", "list", "--status", "odd", "--json"), '"field":"status"'),
        (("journal", "list", "--since", "yesterdy"), "'yesterdy' is neither a time"),
        (("dead", "replay"), "give one id"),
        (("send", str(tmp_path / "none.json"), "--connector", "website"), "does not exist"),
    ):
        assert told in leadpipe.run(*arguments, code=2)
    for missing in (("connector", "show", "webside"), ("dead", "replay", "--connector", "webside")):
        [line] = leadpipe.run(*missing, code=1).splitlines()
        assert line.startswith("leadpipe: no connector 'webside'")
    [line] = leadpipe.run("journal", "show", "no-such-event", code=1).splitlines()
    assert "no event 'no-such-event'" in line
    [line] = leadpipe.run("up", code=1).splitlines()
    assert "cannot listen on" in line and "LEADPIPE_HTTP_PORT" in line


def test_connectors_are_listed_shown_and_told_apart(leadpipe: Leadpipe) -> None:
    assert {row["name"] for row in leadpipe.json("connector", "list")["items"]} == set(ALL)
    assert leadpipe.json("connector", "show", "website")["preset"] == "generic-json"
    assert "lead.budget" in leadpipe.run("connector", "show", "website")
    assert leadpipe.run("connector", "url", "website").strip() == leadpipe.urls["website"]


async def test_a_frame_that_nobody_can_read_is_listed_shown_and_discarded(leadpipe: Leadpipe) -> None:
    database = await Database.open(leadpipe.environment["LEADPIPE_DATABASE_URL"], size=1)
    await dead_letters.keep(database, "map", [], [b'{"v": 99, "from": "a later version"}'])
    await database.close()

    assert leadpipe.json("dead", "list")["items"] == []  # it belongs to no account
    [letter] = leadpipe.json("dead", "list", "--unreadable")["items"]
    assert (letter["stage"], letter["kind"], letter["account_id"]) == ("map", "unreadable", None)
    id = str(letter["id"])
    assert "a later version" in leadpipe.run("dead", "show", id)
    assert leadpipe.json("dead", "show", id)["unreadable"] == '{"v": 99, "from": "a later version"}'
    assert "could not be read" in leadpipe.run("dead", "replay", id, code=1)
    assert leadpipe.run("dead", "discard", id) == "discarded 1\n"
    assert leadpipe.json("dead", "list", "--unreadable")["items"] == []


async def test_crash_and_restart_under_load_lose_nothing_and_the_log_tells_no_secret(leadpipe: Leadpipe) -> None:
    before_it = leadpipe.audited(0, or_more=True)["balance"]["accepted"]
    # what a careless log would tell
    bad = {"event_id": "canary", "phone": PHONE, "email": EMAIL, "budget": "canary-value"}
    assert (await ended(leadpipe.urls["website"], bad))["outcome"] == "failed"
    await post(f"{leadpipe.base}/in/canary-token", bad)
    await post(leadpipe.urls["website"], f'{{"phone": "{PHONE}", '.encode())

    calls, enough = list[str](), asyncio.Event()

    def until_enough() -> Iterator[dict[str, Any]]:
        """However fast or slow they are sent, there is always one more until the restart is over."""
        for name, event in traffic(seed=3, count=1_000_000, people=1_000):
            if name == "telephony-calls":
                calls.append(event["CallSessionId"])
                yield event
                if enough.is_set():
                    return

    up = leadpipe.processes[0]
    sending = asyncio.create_task(send(leadpipe.urls["telephony-calls"], until_enough(), in_flight=8))

    async def accepted(at_least: int) -> None:
        async def look() -> bool:
            told = await page(f"{leadpipe.base}/metrics")
            found = re.search(r'ingress_events_total\{connector="telephony-calls",result="accepted"\} (\S+)', told)
            return found is not None and float(found[1]) >= at_least

        await until(look, f"{at_least} accepted calls", PROCESSES)

    await accepted(100)
    before = {child.pid for child in psutil.Process(up.pid).children()}
    worker, *_ = [child for child in psutil.Process(up.pid).children() if "upsert" in child.cmdline()]
    worker.kill()
    await until(lambda: restarted(up, before), "the restarted process", PROCESSES)
    await accepted(400)
    assert not sending.done()
    up.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert await asyncio.to_thread(up.wait, timeout=40) == 0
    assert time.monotonic() - began < 30
    leadpipe.processes.remove(up)

    leadpipe.start("up")
    await asyncio.to_thread(leadpipe.ready)
    await accepted(100)
    enough.set()
    assert (await sending).refused == 0
    await asyncio.to_thread(leadpipe.audited, before_it + 1 + len(set(calls)))

    for stage in ("normalize", "map", "dedupe", "upsert", "log", "notify"):
        worked = re.compile(rf'leadpipe_stage_events_total\{{outcome="forward",stage="{stage}"\}} [1-9]')

        async def counted(worked: re.Pattern[str] = worked) -> bool:  # once its batch is settled
            return worked.search(await page(f"{leadpipe.base}/metrics")) is not None

        await until(counted, f"the events of {stage}", PROCESSES)
    assert orjson.loads(await page(f"{leadpipe.base}/readyz"))["ready"] is True

    log = leadpipe.log()
    assert '"restarting"' in log and '"event failed"' in log
    tokens = [url.rsplit("/", 1)[1] for url in leadpipe.urls.values()]
    canaries = (PASSWORD, PHONE, PHONE[3:], EMAIL, "canary-value", "canary-token", *tokens)
    assert [canary for canary in canaries if canary in log] == []
    assert re.findall(r"(?<!\d)(?:91)?9\d{9}(?!\d)", NO_PHONE.sub("", log)) == []
    assert "Traceback" not in log


async def restarted(up: subprocess.Popen[bytes], before: set[int]) -> bool:
    return bool({child.pid for child in psutil.Process(up.pid).children()} - before)


def commands() -> Iterator[list[str]]:
    """Every command and group of them."""

    def walk(command: object, names: list[str]) -> Iterator[list[str]]:
        yield names
        for name, below in getattr(command, "commands", {}).items():
            yield from walk(below, [*names, name])

    yield from walk(typer.main.get_command(app), [])


def test_every_command_says_what_it_does() -> None:
    for names in commands():
        code, told, _ = here([*names, "--help"], {})
        assert code == 0, names
        assert "Usage:" in told and len(told.splitlines()) > 4, names


def test_help_and_version_answer_at_once_without_a_database() -> None:
    def ask(*arguments: str) -> tuple[str, set[str]]:
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "pipeline.cli.main", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout, {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}

    told, imported = ask("--version")
    assert told == f"leadpipe {__version__}\n"
    assert "Commands" in ask("--help")[0]
    assert not imported & {"asyncpg", "aiohttp", "aiormq", "uvloop", "phonenumbers"}  # what makes a start slow
