"""Wrong webhook URLs and passwords, tried again and again at the door: slowed by address; right posts go on."""

from __future__ import annotations

from collections import Counter

import pytest

from pipeline.ingress.authentication.addresses import Proxies
from schemas.auth import network
from tests.support.guarding import ENVIRONMENT, SECRET, Time, guarded, guards
from tests.support.ingress import open_door

BEHIND = Proxies((network("127.0.0.1"),))
KEYED = {"scheme": "header", "header": "X-Key", "secrets": ["env:NEW"]}
SIGNED = {"scheme": "hmac", "header": "X-Sign", "secrets": ["env:NEW"]}


async def test_wrong_urls_of_one_address_are_slowed_and_a_right_one_is_not() -> None:
    async with open_door(guards=guards(ENVIRONMENT, proxies=BEHIND)) as door:
        answers = [await door.post(b"{}", token=f"x{n}", X_Forwarded_For="203.0.113.7") for n in range(400)]
        statuses = Counter(status for status, _, _ in answers)
        assert statuses.keys() == {404, 429} and statuses[404] >= 200
        [slowed] = {(problem["title"], problem["status"]) for status, problem, _ in answers if status == 429}
        assert slowed == ("Too many wrong tries", 429)
        assert all(int(headers["Retry-After"]) >= 1 for status, _, headers in answers if status == 429)
        assert (await door.post(b"{}", X_Forwarded_For="203.0.113.7"))[0] == 202
        assert (await door.post(b"{}", token="x", X_Forwarded_For="203.0.113.8"))[0] == 404
        async with door.session.get(f"{door.url}/in/nobody", headers={"X-Forwarded-For": "203.0.113.7"}) as ping:
            assert ping.status == 429


@pytest.mark.parametrize("query", ["", "?wait=1"])
async def test_wrong_secrets_of_one_address_are_slowed_at_that_connector_and_for_a_time(query: str) -> None:
    clock = Time()
    keyed = {"t": guarded(KEYED), "u": guarded(KEYED, id=8, name="other")}
    async with open_door(guards=guards(ENVIRONMENT, proxies=BEHIND, clock=clock), **keyed) as door:

        async def status(key: str, address: str = "203.0.113.7", **more: str) -> int:
            return (await door.post(b"{}", query=query, X_Key=key, X_Forwarded_For=address, **more))[0]

        tried = Counter([await status(f"guess-{n}") for n in range(100)])
        assert tried == {401: 40, 429: 60}
        assert await status(SECRET) == 429
        assert await status(SECRET, address="203.0.113.8") == 202
        assert await status(SECRET, token="u") == 202
        clock.now += 1
        assert await status(SECRET) == 202
        assert await status("guess") == 401, "whoever has shown the secret begins anew"


async def test_wrong_signatures_are_refused_one_by_one_and_never_in_the_way_of_right_ones() -> None:
    async with open_door(guards=guards(ENVIRONMENT), t=guarded(SIGNED)) as door:
        assert {(await door.post(b"{}", X_Sign="00"))[0] for _ in range(100)} == {401}
