"""One thing has one name: in a connector's file, over REST, in commands, in the journal and in the metrics."""

from __future__ import annotations

import re
from asyncio import run
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from tests.acceptance.conftest import Install
from tests.support.daemon import Leadpipe
from tests.support.desk import Desk, desk_of, fresh_phone, key_of

CONNECTOR = """
name = "named"
preset = "generic-json"
default_country = "IN"

[sync]
lead = "update"
activity = "off"
"""


@pytest.fixture(scope="module")
def leadpipe(install: Install, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Leadpipe]:
    leadpipe = install("postgresql")
    folder: Path = tmp_path_factory.mktemp("named")
    for name, text in (("named", CONNECTOR), ("all", CONNECTOR.replace("named", "all").replace("update", "capture"))):
        file = folder / f"{name}.toml"
        file.write_text(text)
        [row] = leadpipe.json("connector", "apply", str(file))["entries"]
        leadpipe.urls[name] = row["url"]
    leadpipe.start("up")
    leadpipe.ready()
    yield leadpipe


def test_the_behaviours_the_key_the_event_and_the_outcome_have_one_name(leadpipe: Leadpipe, tmp_path: Path) -> None:
    key = key_of(leadpipe)
    phone = fresh_phone()

    async def posted() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]:
        async with desk_of(leadpipe, key) as desk:
            await desk.post("all", {"phone": phone, "city": "Pune"})
            result = await desk.post("named", {"phone": phone, "city": "Goa"})
            return (
                result,
                await desk.row(result["event_id"]),
                await desk.ask("/connectors/named"),
                await trial_of(desk, phone),
            )

    result, row, connector, trial = run(posted())
    sync = {"lead": "update", "activity": "off"}
    assert 'lead = "update"' in leadpipe.run("connector", "export", "named")
    assert connector["sync"] == row["sync"] == sync
    assert leadpipe.json("connector", "show", "named")["sync"] == sync
    assert leadpipe.json("journal", "show", result["event_id"])["sync"] == sync

    assert result["matched_by"] == row["matched_by"] == trial["match"]["matched_by"] == "phone"
    assert result["outcome"] == row["outcome"] == "updated" and trial["outcome"] == "unchanged"
    assert result["event_id"] == result["id"] == row["event_id"]
    [city] = leadpipe.json("lead", "explain", result["lead"], "--field", "city")["fields"]
    assert city["event_id"] == city["event"] == result["event_id"]
    [was] = leadpipe.json("lead", "history", result["lead"], "--field", "city")["items"]
    assert was["replaced_by"] == result["event_id"] and was["event_id"] == was["event"]
    payload = tmp_path / "payload.json"
    payload.write_text(orjson.dumps({"phone": phone, "city": "Goa"}).decode())
    [tried] = leadpipe.json("connector", "try", "named", str(payload))["items"]
    assert tried["match"] == trial["match"] and {"event_id", "outcome"} <= set(tried)


async def trial_of(desk: Desk, phone: str) -> dict[str, Any]:
    """What the same again would do."""
    body = {"document": {"phone": phone, "city": "Goa"}}
    [trial] = (await desk.ask("/connectors/named/try", "POST", body))["items"]
    return dict(trial)


def test_what_a_stage_decided_is_called_as_in_the_metrics(leadpipe: Leadpipe) -> None:
    key = key_of(leadpipe)

    async def seen() -> tuple[set[str], set[str]]:
        async with desk_of(leadpipe, key) as desk:
            await desk.post("named", {"phone": fresh_phone()})  # nobody has it: dropped
            await desk.post("all", {"city": "Pune"})  # no key: a dead letter
            words = set()
            for connector, document in (("named", {"phone": fresh_phone()}), ("all", {"city": "Pune"})):
                answer = await desk.ask(f"/connectors/{connector}/try", "POST", {"document": document})
                words |= {step["outcome"] for trial in answer["items"] for step in trial["steps"]}
        async with aiohttp.ClientSession() as session, session.get(f"{leadpipe.base}/metrics") as answer:
            counted = set(re.findall(r'leadpipe_stage_events_total\{outcome="(\w+)"', await answer.text()))
        return words, counted

    words, counted = run(seen())
    assert {"forward", "drop", "dead_letter"} <= words
    assert words - {"not_run"} <= counted
