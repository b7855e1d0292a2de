"""Refused requests from the door to the journal: kept, looked at, and sent in once the cause is mended, by command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.acceptance.conftest import Install
from tests.support.daemon import Leadpipe
from tests.support.until import PROCESSES, until

FORM = "application/x-www-form-urlencoded"
SECRET = "canary-hush-hush"
CONNECTOR = """
name = "{name}"
preset = "generic-json"
reply.outcome = "full"
default_country = "IN"
time_zone = "Asia/Kolkata"
"""


@pytest.fixture(scope="module", params=["postgresql", "rabbitmq"])
def leadpipe(request: pytest.FixtureRequest, install: Install) -> Leadpipe:
    leadpipe = install(request.param)
    leadpipe.start("up")
    leadpipe.ready()
    return leadpipe


def applied(leadpipe: Leadpipe, folder: Path, name: str, more: str = "") -> str:
    """Put a connector in force; returns its URL."""
    (folder / f"{name}.toml").write_text(CONNECTOR.format(name=name) + more)
    [row] = leadpipe.json("connector", "apply", str(folder / f"{name}.toml"))["entries"]
    return str(row["url"])


async def turned_away(url: str, status: int, body: bytes, content_type: str = "application/json") -> None:
    """Post until it is refused so: a door hears of a connector, or of a change to it, a moment later."""

    async def refused() -> bool:
        headers = {"Content-Type": content_type, "Authorization": f"Bearer {SECRET}"}
        async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
            return answer.status == status

    await until(refused, f"a {status}", PROCESSES)


async def kept(leadpipe: Leadpipe, connector: str, count: int = 1) -> list[Any]:
    """The refused requests of a connector, once there are so many."""

    async def look() -> list[Any] | None:
        rows: list[Any] = leadpipe.json("refused", "list", "--connector", connector)["items"]
        return rows if len(rows) >= count else None

    return await until(look, f"{count} refused requests", PROCESSES)


async def outcome(leadpipe: Leadpipe, event: str) -> str:
    async def look() -> str | None:
        rows = leadpipe.json("journal", "list", "--search", event)["items"]
        return str(rows[0]["outcome"]) if rows else None

    return await until(look, f"the journal row of {event}", PROCESSES)


async def test_what_came_while_a_connector_was_disabled_is_sent_in_when_it_is_not(
    leadpipe: Leadpipe, tmp_path: Path
) -> None:
    url = applied(leadpipe, tmp_path, "shut", "enabled = false\n")
    for number in (1, 2):
        await turned_away(url, 403, b'{"name": "Asha %d", "phone": "984519000%d"}' % (number, number))
    await turned_away(url, 403, b"name=Jos%E9&phone=9845190003", FORM)
    rows = await kept(leadpipe, "shut", 3)
    assert {(row["status"], row["title"], row["sent_at"]) for row in rows} == {(403, "Connector disabled", None)}
    assert "Connector disabled" in leadpipe.run("refused", "list", "--connector", "shut", "--unsent")

    told = leadpipe.run("refused", "send", "--connector", "shut", code=1)
    assert "sent 0 requests with 0 events" in told and "Connector disabled" in told
    leadpipe.run("connector", "enable", "shut")
    sent = leadpipe.json("refused", "send", "--connector", "shut", "--until", "2100-01-01")
    assert (sent["requests"], sent["events"], sent["left"]) == (3, 3, 0)
    events = [event for row in await kept(leadpipe, "shut", 3) for event in row["events"]]
    assert [await outcome(leadpipe, event) for event in events] == ["created"] * 3
    [lead] = leadpipe.json("lead", "find", "9845190003")["items"]
    assert "José" in leadpipe.run("lead", "show", lead["id"])

    again = leadpipe.run("refused", "send", str(rows[0]["id"]))
    assert again == "sent 1 requests with 1 events\n"
    assert leadpipe.json("refused", "send", "--connector", "shut")["requests"] == 0
    leadpipe.audited(len(events), or_more=True)


async def test_a_form_field_that_was_set_wrongly_is_mended(leadpipe: Leadpipe, tmp_path: Path) -> None:
    url = applied(leadpipe, tmp_path, "form", 'form_field = "name"\n')
    await turned_away(url, 400, b"name=Ravi&phone=9845190010", FORM)
    [row, *_] = await kept(leadpipe, "form")
    assert (row["status"], row["where"]) == (400, {"field": "name"})
    assert leadpipe.json("refused", "show", str(row["id"]))["body"] == "name=Ravi&phone=9845190010"
    assert "would be refused again with 400" in leadpipe.run("refused", "send", str(row["id"]), code=1)
    applied(leadpipe, tmp_path, "form")
    leadpipe.run("refused", "send", str(row["id"]))
    shown = leadpipe.json("refused", "show", str(row["id"]))
    assert shown["sent_at"] is not None and shown["sent_by"]
    assert [await outcome(leadpipe, event) for event in shown["events"]] == ["created"]


async def test_no_secret_is_kept_shown_or_logged(leadpipe: Leadpipe, tmp_path: Path) -> None:
    url = applied(leadpipe, tmp_path, "leaky")
    await turned_away(f"{url}?api_key={SECRET}", 400, b'{"api_key": "%b", "name": "Asha"' % SECRET.encode())
    await turned_away(url, 415, b"<lead><password>%b</password></lead>" % SECRET.encode(), "text/xml")
    rows = await kept(leadpipe, "leaky", 2)
    whole = [leadpipe.run("refused", "show", str(row["id"])) for row in rows]
    assert "[redacted]" in whole[0] and "[redacted]" in whole[1] and "yes" in whole[0]
    for told in (*whole, repr(rows), leadpipe.log()):
        assert SECRET not in told


async def test_strangers_are_kept_apart_and_sent_only_by_somebody_who_says_so(
    leadpipe: Leadpipe, tmp_path: Path
) -> None:
    url = applied(leadpipe, tmp_path, "guarded", '[auth]\naddresses = ["203.0.113.0/24"]\n')
    await turned_away(url, 403, b'{"name": "Eve", "phone": "9845190020"}')
    [row, *_] = await kept(leadpipe, "guarded")
    assert (row["title"], row["proven"]) == ("Address not allowed", False)
    assert "did not prove who they are" in leadpipe.run("refused", "show", str(row["id"]))
    out, err = leadpipe.ran("refused", "send", "--connector", "guarded")
    assert out == "sent 0 requests with 0 events\n" and "left out" in err and "--unproven" in err
    sent = leadpipe.json("refused", "send", "--connector", "guarded", "--unproven")
    assert (sent["left"], sent["unproven"]) == (0, 0) and sent["requests"] >= 1
    shown = leadpipe.json("refused", "show", str(row["id"]))
    assert [await outcome(leadpipe, event) for event in shown["events"]] == ["created"]


def test_wrong_use_is_said_before_anything_is_done(leadpipe: Leadpipe) -> None:
    assert "give ids, or options that select requests, or --all" in leadpipe.run("refused", "send", code=2)
    assert "give ids" in leadpipe.run("refused", "send", "1", "--all", code=2)
    assert "no refused request 99999" in leadpipe.run("refused", "send", "99999", code=1)
    assert "no refused request 99999" in leadpipe.run("refused", "show", "99999", code=1)
    assert "no connector" in leadpipe.run("refused", "list", "--connector", "nobody", code=1)
    assert leadpipe.json("refused", "list", "--since", "2100-01-01") == {"items": [], "next": None}
