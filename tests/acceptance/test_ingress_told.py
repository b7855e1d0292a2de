"""What a sender is told that waits for its events: by the connector, and next to nothing unless it proves who it is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from schemas.connector import Connector
from tests.support.guarding import BASIC, SECRET, TIMED, basic, guards, timed
from tests.support.ingress import Door, connector, open_door
from tests.support.until import until

RESULT = {"outcome": "updated", "lead": "L-1", "matched_by": "phone", "changed": ["city"], "reason": "merged"}
NONE, OUTCOME = {"finished": True}, {"outcome": "updated"}
ADDRESSES = {"addresses": ["127.0.0.0/8"]}


def telling(auth: dict[str, Any] | None = None, outcome: str | None = None) -> Connector:
    """A connector with this `auth`, and what it says of replies."""
    return connector(own={"auth": auth, "reply": {"outcome": outcome}})


async def told(door: Door, **headers: str) -> dict[str, Any]:
    """Post one event and wait; what is said of it beside its id."""
    posting = asyncio.create_task(door.post(b"{}", query="?wait=60", **headers))
    await until(lambda: bool(door.transport.groups) or posting.done())
    for event in await door.events():
        door.journal[event.id] = RESULT
    status, answer, _ = await posting
    assert status == 200, answer
    [result] = answer["results"]
    assert [result["id"]] == answer["ids"] and answer["accepted"] == 1
    return {name: value for name, value in result.items() if name not in ("id", "event_id")}


@pytest.mark.parametrize(
    ("auth", "outcome", "said"),
    [
        (None, None, NONE),
        (None, "none", NONE),
        (None, "outcome", OUTCOME),
        (None, "full", RESULT),
        (ADDRESSES, None, NONE),
        ({"scheme": "token"}, None, NONE),
        (BASIC, None, RESULT),
        (BASIC, "none", NONE),
        (BASIC, "outcome", OUTCOME),
        ({**BASIC, "mode": "log"}, None, NONE),
        ({**BASIC, "mode": "off"}, None, NONE),
    ],
)
async def test_a_sender_is_told_as_much_as_its_connector_says(
    auth: dict[str, Any] | None, outcome: str | None, said: dict[str, Any]
) -> None:
    async with open_door(guards=guards(), t=telling(auth, outcome)) as door:
        assert await told(door, Authorization=basic(f"crm:{SECRET}")) == said


async def test_a_signature_is_proof_too() -> None:
    async with open_door(guards=guards(), t=telling(TIMED)) as door:
        assert await told(door, **timed(b"{}")) == RESULT


@pytest.mark.parametrize(
    ("outcome", "said"), [("none", {"finished": False}), ("outcome", {"outcome": "pending"})], ids=str
)
async def test_what_is_under_way_yet_is_told_without_what_is_known(outcome: str, said: dict[str, Any]) -> None:
    async with open_door(t=telling(outcome=outcome)) as door:
        status, answer, _ = await door.post(b"[{}, {}]", query="?wait=0.05")
        assert status == 202
        assert [{**result, "id": "", "event_id": ""} for result in answer["results"]] == [
            {"id": "", "event_id": "", **said}
        ] * 2
