"""The first hour of a newcomer: one command, a call log, a lead webhook, and what became of them."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from schemas.presets import preset
from tests.acceptance.conftest import ALL, Install
from tests.support.daemon import Leadpipe, post
from tests.support.until import PROCESSES, until

SAMPLE = preset("leadsquared-call-log").example[0].body.encode()
CALLER = "+919611795983"


@pytest.fixture(scope="module", params=["postgresql", "rabbitmq"])
def leadpipe(request: pytest.FixtureRequest, install: Install) -> Leadpipe:
    """`leadpipe up`, with every example connector."""
    leadpipe = install(request.param)
    leadpipe.apply(*ALL)
    leadpipe.start("up")
    leadpipe.ready()
    return leadpipe


def rows(leadpipe: Leadpipe, *options: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = leadpipe.json("journal", "list", *options)["items"]
    return listed


async def test_the_vendors_own_call_log_becomes_a_lead_with_a_call(leadpipe: Leadpipe) -> None:
    url = leadpipe.urls["telephony-calls"]

    status, answer = await post(url, SAMPLE)
    [id] = answer["ids"]
    assert (status, answer["accepted"]) == (202, 1)

    status, answer = await post(f"{url}?wait=60", SAMPLE)
    [result] = answer["results"]
    assert status == 200
    assert answer["ids"] == [id]
    assert (result["outcome"], result["id"]) == ("created", id)

    [row] = rows(leadpipe, "--connector", "telephony-calls")
    assert (row["event_id"], row["outcome"], row["lead_id"]) == (id, "created", result["lead"])

    [found] = leadpipe.json("lead", "find", CALLER)["items"]
    assert found["fields"]["phone"] == CALLER
    assert found["fields"]["name"] == "Rakesh"
    lead = leadpipe.json("lead", "show", found["id"])
    [call] = [activity["call"] for activity in lead["activities"]]
    assert lead["keys"] == [["phone", CALLER]] or [*map(list, lead["keys"])] == [["phone", CALLER]]
    assert call["started_at"] == "2015-08-20T18:26:38Z"
    assert (call["direction"], call["status"], call["duration_s"]) == ("inbound", "answered", 12)

    for _ in range(2):
        status, answer = await post(f"{url}?wait=60", SAMPLE)
        assert answer["ids"] == [id]
        assert answer["results"] == [result]
    assert leadpipe.json("lead", "show", found["id"]) == lead
    assert rows(leadpipe, "--connector", "telephony-calls") == [row]


async def test_a_lead_webhook_is_answered_as_its_vendor_wants(leadpipe: Leadpipe) -> None:
    url = leadpipe.urls["crm-leads"]
    lead = {"FirstName": "Meera", "EmailAddress": "Meera@Example.com", "Phone": "+91-9811122233", "Score": "3"}
    created, changed = {**lead, "ModifiedOn": "2026-08-01 09:00:00"}, {**lead, "Score": "8"}

    async def ended(*outcomes: str) -> None:
        """No order is promised between events in flight, so each has ended before the next is posted."""

        def told() -> bool:
            return sorted(row["outcome"] for row in rows(leadpipe, "--connector", "crm-leads")) == sorted(outcomes)

        await until(told, f"{outcomes} in the journal", PROCESSES)

    assert await post(url, created) == (200, {"Status": "Success", "StatusReason": ""})
    await ended("created")
    after = {"Before": lead, "After": {**changed, "ModifiedOn": "2026-08-02 09:00:00"}}
    assert await post(url, after) == (200, {"Status": "Success", "StatusReason": ""})
    await ended("created", "updated")
    status, answer = await post(url, b'{"FirstName": ')
    assert (status, answer["Status"]) == (200, "Error")
    assert "JSON" in answer["StatusReason"]

    status, answer = await post(f"{url}?wait=60", after)
    assert [result["outcome"] for result in answer["results"]] == ["unchanged"]
    [found] = leadpipe.json("lead", "find", "meera@example.com")["items"]
    assert found["fields"]["phone"] == "+919811122233"
    assert found["fields"]["score"] == 8


async def test_a_vendor_that_only_asks_whether_anybody_is_there_gets_its_200(leadpipe: Leadpipe) -> None:
    async with aiohttp.ClientSession() as session:
        for name, url in leadpipe.urls.items():
            for method in ("GET", "HEAD", "POST"):
                async with session.request(method, url) as answer:
                    assert (name, method, answer.status) == (name, method, 200)
