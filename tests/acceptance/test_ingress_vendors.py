"""`/in/{token}` over real HTTP: each vendor is answered as it wants to be."""

from __future__ import annotations

from typing import Any

from pipeline.ingress.reply import filled
from schemas import presets
from schemas.connector import Connector, ConnectorSettings
from tests.support.ingress import open_door


def of_preset(name: str, id: int = 7, enabled: bool = True) -> Connector:
    return Connector(id, 1, 1, ConnectorSettings(name="vendor", preset=name, enabled=enabled), presets.preset(name))


def unavailable_answer(name: str) -> tuple[int, dict[str, Any]]:
    reply = presets.preset(name).door.reply
    assert reply is not None
    reason = "Unavailable: the broker did not confirm; send the request again"
    return reply.unavailable.status, filled(reply.unavailable.body, reason)


async def test_leadsquared_hears_200_also_when_it_is_refused() -> None:
    lead = "leadsquared-lead"
    async with open_door(t=of_preset(lead), off=of_preset(lead, 8, enabled=False)) as door:
        assert (await door.post(b'{"ProspectID": "p"}'))[:2] == (200, {"Status": "Success", "StatusReason": ""})
        assert (await door.post(b""))[:2] == (200, {"Status": "Success", "StatusReason": ""})
        status, answer, _ = await door.post(b"{")
        assert (status, answer["Status"]) == (200, "Error")
        assert answer["StatusReason"].startswith("Malformed JSON: ")
        status, answer, _ = await door.post(b"{}", token="off")
        assert (status, answer["Status"]) == (200, "Error")
        door.transport.connected = False
        assert (await door.post(b"{}"))[:2] == unavailable_answer(lead)


async def test_indiamart_is_answered_as_it_wants() -> None:
    async with open_door(t=of_preset("indiamart-push")) as door:
        lead = b'{"UNIQUE_QUERY_ID": 12, "SENDER_NAME": "A"}'
        for shape in (b"%b", b"[%b]", b'{"CODE": 200, "RESPONSE": %b}', b'{"body": {"RESPONSE": [%b]}}'):
            assert (await door.post(shape % lead))[:2] == (200, {"code": 200, "status": "Success"})
        assert len({event.id for event in await door.events()}) == 1
        assert (await door.post(b'{"CODE": 204, "RESPONSE": []}'))[0] == 200
        status, answer, _ = await door.post(b"{")
        assert (status, answer["status"]) == (400, "Error")
        assert answer["message"].startswith("Malformed JSON: ")
        door.transport.connected = False
        status, answer, headers = await door.post(lead)
        assert (status, answer) == unavailable_answer("indiamart-push")
        assert "Retry-After" in headers
