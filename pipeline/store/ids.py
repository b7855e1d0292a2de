"""Ids of records, as UUID text. In: nothing, or what identifies a thing at its source. Out: a new UUID, or its own."""

from __future__ import annotations

import hashlib
import secrets
import time


def new_id() -> str:
    """A new UUID of version 7 (RFC 9562 §5.7): it begins with the time, so that an index grows at its end."""
    milliseconds = time.time_ns() // 1_000_000
    return _stamped((milliseconds & (1 << 48) - 1) << 80 | secrets.randbits(80), 7)


def derived_id(*parts: str | int | bytes) -> str:
    """The UUID of version 8 (RFC 9562 §5.8) that belongs to these parts: the same ones always give the same id."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        encoded = part if isinstance(part, bytes) else str(part).encode("utf-8", "replace")
        digest.update(b"%d:" % len(encoded))
        digest.update(encoded)
    return _stamped(int.from_bytes(digest.digest(), "big"), 8)


def _stamped(bits: int, version: int) -> str:
    """The bits with RFC 9562's version and variant put in, as text; `uuid.UUID` takes four times as long."""
    digits = f"{bits & ~(0xF << 76) & ~(0b11 << 62) | version << 76 | 0b10 << 62:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
