"""Probes and metrics of the ingress: what is away is named, and no token is shown."""

from __future__ import annotations

import asyncio

from tests.support.ingress import Door, connector, open_door
from tests.support.until import PATIENCE


async def probe(door: Door) -> tuple[int, dict[str, str]]:
    async with door.session.get(f"{door.url}/readyz") as response:
        return response.status, (await response.json())["checks"]


async def test_probes() -> None:
    async with open_door() as door:
        async with door.session.get(f"{door.url}/healthz") as response:
            assert response.status == 200
        assert await probe(door) == (200, {"broker": "ok", "topology": "ok", "database": "ok"})
        door.database.away = True
        status, checks = await probe(door)
        assert status == 200  # known connectors are served without it
        assert checks["database"] != "ok"
        door.catalog.by.clear()
        assert (await probe(door))[0] == 503
        door.database.away = False
        door.transport.connected = False
        status, checks = await probe(door)
        assert (status, checks["broker"]) == (503, "cannot be reached")


async def test_readiness_names_a_queue_that_is_missing() -> None:
    async with open_door() as door:
        del door.transport._queues["work.last"]
        status, checks = await probe(door)
        assert (status, checks["broker"]) == (503, "ok")
        assert "work.last" in checks["topology"]


async def test_readiness_answers_while_the_database_hangs() -> None:
    async with open_door() as door:
        door.database.hangs = True
        async with asyncio.timeout(PATIENCE):
            assert (await probe(door))[1]["database"].startswith("no answer in 1 s")


async def test_metrics_count_by_connector_and_never_show_a_token() -> None:
    inlet = connector(9, "counted")
    async with open_door(topsecret=inlet) as door:
        await door.post(b"[{}, {}]", token="topsecret")
        await door.post(b"{", token="topsecret")
        door.transport.connected = False
        await door.post(b"{}", token="topsecret")
        await door.post(b"{}", token="no-such-token")
        async with door.session.get(f"{door.url}/metrics") as response:
            text = await response.text()
        for result, count in (("accepted", 2), ("refused", 1), ("unavailable", 1)):
            assert f'leadpipe_ingress_events_total{{connector="counted",result="{result}"}} {count}.0' in text
        assert 'connector="-",result="refused"' in text
        assert "leadpipe_ingress_backlog_events 0.0" in text
        assert "topsecret" not in text
        assert "no-such-token" not in text
