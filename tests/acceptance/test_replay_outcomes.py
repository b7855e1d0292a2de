"""`dead replay`, `journal retry` and their kind wait, and say how many ended how; over a running installation."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.store import dead_letters
from pipeline.store.database import Database
from schemas.event import Failure
from tests.acceptance.conftest import Install, ended, page
from tests.support.daemon import Leadpipe, installed
from tests.support.events import NOON, mapped
from tests.support.until import PROCESSES, until, until_blocking

NUMBERS = count(1)
BUDGET = '[[map]]\nto = "lead.budget"\nfrom = "budget"\n'
HEAD = 'preset = "generic-json"\ndefault_country = "IN"\nreply = { outcome = "full" }\n'
FIELD = '[[fields]]\nname = "budget"\nlabel = "Budget"\ntype = "number"\n'


@pytest.fixture(scope="module", params=["postgresql", "rabbitmq"])
def leadpipe(request: pytest.FixtureRequest, install: Install) -> Leadpipe:
    leadpipe = install(request.param)
    leadpipe.start("up")
    leadpipe.ready()
    return leadpipe


def apply(leadpipe: Leadpipe, name: str, text: str) -> str:
    """Put a connector in force; its webhook URL."""
    file = leadpipe.folder / f"{name}.toml"
    file.write_text(f'name = "{name}"\n{HEAD}{text}')
    [row] = leadpipe.json("connector", "apply", str(file))["entries"]
    return str(row["url"])


async def failed(leadpipe: Leadpipe, name: str, budgets: Sequence[Any]) -> list[str]:
    """Ids of events of a new connector that failed of their budgets, each with a letter that waits."""
    url = apply(leadpipe, name, BUDGET + FIELD)
    ids = []
    for budget in budgets:
        result = await ended(url, {"event_id": f"{name}{next(NUMBERS)}", "phone": fresh(), "budget": budget})
        assert result["outcome"] == "failed", result
        ids.append(result["id"])
    await until(lambda: len(letters(leadpipe, name)) == len(budgets), "the letters", PROCESSES)
    return ids


def fresh() -> str:
    return f"+9198451{next(NUMBERS):05d}"


def letters(leadpipe: Leadpipe, name: str) -> list[dict[str, Any]]:
    return list(leadpipe.json("dead", "list", "--connector", name)["items"])


def mended(leadpipe: Leadpipe, name: str) -> None:
    """The mapping is corrected; what is sent through again names the revision, so that every worker asks for it."""
    apply(leadpipe, name, "")


async def test_a_replay_says_how_many_were_created_and_updated(leadpipe: Leadpipe) -> None:
    await failed(leadpipe, "mend", ["a", "b", "c"])
    mended(leadpipe, "mend")
    assert leadpipe.run("dead", "replay", "--connector", "mend") == "replayed 3: 3 created\n"
    assert letters(leadpipe, "mend") == []


async def test_a_replay_says_what_failed_again_and_why_and_ends_with_1(leadpipe: Leadpipe) -> None:
    ids = await failed(leadpipe, "again", ["x", "y"])
    told = leadpipe.run("dead", "replay", "--connector", "again", code=1)
    assert told.startswith("replayed 2: 2 failed again\n")
    [line] = told.splitlines()[1:]
    assert re.match(r"  2 failed in map: lead\.budget: a number field takes .* \(leadpipe journal show \S+\)$", line)
    assert any(id in line for id in ids)
    code, out, _ = leadpipe._ended(("dead", "replay", "--connector", "again", "--json"))
    found = orjson.loads(out)
    assert (code, found["letters"], found["failed"], found["created"], found["pending"]) == (1, 2, 2, 0, 0)
    assert [(each["events"], each["field"]) for each in found["failures"]] == [(2, "lead.budget")]


async def test_a_retry_waits_for_each_event_and_names_those_that_cannot_be_sent(leadpipe: Leadpipe) -> None:
    ids = await failed(leadpipe, "retry", ["x", "y"])
    told = leadpipe.run("journal", "retry", ids[0], code=1)
    assert told.startswith("sent again 1: 1 failed again\n") and "lead.budget" in told
    mended(leadpipe, "retry")
    assert leadpipe.run("journal", "retry", *ids) == "sent again 2: 2 created\n"
    told = leadpipe.run("journal", "retry", ids[0], code=1)
    assert "was created; only events that failed" in told


async def test_one_letter_an_edit_and_json_tell_the_outcome(leadpipe: Leadpipe, tmp_path: Path) -> None:
    await failed(leadpipe, "one", ["x", "y"])
    first, second = (str(letter["id"]) for letter in letters(leadpipe, "one"))
    file = tmp_path / "corrected.json"
    file.write_text(orjson.dumps({"event_id": "corrected", "phone": fresh(), "budget": 7}).decode())
    assert leadpipe.run("dead", "edit", first, str(file)) == f"sent {first} again, as edited: 1 created\n"
    mended(leadpipe, "one")
    found = leadpipe.json("dead", "replay", second)
    assert (found["letters"], found["created"], found["failures"]) == (1, 1, [])


async def test_without_waiting_the_command_ends_once_the_events_are_sent(leadpipe: Leadpipe) -> None:
    ids = await failed(leadpipe, "later", ["x"])
    assert leadpipe.run("dead", "replay", "--connector", "later", "--no-wait") == "replayed 1\n"
    await until(lambda: leadpipe.json("journal", "show", ids[0])["replay"] == 1, "its second run", PROCESSES)
    await until(lambda: letters(leadpipe, "later"), "its second letter", PROCESSES)
    assert leadpipe.json("dead", "replay", "--connector", "later", "--no-wait") == {"letters": 1}


async def test_the_metrics_count_the_dead_letters_that_stages_shows(leadpipe: Leadpipe) -> None:
    await failed(leadpipe, "counted", ["x", "y", "z"])

    async def same() -> bool:
        shown = {each["stage"]: each["dead"] for each in leadpipe.json("stages")["stages"]}
        text = await page(f"{leadpipe.base}/metrics")
        told = dict(re.findall(r'leadpipe_dead_letters\{stage="(\w+)"\} (\d+)\.0', text))
        return {stage: int(value) for stage, value in told.items()} == shown and shown["map"] >= 3

    await until(same, "the same number", PROCESSES)


async def test_a_refusal_in_the_vendor_s_shape_is_listed_with_what_was_sent(leadpipe: Leadpipe) -> None:
    file = leadpipe.folder / "crm.toml"
    file.write_text('name = "crm"\npreset = "leadsquared-lead"\ndefault_country = "IN"\n')
    [row] = leadpipe.json("connector", "apply", str(file))["entries"]
    await _post(row["url"], b"{")
    found = until_blocking(lambda: leadpipe.json("refused", "list", "--connector", "crm")["items"], "it in the list")
    assert [(each["status"], each["answered"]) for each in found] == [(400, 200)]
    assert re.search(r"answered +200", leadpipe.run("refused", "show", str(found[0]["id"])))


async def _post(url: str, body: bytes) -> None:
    import aiohttp

    async def taken() -> bool:
        async with aiohttp.ClientSession() as session, session.post(url, data=body) as answer:
            return (await answer.json(content_type=None)).get("Status") == "Error"

    await until(taken, "the refusal", PROCESSES)


async def test_where_nobody_works_it_is_said_and_waiting_ends(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    await _dead(database, 3)
    with installed(tmp_path, database_url) as leadpipe:
        told = leadpipe.run("dead", "replay", "--all", "--timeout", "0", code=1)
        assert told.startswith("replayed 3: 3 still under way\n")
        await _dead(database, 1)
        told = leadpipe.run("dead", "replay", "--all", code=1)
        assert told.startswith("replayed 1: 1 still under way\n") and "no process works on normalize" in told


async def test_ctrl_c_while_waiting_says_that_the_replay_goes_on(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    await _dead(database, 1_500)
    with installed(tmp_path, database_url) as leadpipe:
        arguments = [sys.executable, "-m", "pipeline.cli.main", "dead", "replay", "--all", "--timeout", "300"]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*arguments, env=dict(leadpipe.environment), stderr=pipe)
        try:
            waits = "SELECT count(*) = 1500 FROM dead_letter WHERE status = 'replayed'"
            await until(lambda: database.fetchval(waits), "all to be sent", PROCESSES)
            process.send_signal(signal.SIGINT)
            _, told = await asyncio.wait_for(process.communicate(), PROCESSES)
        finally:
            if process.returncode is None:
                process.kill()
    err = told.decode()
    assert process.returncode == 130 and "Traceback" not in err
    assert "1,500 were sent, and go on without this command" in err and "leadpipe dead groups --since 20" in err


async def test_thousands_are_counted_by_their_causes(database: Database, database_url: str, tmp_path: Path) -> None:
    await _dead(database, 1_500)
    with installed(tmp_path, database_url) as leadpipe:
        leadpipe.start("up")
        leadpipe.ready()
        code, out, _ = leadpipe._ended(("dead", "replay", "--all", "--json"))
    found = orjson.loads(out)
    assert (code, found["letters"], found["failed"], found["pending"]) == (1, 1_500, 1_500, 0)
    assert sum(each["events"] for each in found["failures"]) == 1_500 and len(found["failures"]) == 1


async def _dead(database: Database, count: int) -> None:
    """Letters of events whose connector nobody knows."""
    failure = Failure("map", "rejected", "no", 1, NOON, field="lead.score", value="x", rule="a number")
    events = [mapped({"phone": "+919611795983"}, failure=failure) for _ in range(count)]
    await dead_letters.keep(database, "map", events, [])
