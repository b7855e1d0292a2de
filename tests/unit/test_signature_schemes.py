"""What is particular to one scheme: several signatures, public keys, secrets that make no key, forms, hashes, URLs."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from multidict import CIMultiDict, CIMultiDictProxy

from pipeline.ingress.authentication.arrived import Arrived
from pipeline.ingress.authentication.signature import BadSecret, by_signatures
from schemas.auth import AuthSettings, joined
from tests.support.vectors import FORM, STANDARD, TWILIO_HASH, VECTORS, reason


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
