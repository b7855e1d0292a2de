"""The official vectors of every scheme (vendor-facts §6), and everything near them that must not pass."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from pipeline.ingress.authentication.arrived import Arrived, Denied
from pipeline.ingress.authentication.credentials import Check
from pipeline.ingress.authentication.signature import BadSecret, by_signatures
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
    "github": Vector(
        {"scheme": "github"},
        b"It's a Secret to Everybody",
        b"Hello, World!",
        {"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
        "X-Hub-Signature-256",
    ),
    "meta": Vector(
        {"scheme": "meta"},
        b"It's a Secret to Everybody",
        b"Hello, World!",
        {"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
        "X-Hub-Signature-256",
    ),
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
TIMED = {
    name: vector
    for name, vector in VECTORS.items()
    if vector.now != 1_700_000_000 or "1700000000" in str(vector.headers)
}

every = pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
timed = pytest.mark.parametrize("vector", TIMED.values(), ids=TIMED)


def reason(check: Check, arrived: Arrived, now: float) -> str:
    with pytest.raises(Denied) as caught:
        check(arrived, now)
    return caught.value.reason


@every
def test_an_official_vector_passes_and_says_which_message_it_is(vector: Vector) -> None:
    key = vector.check()(vector.arrived(), vector.now)
    assert key
    assert vector.check()(vector.arrived(), vector.now) == key


@every
def test_of_several_live_secrets_any_will_do(vector: Vector) -> None:
    other = b"whsec_AAAA" if "standard" in vector.auth["scheme"] else b"0aa0"
    key = vector.check()(vector.arrived(), vector.now)
    for secrets in ((other, vector.secret), (vector.secret, other)):
        assert vector.check(*secrets)(vector.arrived(), vector.now) == key
    assert reason(vector.check(other), vector.arrived(), vector.now) == "mismatch"


@every
def test_a_changed_body_is_refused(vector: Vector) -> None:
    check = vector.check()
    for at in range(len(vector.body)):
        changed = bytes([*vector.body[:at], vector.body[at] ^ 1, *vector.body[at + 1 :]])
        assert reason(check, vector.arrived(body=changed), vector.now) in ("mismatch", "malformed")
    for changed in (b"", vector.body + b" ", vector.body[:-1], b" " + vector.body, b"\xff" + vector.body):
        assert reason(check, vector.arrived(body=changed), vector.now) in ("mismatch", "malformed")


@every
def test_a_changed_signature_is_refused(vector: Vector) -> None:
    check = vector.check()
    whole = vector.headers[vector.signature]
    for at in range(len(whole)):
        changed = whole[:at] + chr(ord(whole[at]) ^ 1) + whole[at + 1 :]
        assert reason(check, vector.with_header(vector.signature, changed), vector.now) in (
            "mismatch",
            "malformed",
            "stale",
        )
    for changed in (
        "",
        whole[:-1],
        whole + "0",
        whole.partition("=")[2],
        "nonsense",
        "\udcff",
        "0" * 64,
        "v1,",
        "t=,v1=",
    ):
        assert reason(check, vector.with_header(vector.signature, changed), vector.now) in ("mismatch", "malformed")


@every
def test_a_header_that_is_missing_or_there_twice_is_refused(vector: Vector) -> None:
    check = vector.check()
    for name, value in vector.headers.items():
        if name == "Content-Type":
            continue
        assert reason(check, vector.with_header(name), vector.now) == "missing"
        assert reason(check, vector.with_header(name, value, value), vector.now) == "repeated"
        assert reason(check, vector.with_header(name, value, "other"), vector.now) == "repeated"


@timed
def test_a_time_too_far_away_is_refused_either_way(vector: Vector) -> None:
    check = vector.check()
    for off in (-300, -299.5, 299.5, 300):
        check(vector.arrived(), vector.now + off)
    for off in (-1e9, -300.5, 300.5, 1e9):
        assert reason(check, vector.arrived(), vector.now + off) == "stale"


@timed
@pytest.mark.parametrize(
    "text",
    [
        "",
        "nan",
        "inf",
        "-1",
        "+1700000000",
        " 1700000000",
        "1700000000.0",
        "1e9",
        "1_700_000_000",
        "0x10",
        "9" * 13,
        "١٧",
    ],
)
def test_a_time_that_is_none_is_refused(vector: Vector, text: str) -> None:
    time = str(int(vector.now))
    name = next(name for name, value in vector.headers.items() if time in value)
    changed = vector.with_header(name, vector.headers[name].replace(time, text))
    assert reason(vector.check(), changed, vector.now) in ("malformed", "stale")


def test_the_negative_vector_of_standard_webhooks() -> None:
    wrong = STANDARD.with_header("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA=")
    assert reason(STANDARD.check(), wrong, STANDARD.now) == "mismatch"


def test_standard_webhooks_takes_any_of_several_signatures_and_keeps_its_id_apart() -> None:
    right = STANDARD.headers["webhook-signature"]
    for header in (f"v1,AAAA {right}", f"{right} v1,AAAA", f"v2,AAAA v1a,AAAA {right}"):
        assert STANDARD.check()(STANDARD.with_header("webhook-signature", header), STANDARD.now) == (
            "msg_p5jXN8AQM9LWM0D4loKWxJek"
        )
    assert (
        reason(STANDARD.check(), STANDARD.with_header("webhook-signature", "v2" + right[2:]), STANDARD.now)
        == "mismatch"
    )
    many = " ".join([right] * 21)
    assert reason(STANDARD.check(), STANDARD.with_header("webhook-signature", many), STANDARD.now) == "malformed"
    dotted = STANDARD.with_header("webhook-id", "a.1614265330")
    assert reason(STANDARD.check(), dotted, STANDARD.now) == "malformed"
    for id in ("", "x" * 256):
        assert reason(STANDARD.check(), STANDARD.with_header("webhook-id", id), STANDARD.now) == "malformed"


def test_standard_webhooks_with_a_public_key() -> None:
    private = Ed25519PrivateKey.generate()
    public = b"whpk_" + base64.b64encode(private.public_key().public_bytes_raw())
    signed = private.sign(b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330." + STANDARD.body)
    header = f"v1a,{base64.b64encode(signed).decode()}"
    request = STANDARD.with_header("webhook-signature", header)
    assert STANDARD.check(public)(request, STANDARD.now)
    assert STANDARD.check(STANDARD.secret, public)(STANDARD.arrived(), STANDARD.now)
    assert reason(STANDARD.check(), request, STANDARD.now) == "mismatch"
    assert reason(STANDARD.check(public), STANDARD.arrived(), STANDARD.now) == "mismatch"
    assert reason(STANDARD.check(public), replace(request, body=b"{}"), STANDARD.now) == "mismatch"
    for wrong in ("v1a,AAAA", "v1a,", "v1a,é", header.replace("v1a", "v1")):
        assert (
            reason(STANDARD.check(public), STANDARD.with_header("webhook-signature", wrong), STANDARD.now) == "mismatch"
        )


@pytest.mark.parametrize("secret", [b"whsec_", b"whsec_*", b"", b"whpk_AAAA", b"whpk_*", b"whsec_\xff"])
def test_a_secret_that_makes_no_key_is_named_and_not_shown(secret: bytes) -> None:
    with pytest.raises(BadSecret) as caught:
        STANDARD.check(secret)
    assert secret.decode("latin-1").removeprefix("whsec_") not in str(caught.value) or secret in (b"", b"whsec_")


def test_a_form_that_is_signed_is_read_as_a_form() -> None:
    """The signature covers the URL and a form; of any other body it would cover nothing."""
    form = VECTORS["twilio form"]
    of_url = base64.b64encode(hmac.digest(b"12345", (form.base + form.target).encode(), "sha1")).decode()
    for kind, body in (("application/json", b'{"a":1}'), ("text/plain", b"a=1"), (FORM, b'{"a":1}'), (FORM, b" [1]")):
        headers = CIMultiDictProxy(CIMultiDict({form.signature: of_url, "Content-Type": kind}))
        assert reason(form.check(), form.arrived(headers=headers, body=body), form.now) == "malformed"


def test_a_hash_in_the_url_must_be_that_of_the_body_and_be_signed() -> None:
    vector = VECTORS["twilio json"]
    other = hashlib.sha256(b"{}").hexdigest()
    moved = vector.target.replace(TWILIO_HASH, other)
    assert (
        reason(vector.check(), vector.arrived(target=moved, query={"bodySHA256": other}, body=b"{}"), 0) == "mismatch"
    )


@pytest.mark.parametrize(
    ("public", "signed"),
    [
        ("https://example.com", "https://example.com:443"),
        ("https://example.com:443", "https://example.com"),
        ("http://example.com", "http://example.com:80"),
        ("https://example.com", "https://example.com"),
        ("https://Example.com:8443/hooks", "https://Example.com:8443/hooks"),
    ],
)
def test_the_public_address_counts_with_its_port_said_or_not_and_to_the_letter(public: str, signed: str) -> None:
    from pipeline.ingress.authentication.signed import addresses_of

    vector = VECTORS["twilio form"]
    auth = joined(AuthSettings(scheme="twilio", secrets=["env:A"]), None)
    assert auth is not None
    check = by_signatures(auth.scheme.signature, [b"12345"], 300, addresses_of(public + "/"))
    text = (signed + "/in/t" + "a1").encode()
    headers = {vector.signature: base64.b64encode(hmac.digest(b"12345", text, "sha1")).decode(), "Content-Type": FORM}
    request = Arrived(CIMultiDictProxy(CIMultiDict(headers)), b"a=1", "/in/t", {}, None)
    assert check(request, 0)
    for target in ("/in/T", "/in/t?", "/in/t?a=1", "/hooks/in/t"):
        assert reason(check, replace(request, target=target), 0) == "mismatch"


def test_what_is_not_signed_does_not_change_which_message_it_is() -> None:
    """Where the scheme has no id, the same signed request is the same message, whatever is added to it."""
    for name in ("meta", "slack", "stripe", "convoy, advanced", "twilio json"):
        vector = VECTORS[name]
        key = vector.check()(vector.arrived(), vector.now)
        more = CIMultiDictProxy(CIMultiDict({**vector.headers, "Idempotency-Key": "another", "webhook-id": "other"}))
        assert vector.check()(vector.arrived(headers=more), vector.now + 1) == key
        assert str(key).startswith("sha256:")


@pytest.mark.parametrize(("name", "header"), [("github", "X-GitHub-Delivery"), ("shopify", "X-Shopify-Webhook-Id")])
def test_the_id_of_a_delivery_is_the_key_where_there_is_one(name: str, header: str) -> None:
    vector = VECTORS[name]
    with_id = CIMultiDictProxy(CIMultiDict({**vector.headers, header: "d-1"}))
    assert vector.check()(vector.arrived(headers=with_id), vector.now) == "d-1"
    assert str(vector.check()(vector.arrived(), vector.now)).startswith("sha256:")


@given(
    st.text(st.characters(max_codepoint=0x2FF), max_size=100), st.binary(max_size=100), st.sampled_from(sorted(VECTORS))
)
def test_whatever_stands_in_the_header_and_the_body_is_refused_in_words(header: str, body: bytes, name: str) -> None:
    vector = VECTORS[name]
    check = vector.check(b"whsec_c29tZXRoaW5n" if vector is STANDARD or name == "svix" else b"abcd")
    assert reason(check, replace(vector.with_header(vector.signature, header), body=body), vector.now)
