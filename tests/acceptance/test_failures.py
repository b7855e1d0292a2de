"""What goes wrong, and what a person is told: refused, rejected by a rule, corrected, sent through again."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Install, ended, eventually
from tests.support.daemon import EXAMPLES, Leadpipe, post

NUMBER = "a number field takes digits with an optional decimal point, and no other sign or letter"
KEY = "an event needs a valid search key"


@pytest.fixture(scope="module", params=["postgresql", "rabbitmq"])
def leadpipe(request: pytest.FixtureRequest, install: Install) -> Leadpipe:
    leadpipe = install(request.param, max_event="20000")
    leadpipe.apply("website", "telephony-calls")
    leadpipe.start("up")
    leadpipe.ready()
    return leadpipe


async def test_what_the_door_refuses_is_told_and_never_half_accepted(leadpipe: Leadpipe) -> None:
    url = leadpipe.urls["website"]
    good = {"event_id": "half", "email": "half@example.com"}

    status, answer = await post(url, b'{"email": "a@example.com", ')
    assert (status, answer["title"]) == (400, "Malformed JSON")
    status, answer = await post(f"{url[:-3]}abc", good)
    assert (status, answer["title"]) == (404, "Unknown token")
    status, answer = await post(url, [good, {"event_id": "large", "notes": "x" * 20_000}])
    assert (status, answer["title"], answer["element"]) == (413, "Too large", 1)
    assert "20000 bytes" in answer["detail"]
    status, answer = await post(url, [good, "no event"])
    assert (status, answer["title"], answer["element"]) == (400, "Not an event", 1)
    assert (await ended(url, good))["outcome"] == "created"  # so nothing of the lists before was accepted


async def test_an_event_without_a_key_is_a_dead_letter_that_says_so(leadpipe: Leadpipe) -> None:
    junk = {"event_id": "no-key", "name": "Nobody", "phone": "+91-1111111111", "email": "not an address"}
    result = await ended(leadpipe.urls["website"], junk)

    assert (result["outcome"], result["stage"], result["rule"]) == ("failed", "dedupe", KEY)
    assert "email or phone" in result["reason"]
    [letter] = leadpipe.json("dead", "list", "--error", "search key")
    assert (letter["event_id"], letter["kind"], letter["attempts"]) == (result["id"], "rejected", 1)
    assert leadpipe.json("lead", "find", "Nobody") == []
    assert leadpipe.run("dead", "discard", str(letter["id"])) == "discarded 1\n"
    assert leadpipe.json("dead", "list", "--error", "search key") == []
    [discarded] = leadpipe.json("dead", "list", "--error", "search key", "--status", "discarded")
    assert discarded["id"] == letter["id"]


async def test_a_rejected_value_passes_once_the_mapping_is_corrected(leadpipe: Leadpipe, tmp_path: Path) -> None:
    url = leadpipe.urls["website"]
    people = ("one@example.com", "two@example.com", "three@example.com")
    events = [{"event_id": f"text-{each}", "email": each, "budget": "about a lakh"} for each in people]
    ids = []
    for event in events:
        result = await ended(url, event)
        assert (result["outcome"], result["stage"]) == ("failed", "map")
        assert (result["field"], result["value"], result["rule"]) == ("lead.budget", "about a lakh", NUMBER)
        ids.append(result["id"])

    letters = leadpipe.json("dead", "list", "--stage", "map", "--connector", "website")
    assert [letter["event_id"] for letter in letters] == ids[::-1]
    [group] = [each for each in leadpipe.json("dead", "groups") if each["field"] == "lead.budget"]
    assert (group["letters"], group["cause"], group["stage"]) == (3, NUMBER, "map")
    shown = leadpipe.json("dead", "show", str(letters[-1]["id"]))
    assert (shown["value"], shown["event"]["id"]) == ("about a lakh", ids[0])

    corrected = (EXAMPLES / "website.toml").read_text().replace('type = "number"', 'type = "text"')
    (tmp_path / "website.toml").write_text(corrected)
    [applied] = leadpipe.json("connector", "apply", str(tmp_path / "website.toml"))
    assert (applied["state"], applied["revision"], applied["url"]) == ("changed", 2, url)
    numbers = count()

    async def in_force() -> bool:
        probe = {"event_id": f"probe-{next(numbers)}", "email": "probe@example.com", "budget": "probing"}
        return (await ended(url, probe))["outcome"] in ("created", "updated")

    await eventually(in_force, "the corrected mapping")
    assert leadpipe.run("dead", "replay", str(letters[-1]["id"])) == "replayed 1\n"
    assert leadpipe.run("dead", "replay", "--stage", "map", "--error", "digits").startswith("replayed ")
    for event in events:

        async def created(event: dict[str, str] = event) -> bool:
            return (await ended(url, event))["outcome"] == "created"

        await eventually(created, "the replayed event")
    row = leadpipe.json("journal", "show", ids[0])
    assert (row["outcome"], row["failure"], row["replay"]) == ("created", None, 1)
    [found] = leadpipe.json("lead", "find", "one@example.com")
    assert found["fields"]["budget"] == "about a lakh"
    assert leadpipe.json("dead", "list", "--stage", "map") == []


async def test_a_connector_that_is_switched_off_or_removed_takes_nothing(leadpipe: Leadpipe) -> None:
    url = leadpipe.urls["telephony-calls"]
    ping = b""

    assert leadpipe.run("connector", "disable", "telephony-calls") == "disabled telephony-calls\n"
    await answers(url, {"a": 1}, 403, "Connector disabled")
    assert leadpipe.run("connector", "enable", "telephony-calls") == "enabled telephony-calls\n"
    await answers(url, ping, 200, None)
    assert leadpipe.run("connector", "remove", "telephony-calls", "--yes") == "removed telephony-calls\n"
    await answers(url, ping, 404, "Unknown token")
    assert "no connector" in leadpipe.run("connector", "show", "telephony-calls", code=2)


async def answers(url: str, document: Any, status: int, title: str | None) -> None:
    """The door knows of a changed connector within seconds."""

    async def look() -> bool:
        answer = await post(url, document)
        return (answer[0], answer[1].get("title")) == (status, title)

    await eventually(look, f"the answer {status}")
