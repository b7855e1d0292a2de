"""The official vectors of every scheme pass, and nothing near them does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from tests.support.vectors import STANDARD, VECTORS, Vector, reason

TIMED = {
    name: vector
    for name, vector in VECTORS.items()
    if vector.now != 1_700_000_000 or "1700000000" in str(vector.headers)
}
every = pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
timed = pytest.mark.parametrize("vector", TIMED.values(), ids=TIMED)


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
