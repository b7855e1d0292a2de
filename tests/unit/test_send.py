"""Sending files of events: what is told of an ingress that is away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.operations import send
from tests.support.ports import free_port


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
