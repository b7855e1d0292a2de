"""The journal, looked through: several outcomes, a person however they were sent, times, totals, and as it grows."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
import pytest

from tests.acceptance.conftest import Install, ended
from tests.support.daemon import Leadpipe
from tests.support.until import PROCESSES

HEAD = 'preset = "generic-json"\ndefault_country = "IN"\n'
BUDGET = '[[map]]\nto = "lead.budget"\nfrom = "budget"\n[[fields]]\nname = "budget"\nlabel = "B"\ntype = "number"\n'
MINE = "+919845112233"


@pytest.fixture(scope="module")
def leadpipe(install: Install) -> Leadpipe:
    leadpipe = install("postgresql")
    leadpipe.start("up")
    leadpipe.ready()
    return leadpipe


def apply(leadpipe: Leadpipe, name: str, text: str = "") -> str:
    file = leadpipe.folder / f"{name}.toml"
    file.write_text(f'name = "{name}"\n{HEAD}{text}')
    [row] = leadpipe.json("connector", "apply", str(file))["entries"]
    return str(row["url"])


def ids(leadpipe: Leadpipe, *options: str) -> set[str]:
    return {row["event_id"] for row in leadpipe.json("journal", "list", *options)["items"]}


async def sent(url: str, **document: Any) -> str:
    return str((await ended(url, document))["id"])


async def over_http(leadpipe: Leadpipe, query: str) -> Any:
    key = next(
        word
        for word in leadpipe.run("key", "create", "--user", "list@example.com", "--name", "k").split()
        if word.startswith("lp_")
    )
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{leadpipe.base}/api/v1/journal?{query}"
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
        return answer.status, orjson.loads(await answer.read())


async def test_a_person_is_found_however_they_were_sent(leadpipe: Leadpipe) -> None:
    url = apply(leadpipe, "people", BUDGET)
    forms = ("%2b919845112233", "00919845112233", "098451 12233", "98451-12233", "(+91) 98451 12233", MINE)
    events = {await sent(url, event_id=f"p{n}", phone=form) for n, form in enumerate(forms)}
    failed = await sent(url, event_id="pf", phone="%2B91%2098451%2012233", budget="maybe")
    mail = {await sent(url, event_id=f"m{n}", email=each) for n, each in enumerate(("Asha.Rao@Example.COM",))}
    mail.add(await sent(url, event_id="mf", email="asha.rao%40example.com", budget="maybe"))
    stranger = await sent(url, event_id="s", phone="+919845112234")
    for search in (MINE, "98451 12233", "09845112233", "%2b919845112233", "0091 98451 12233"):
        assert ids(leadpipe, "--search", search) == {*events, failed}, search
        status, found = await over_http(leadpipe, f"search={quote(search, safe='')}")
        assert status == 200 and {row["event_id"] for row in found["items"]} == {*events, failed}, search
    for search in ("asha.rao@example.com", "ASHA.RAO@example.com", "asha.rao%40example.com"):
        assert mail <= ids(leadpipe, "--search", search), search
    assert ids(leadpipe, "--search", "+919845112234") == {stranger}
    for nobody in ("+919845112999", "%00", "100%", "a_b%c", "nobody@example.com"):
        assert ids(leadpipe, "--search", nobody) == set(), nobody


async def test_several_outcomes_times_totals_and_lead_sources(leadpipe: Leadpipe) -> None:
    url = apply(leadpipe, "mixed", BUDGET + '[sync]\nlead = "update"\n')
    dropped = await sent(url, event_id="d", phone="+919845113001")
    failed = await sent(url, event_id="f", phone="+919845113002", budget="maybe")
    other = apply(leadpipe, "fair", 'lead_source = "Trade Fair"\n')
    created = await sent(other, event_id="c", phone="+919845113003")
    for given in (("--outcome", "failed", "--outcome", "dropped"), ("--outcome", "failed,dropped")):
        assert ids(leadpipe, "--connector", "mixed", *given) == {dropped, failed}
    assert ids(leadpipe, "--connector", "mixed", "--outcome", "dropped") == {dropped}
    assert ids(leadpipe, "--connector", "mixed", "--outcome", "created", "--outcome", "failed") == {failed}
    assert ids(leadpipe, "--lead-source", "trade fair") == {created}
    for since in ("today", "7d", "2020-01-01"):
        assert ids(leadpipe, "--connector", "mixed", "--since", since) == {dropped, failed}
    assert ids(leadpipe, "--connector", "mixed", "--until", "yesterday") == set()
    found = leadpipe.json("journal", "list", "--connector", "mixed", "--limit", "1", "--total")
    assert (len(found["items"]), found["total"]) == (1, 2)
    assert "2 in all" in leadpipe.run("journal", "list", "--connector", "mixed", "--limit", "1", "--total")
    assert "total" not in leadpipe.json("journal", "list", "--connector", "mixed")
    for query in ("outcome=failed&outcome=dropped", "outcome=failed,dropped", "outcome=failed%2Cdropped"):
        status, found = await over_http(leadpipe, f"connector=mixed&{query}&total=true&since=today")
        assert status == 200 and {row["event_id"] for row in found["items"]} == {dropped, failed}
        assert found["total"] == 2
    assert (await over_http(leadpipe, "lead_source=Trade%20Fair&limit=1"))[1]["items"][0]["event_id"] == created
    assert (await over_http(leadpipe, "outcome=failed&outcome=lost"))[0] == 422
    assert "'lost' is not an outcome" in leadpipe.run("journal", "list", "--outcome", "failed,lost", code=2)


@asynccontextmanager
async def following(leadpipe: Leadpipe, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    arguments = ("-m", "pipeline.cli.main", "journal", "list", "--follow", *options)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=dict(leadpipe.environment), stdout=pipe, stderr=pipe
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()


async def line(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    return await asyncio.wait_for(process.stdout.readline(), PROCESSES)


async def test_follow_shows_events_as_they_end_over_a_lost_connection_until_ctrl_c(leadpipe: Leadpipe) -> None:
    url = apply(leadpipe, "grows", BUDGET)
    first = await sent(url, event_id="g1", phone="+919845114001")
    async with following(leadpipe, "--connector", "grows", "--json") as process:
        assert orjson.loads(await line(process))["event_id"] == first
        second = await sent(url, event_id="g2", phone="+919845114002", budget="maybe")
        shown = orjson.loads(await line(process))
        assert (shown["event_id"], shown["outcome"]) == (second, "failed")
        await _cut(leadpipe)
        third = await sent(url, event_id="g3", phone="+919845114003")
        assert orjson.loads(await line(process))["event_id"] == third
        leadpipe.run("journal", "retry", second, code=1)
        again = orjson.loads(await line(process))
        assert (again["event_id"], again["replay"]) == (second, 1)
        process.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(process.communicate(), PROCESSES)
    assert process.returncode == 0 and out == b"" and b"Traceback" not in err


async def _cut(leadpipe: Leadpipe) -> None:
    """Every connection to the database is ended, as by its restart."""
    from pipeline.store.database import Database

    database = await Database.open(leadpipe.environment["LEADPIPE_DATABASE_URL"], size=1)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = $1"
    name = await database.fetchval("SELECT current_database()")
    await database.execute(cut, name)
    await database.close()
