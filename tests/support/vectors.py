"""Requests that their senders signed: the official vectors of every scheme (vendor-facts §6), and how to check one."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from pipeline.ingress.authentication.arrived import Arrived, Denied
from pipeline.ingress.authentication.credentials import Check
from pipeline.ingress.authentication.signature import by_signatures
from schemas.auth import AuthSettings, joined

FORM = "application/x-www-form-urlencoded"
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)


@dataclass(frozen=True)
class Vector:
    """A request that its sender signed. `stamp` and `id` name the headers that hold those."""

    auth: dict[str, str]
    secret: bytes
    body: bytes
    headers: Mapping[str, str]
    signature: str  # the header
    now: float = 1_700_000_000
    target: str = "/in/t"
    base: str = "https://example.com"

    def check(self, *secrets: bytes) -> Check:
        auth = joined(AuthSettings(secrets=["env:A"], **self.auth), None)  # type: ignore[arg-type]
        assert auth is not None
        return by_signatures(auth.scheme.signature, secrets or (self.secret,), auth.tolerance, (self.base,))

    def arrived(self, **changes: object) -> Arrived:
        _, _, query = self.target.partition("?")
        headers = CIMultiDictProxy(CIMultiDict(self.headers))
        request = Arrived(headers, self.body, self.target, dict(parse_qsl(query)), "127.0.0.1")
        return replace(request, **changes)  # type: ignore[arg-type]

    def with_header(self, name: str, *values: str) -> Arrived:
        headers = CIMultiDict(self.headers)
        headers.popall(name)
        headers.extend([(name, value) for value in values])
        return self.arrived(headers=CIMultiDictProxy(headers))


STANDARD = Vector(
    {"scheme": "standard-webhooks"},
    b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    b'{"test": 2432232314}',
    {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    },
    "webhook-signature",
    now=1614265330,
)
HUB = Vector(
    {"scheme": "github"},
    b"It's a Secret to Everybody",
    b"Hello, World!",
    {"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
    "X-Hub-Signature-256",
)
TWILIO_JSON = "a9nBmqA0ju/hNViExpshrM61xv4="
TWILIO_HASH = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
CONVOY = b'{"event":"charge.success","amount":1000,"currency":"NGN"}'
CUSTOMER = hmac.digest(b"key", b'v0:1700000000:{"a":1}', "sha256").hex()
OWN = base64.b64encode(hmac.digest(b"\x00\xff", b'm1|{"a":1}', "sha512")).decode()
VECTORS = {
    "standard webhooks": STANDARD,
    "svix": replace(
        STANDARD,
        headers={name.replace("webhook", "svix"): value for name, value in STANDARD.headers.items()},
        signature="svix-signature",
    ),
    "github": HUB,
    "meta": replace(HUB, auth={"scheme": "meta"}),
    "stripe": Vector(
        {"scheme": "stripe"},
        b"whsec_test_secret",
        b'{"id":"evt_1","object":"event"}',
        {"Stripe-Signature": "t=1700000000,v1=0c8670ed117751cc551a20e35839447075c42800ea3cf3e8a2fbda99cd1e6edd"},
        "Stripe-Signature",
    ),
    "twilio form": Vector(
        {"scheme": "twilio"},
        b"12345",
        urlencode(
            {
                "Digits": "1234",
                "CallSid": "CA1234567890ABCDE",
                "To": "+18005551212",
                "Caller": "+14158675309",
                "From": "+14158675309",
            }
        ).encode(),
        {"X-Twilio-Signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "Content-Type": f"{FORM}; charset=utf-8"},
        "X-Twilio-Signature",
        target="/myapp.php?foo=1&bar=2",
        base="https://mycompany.com",
    ),
    "twilio, a repeated field": Vector(
        {"scheme": "twilio"},
        b"12345",
        b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234",
        {"X-Twilio-Signature": "IK+Dwps556ElfBT0I3Rgjkr1wJU=", "Content-Type": FORM},
        "X-Twilio-Signature",
        target="/myapp.php?foo=1&bar=2",
        base="https://mycompany.com",
    ),
    "twilio json": Vector(
        {"scheme": "twilio"},
        b"12345",
        b'{"property": "value", "boolean": true}',
        {"X-Twilio-Signature": TWILIO_JSON, "Content-Type": "application/json"},
        "X-Twilio-Signature",
        target=f"/myapp.php?foo=1&bar=2&bodySHA256={TWILIO_HASH}",
        base="https://mycompany.com",
    ),
    "shopify": Vector(
        {"scheme": "shopify"},
        b"hush",
        b'{"id":1}',
        {"X-Shopify-Hmac-SHA256": "VnKUjZsLuN5iZWjn5EntcBVCF9kMN43LglzCE1/GSeY="},
        "X-Shopify-Hmac-SHA256",
    ),
    "slack": Vector(
        {"scheme": "slack"},
        b"8f742231b10e8888abcd99yyyzzz85a5",
        SLACK_BODY,
        {
            "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
            "X-Slack-Request-Timestamp": "1531420618",
        },
        "X-Slack-Signature",
        now=1531420618,
    ),
    "convoy, simple": Vector(
        {"scheme": "hmac", "header": "X-Convoy-Signature"},
        b"convoy-webhook-secret",
        CONVOY,
        {"X-Convoy-Signature": "244449b7f48cbc2709060c9dcdc2b3aa47a78f540430579015c579fb12defbb4"},
        "X-Convoy-Signature",
    ),
    "convoy, advanced": Vector(
        {
            "scheme": "hmac",
            "header": "X-Convoy-Signature",
            "signature_part": "v1",
            "timestamp_part": "t",
            "signed": "{timestamp},{body}",
        },
        b"convoy-webhook-secret",
        CONVOY,
        {"X-Convoy-Signature": "t=1700000000,v1=77b8b9269f25a199846a55a2bd25b3fba151c70fdae60bb1dcd87fbbc943c55c"},
        "X-Convoy-Signature",
    ),
    "customer.io": Vector(
        {
            "scheme": "hmac",
            "header": "X-CIO-Signature",
            "timestamp_header": "X-CIO-Timestamp",
            "signed": "v0:{timestamp}:{body}",
        },
        b"key",
        b'{"a":1}',
        {"X-CIO-Signature": CUSTOMER, "X-CIO-Timestamp": "1700000000"},
        "X-CIO-Signature",
    ),
    "sha512 in base64 with an id": Vector(
        {
            "scheme": "hmac",
            "header": "X-Signature",
            "prefix": "mac ",
            "algorithm": "sha512",
            "encoding": "base64",
            "signed": "{id}|{body}",
            "id_header": "X-Id",
            "secret_encoding": "hex",
        },
        b"00ff",
        b'{"a":1}',
        {
            "X-Signature": f"mac {OWN}",
            "X-Id": "m1",
        },
        "X-Signature",
    ),
}


def reason(check: Check, arrived: Arrived, now: float) -> str:
    with pytest.raises(Denied) as caught:
        check(arrived, now)
    return caught.value.reason
