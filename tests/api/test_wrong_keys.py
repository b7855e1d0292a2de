"""Wrong keys, tried again and again: slowed by address, counted, logged without the key; right ones pass."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from tests.support.api import Answered, Served, served
from tests.support.until import until

TRIES = 300


@pytest.fixture
async def api(database_url: str, tmp_path: Path) -> AsyncIterator[Served]:
    async with served(database_url, tmp_path, wrong_tries=0.5, trusted_proxies=["127.0.0.1/32"]) as made:
        yield made


def counted(result: str) -> float:
    """How many tries of keys ended like this."""
    return REGISTRY.get_sample_value("leadpipe_wrong_tries_total", {"what": "key", "result": result}) or 0.0


async def flood(api: Served, *addresses: str, key: str = "lp_0123456789ab_{}") -> list[Answered]:
    """Try so many wrong keys, from these addresses in turn."""
    return await asyncio.gather(
        *(
            api.ask("GET", "/me", key=key.format(number), X_Forwarded_For=addresses[number % len(addresses)])
            for number in range(TRIES)
        )
    )


@pytest.mark.parametrize("key", ["lp_0123456789ab_{}", "nonsense{}"])
async def test_an_address_is_slowed_and_what_it_tried_is_counted_and_not_told(api: Served, key: str) -> None:
    before = counted("refused"), counted("slowed")
    with capture_logs() as logs:
        answers = await flood(api, "203.0.113.7", key=key)
    statuses = Counter(answer.status for answer in answers)
    assert statuses.keys() == {401, 429} and statuses[429] > statuses[401]
    assert all(1 <= int(answer.headers["Retry-After"]) <= 3 for answer in answers if answer.status == 429)
    assert counted("refused") - before[0] == statuses[401]
    assert counted("slowed") - before[1] == statuses[429]
    lines = [line for line in logs if line.get("what") == "key"]
    assert lines and all(line["address"] == "203.0.113.7" for line in lines)
    assert len(lines) < 3 and "0123456789ab" not in str(logs) and "nonsense" not in str(logs)


async def test_a_right_key_passes_beside_them(api: Served) -> None:
    beside = {"X_Forwarded_For": "203.0.113.7"}
    assert (await api.ask("GET", "/me", **beside)).status == 200
    await flood(api, "203.0.113.7")
    assert (await api.ask("GET", "/me", key="nonsense", **beside)).status == 429
    assert (await api.ask("GET", "/me", **beside)).status == 200, "it was right before"
    assert (await api.ask("GET", "/me", key="viewer", X_Forwarded_For="203.0.113.8")).status == 200, "from elsewhere"

    async def let_in() -> bool:
        return (await api.ask("GET", "/me", key="editor", **beside)).status == 200

    await until(let_in, "a key that is used for the first time there")


async def test_a_revoked_key_is_a_wrong_one_at_once(api: Served) -> None:
    made = await api.done("POST", "/keys", {"name": "short"})
    assert (await api.ask("GET", "/me", key=made["key"])).status == 200
    await api.done("DELETE", f"/keys/{made['id']}")
    statuses = Counter([(await api.ask("GET", "/me", key=made["key"])).status for _ in range(60)])
    assert statuses.keys() == {401, 429}


async def test_one_customer_of_ipv6_has_one_bucket_and_whom_a_stranger_names_is_not_believed(api: Served) -> None:
    spread = await flood(api, *(f"2001:db8:1:2::{number:x}" for number in range(1, 200)))
    assert 429 in {answer.status for answer in spread}
    elsewhere = await flood(api, *(f"2001:db8:{number:x}::1" for number in range(1, 200)))
    assert {answer.status for answer in elsewhere} == {401}
    forged = await flood(api, *(f"198.51.100.{number}, 203.0.113.9" for number in range(1, 200)))
    assert 429 in {answer.status for answer in forged}, "the last hop that is not a proxy of ours is who asks"


async def test_without_a_proxy_that_is_trusted_the_header_says_nothing(database_url: str, tmp_path: Path) -> None:
    async with served(database_url, tmp_path, wrong_tries=0.5) as api:
        answers = await flood(api, *(f"198.51.100.{number}" for number in range(1, 200)))
        assert 429 in {answer.status for answer in answers}


async def test_no_key_at_all_is_asked_for_one_however_often(api: Served) -> None:
    answers = [await api.ask("GET", "/me", key=None) for _ in range(60)]
    assert {answer.status for answer in answers} == {401}
