"""From which address one may post, and which address of ours a signature covers."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from pipeline.ingress.authentication.addresses import Proxies
from schemas.auth import network
from tests.support.guarding import (
    GITHUB,
    SECRET,
    github,
    guarded,
    guards,
)
from tests.support.ingress import open_door


@pytest.mark.parametrize(
    ("addresses", "trusted", "forwarded", "status"),
    [
        (["127.0.0.0/8"], [], None, 202),
        (["127.0.0.1"], [], "203.0.113.9", 202),  # nobody told us to believe that header
        (["203.0.113.0/24"], [], "203.0.113.9", 403),
        (["203.0.113.0/24", "2001:db8::/32"], ["127.0.0.1"], "203.0.113.9", 202),
        (["203.0.113.0/24", "2001:db8::/32"], ["127.0.0.1"], "2001:db8::7", 202),
        (["203.0.113.0/24", "2001:db8::/32"], ["127.0.0.1"], "[2001:db8::7]:443", 202),
        (["203.0.113.0/24"], ["127.0.0.1"], "203.0.113.9:4711", 202),
        (["203.0.113.0/24"], ["127.0.0.1"], "::ffff:203.0.113.9", 202),
        (["203.0.113.0/24"], ["127.0.0.1"], "203.0.113.9, 198.51.100.1", 403),  # the first was written by anybody
        (["203.0.113.0/24"], ["127.0.0.1", "10.0.0.0/8"], "198.51.100.1, 203.0.113.9, 10.0.0.3", 202),
        (["203.0.113.0/24"], ["127.0.0.1", "10.0.0.0/8"], "203.0.113.9, 198.51.100.1, 10.0.0.3", 403),
        (["203.0.113.0/24"], ["127.0.0.1"], "", 403),
        (["203.0.113.0/24"], ["127.0.0.1"], "unknown", 403),
        (["203.0.113.0/24"], ["127.0.0.1"], "203.0.113.9, é", 403),
        (["127.0.0.1"], ["127.0.0.1"], None, 202),
        (["127.0.0.1"], ["127.0.0.1"], ",", 202),
    ],
)
async def test_only_these_addresses_may_post(
    addresses: list[str], trusted: list[str], forwarded: str | None, status: int
) -> None:
    proxies = Proxies(tuple(map(network, trusted)), "X-Client")
    auth = {"addresses": addresses}
    async with open_door(
        guards=guards(proxies=proxies), t=guarded(auth), logs=guarded({**auth, "mode": "log"}, id=8)
    ) as door:
        headers = {} if forwarded is None else {"x_client": forwarded}
        answered, problem, _ = await door.post(b"{}", **headers)
        assert answered == status
        if status == 403:
            assert (problem["title"], problem["reason"]) == ("Address not allowed", "address")
        assert (await door.post(b"{}", "logs", **headers))[0] == 202


async def test_an_address_alone_is_not_enough_where_a_scheme_is_set() -> None:
    async with open_door(guards=guards(), t=guarded({**GITHUB, "addresses": ["127.0.0.1"]})) as door:
        assert (await door.post(b"{}"))[0] == 401
        assert (await door.post(b"{}", **github(b"{}")))[0] == 202


async def test_the_signed_url_is_the_configured_one_whatever_the_request_says_of_its_host() -> None:
    auth = {"scheme": "twilio", "secrets": ["env:NEW"]}
    public = "https://hooks.example.com/leads"

    def twilio(url: str, *fields: str) -> dict[str, str]:
        text = "".join([url, *fields]).encode()
        return {"x_twilio_signature": base64.b64encode(hmac.digest(SECRET.encode(), text, "sha1")).decode()}

    form = {"content_type": "application/x-www-form-urlencoded"}
    async with open_door(guards=guards(public_url=public), t=guarded(auth)) as door:
        for url in (f"{public}/in/t?a=b%20c&d", "https://hooks.example.com:443/leads/in/t?a=b%20c&d"):
            signed = twilio(url, "A", "1", "B", "2", "3")
            assert (await door.post(b"B=3&A=1&B=2&B=3", query="?a=b%20c&d", **form, **signed))[0] == 401  # B comes once
            signed = twilio(url, "A", "1", "B", "2", "B", "3")
            assert (await door.post(b"B=3&A=1&B=2&B=3", query="?a=b%20c&d", **form, **signed))[0] == 202
            assert (await door.post(b"B=3&A=1&B=2&B=3", query="?a=b%20c", **form, **signed))[0] == 401
        for host in (f"127.0.0.1:{door.port}", "hooks.example.com"):
            signed = twilio(f"http://{host}/in/t", "A", "1")
            assert (await door.post(b"A=1", host=host, **form, **signed))[0] == 401
        body = b'{"a":1}'
        hashed = f"?bodySHA256={hashlib.sha256(body).hexdigest()}"
        signed = twilio(f"{public}/in/t{hashed}")
        assert (await door.post(body, query=hashed, content_type="application/json", **signed))[0] == 202
        assert (await door.post(b'{"a":2}', query=hashed, content_type="application/json", **signed))[0] == 401
        url_alone = twilio(f"{public}/in/t")
        assert (await door.post(body, content_type="application/json", **url_alone))[0] == 401  # covers no body
        where = "POST http://elsewhere.example/in/t HTTP/1.1\r\nHost: elsewhere.example"
        head = f"{where}\r\nContent-Type: {form['content_type']}"
        [(_, value)] = twilio(f"{public}/in/t", "A", "1").items()
        rest = f"X-Twilio-Signature: {value}\r\nConnection: close\r\nContent-Length: 3\r\n\r\nA=1"
        assert (await door.raw(f"{head}\r\n{rest}".encode())).startswith(b"HTTP/1.1 202")
