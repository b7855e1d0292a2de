"""Sending files of events: what is told of an ingress that is away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.operations import send
from tests.support.ingress import connector, open_door
from tests.support.ports import free_port


async def test_a_file_that_is_sent_again_does_nothing_twice_whatever_ids_its_events_have(tmp_path: Path) -> None:
    """As after a kill in its middle: what was accepted the first time gets the same ids again."""
    events = [{"at": at, **({"id": f"own-{at}"} if at % 3 else {})} for at in range(20)]
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join(map(orjson.dumps, events)))

    async def sent(url: str, of: list[dict[str, Any]]) -> set[str]:
        keys = send.keys_of(file, 4)
        return set((await send.send(url, iter(of), batch=4, keys=keys, owns=lambda event: "id" in event)).ids)

    async with open_door(t=connector(door={"id": ["id"]})) as door:
        first = await sent(f"{door.url}/in/t", events[:12])
        whole = await sent(f"{door.url}/in/t", events)
        assert len(first) == 12
        assert len(whole) == 20
        assert first < whole
        file.write_bytes(b"another")
        assert len(whole & await sent(f"{door.url}/in/t", events)) == 13  # those with ids of their own


async def test_an_ingress_that_is_away_is_one_error_however_many_requests_met_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(send, "TRIES", 1)
    events = iter([{"phone": "98220 12345"}] * 20)
    with pytest.raises(send.DoorClosed, match="gave up after 1 tries: ClientConnectorError"):
        await send.send(f"http://127.0.0.1:{free_port()}/in/x", events, in_flight=8)


async def test_what_else_goes_wrong_is_not_taken_for_that() -> None:
    def unreadable() -> Iterator[object]:
        yield {"phone": "98220 12345"}
        raise send.UnreadableFile("line 2 is not JSON")

    with pytest.raises(ExceptionGroup) as failed:
        await send.send(f"http://127.0.0.1:{free_port()}/in/x", unreadable(), batch=2, in_flight=1)
    assert failed.group_contains(send.UnreadableFile)
