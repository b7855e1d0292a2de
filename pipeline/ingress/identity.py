"""Event ids. In: the producer's key, where it gives one. Out: UUID text (RFC 9562).

With a key the id is a function of account, connector and key, so that two processes that meet the same event at the
same moment answer the same id without asking anybody. Without one it is new.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping, Sequence

from pipeline.ingress.refusal import malformed
from schemas.connector import Connector
from schemas.cutting import producer_id

# draft-ietf-httpapi-idempotency-key-header; Standard Webhooks; Svix (vendor-facts §6). The first one present counts.
HEADERS = ("Idempotency-Key", "webhook-id", "svix-id")
LONGEST = 255


def key_of(headers: Mapping[str, str]) -> str | None:
    """The key that the request carries in a header, or None; raises Refusal if it is empty or too long."""
    for name in HEADERS:
        key = headers.get(name)
        if key is not None:
            key = key.strip()
            if not key or len(key) > LONGEST:
                raise malformed("Bad idempotency key", f"{name} must have 1 to {LONGEST} characters", field=name)
            return key
    return None


def ids_of(connector: Connector, key: str | None, events: Sequence[object]) -> list[str]:
    """One id per event: from the request's key, else from the event's own id paths, else new.

    Of several events under one key, each has the key `<key>/<index>`, from 0; so one of them can be sent again alone.
    """
    if key is not None:
        keys: list[str | None] = [key] if len(events) == 1 else [f"{key}/{index}" for index in range(len(events))]
    else:
        keys = [producer_id(event, connector.id_paths) for event in events]
    return [new_id() if own is None else stable_id(connector.account, connector.id, own) for own in keys]


def stable_id(account: int, connector: int, key: str) -> str:
    """The id of the event that a producer calls `key`: blake2b-128, marked as a UUID of version 8."""
    text = f"{account}/{connector}/{key}".encode("utf-8", "surrogateescape")
    number = int.from_bytes(hashlib.blake2b(text, digest_size=16).digest())
    return _uuid(number, 8)


def new_id() -> str:
    """A UUID of version 7: milliseconds since 1970, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    return _uuid(milliseconds << 80 | int.from_bytes(os.urandom(10)), 7)


def _uuid(number: int, version: int) -> str:
    number = number & ~(0xF << 76) | version << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
