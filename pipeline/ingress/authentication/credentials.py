"""A secret that is sent as it is: in a header, or as a password (RFC 7617). In: a request. Out: nothing, or Denied.

What is compared are SHA-256 digests, with every secret in turn, so that time tells neither a length nor which matched.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Protocol

from pipeline.ingress.authentication.arrived import Arrived, Denied, as_sent


class Check(Protocol):
    """How one scheme is checked."""

    def __call__(self, arrived: Arrived, now: float) -> str | None:
        """The idempotency key that the request's signature vouches for; None: it vouches for none. Denied."""


def in_header(header: str, prefix: str, secrets: Sequence[bytes]) -> Check:
    """The secret follows `prefix` in a header."""
    expected = [_digest(as_sent(prefix) + secret) for secret in secrets]

    def check(arrived: Arrived, now: float) -> None:
        if not _is_any(_digest(as_sent(arrived.one(header))), expected):
            raise Denied("mismatch", f"header {header} does not hold what this connector was set up with")

    return check


def as_password(user: str, secrets: Sequence[bytes]) -> Check:
    """The secret is the user's password."""
    expected = [_digest(user.encode() + b":" + secret) for secret in secrets]

    def check(arrived: Arrived, now: float) -> None:
        kind, _, credentials = arrived.one("Authorization").partition(" ")
        try:
            given = base64.b64decode(as_sent(credentials.strip()), validate=True)
        except binascii.Error:
            given = b""
        if kind.lower() != "basic" or b":" not in given:
            raise Denied("malformed", "header Authorization holds no basic credentials")
        if not _is_any(_digest(given), expected):
            raise Denied("mismatch", "this is not the user and password that this connector was set up with")

    return check


def from_anybody(arrived: Arrived, now: float) -> None:
    """The URL is enough."""


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()


def _is_any(given: bytes, expected: Sequence[bytes]) -> bool:
    """Whether it is one of these; all are looked at."""
    found = 0
    for each in expected:
        found |= hmac.compare_digest(given, each)
    return bool(found)
