"""Each answer is counted by what was sent, and told with the error behind it, over real HTTP."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import structlog

from pipeline.ingress import metrics
from tests.acceptance.test_ingress_vendors import of_preset
from tests.support.ingress import Door, connector, open_door

LINE = re.compile(r"^leadpipe_ingress_answers_total\{(.*)\} (\d+)\.0$", re.MULTILINE)


async def answers(door: Door, name: str) -> dict[tuple[str, str, str], int]:
    """How many answers a connector gave: by the status sent, the error behind it, and the reason."""
    async with door.session.get(f"{door.url}/metrics") as response:
        text = await response.text()
    found = [(dict(re.findall(r'(\w+)="([^"]*)"', labels)), int(count)) for labels, count in LINE.findall(text)]
    return {
        (labels["status"], labels["error"], labels["reason"]): count
        for labels, count in found
        if labels["connector"] == name
    }


async def test_answers_are_counted_by_connector_and_status_with_the_reason() -> None:
    async with open_door(t=connector(11, "told"), off=connector(12, "shut", enabled=False)) as door:
        before = await answers(door, metrics.NOBODY)
        for _ in range(3):
            await door.post(b"{}")
        await door.post(b"")
        await door.post(b"{}?", query="?wait=x")
        await door.post(b"{")
        await door.post(b"{}", token="off")
        await door.post(b"{}", token="nobody")
        async with door.session.get(f"{door.url}/in/t") as ping:
            assert ping.status == 200
        door.transport.connected = False
        await door.post(b"{}")
        assert await answers(door, "told") == {
            ("202", "", ""): 3,
            ("200", "", ""): 2,  # an empty post and a GET are verification pings
            ("400", "400", "Bad wait"): 1,
            ("400", "400", "Malformed JSON"): 1,
            ("503", "503", "Unavailable"): 1,
        }
        assert await answers(door, "shut") == {("403", "403", "Connector disabled"): 1}
        unknown = ("404", "404", "Unknown token")
        assert (await answers(door, metrics.NOBODY))[unknown] == before.get(unknown, 0) + 1


async def test_connectors_of_one_name_in_two_accounts_are_counted_apart() -> None:
    async with open_door(t=connector(21, "same"), u=replace(connector(22, "same"), account=2)) as door:
        await door.post(b"{}")
        await door.post(b"{}", token="u")
        await door.post(b"{}", token="u")
        async with door.session.get(f"{door.url}/metrics") as response:
            text = await response.text()
    found = re.findall(r'answers_total\{account="(\d)",connector="same",error="",reason="",status="202"\} (\d)', text)
    assert dict(found) == {"1": "1", "2": "2"}


async def test_counters_are_bounded_however_many_connectors_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_door(t=connector(31, "first"), u=connector(32, "second")) as door:
        await door.post(b"{}")
        await answers(door, "first")
        monkeypatch.setattr(metrics, "MOST", len(metrics._answers))
        await door.post(b"{}", token="u")
        assert await answers(door, "second") == {}
        assert (await answers(door, metrics.OTHERS))["202", "", ""] == 1


@pytest.mark.parametrize(
    ("preset", "sent", "body"),
    [("leadsquared-lead", 200, b"{"), ("indiamart-push", 400, b"{"), ("leadsquared-lead", 200, b"[1]")],
)
async def test_the_log_says_what_was_sent_and_the_error_behind_it(preset: str, sent: int, body: bytes) -> None:
    with structlog.testing.capture_logs() as lines:
        async with open_door(t=of_preset(preset)) as door:
            status, _, _ = await door.post(body)
    [line] = _refused(lines)
    assert (line["status"], line["error"]) == (status, 400) == (sent, 400)
    assert line["why"]


async def test_a_refusal_that_may_come_again_is_logged_as_it_was_sent() -> None:
    with structlog.testing.capture_logs() as lines:
        async with open_door(t=of_preset("leadsquared-lead"), u=connector(41, "own")) as door:
            door.transport.connected = False
            for token, sent in (("t", 200), ("u", 503)):
                status, _, _ = await door.post(b"{}", token=token)
                assert status == sent
    assert [(line["status"], line["error"]) for line in _refused(lines)] == [(200, 503), (503, 503)]


def _refused(lines: list[Any]) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == "refused"]
