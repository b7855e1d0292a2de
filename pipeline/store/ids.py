"""Ids, as UUID text. In: nothing, or what identifies a thing at its source. Out: a new UUID, or its own.

An event that its source gives an id is a version of a thing. The first four groups of its id are the thing's, the last
one says which version it is, by what that version says: all versions of a thing lie in one range of ids. The thing's
own id ends in zeros.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final
from uuid import UUID

from asyncpg.pgproto.pgproto import UUID as DriversUUID

_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 0b11] for digit in "0123456789abcdef"}  # RFC 9562 §4.1
_WRITTEN: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_VERSION, _OF_THING, _FIRST, _LAST = 14, 24, "0" * 12, "f" * 12  # where an id tells its version, and its last group


def new_ids(count: int) -> Iterator[str]:
    """New UUIDs of version 7 (RFC 9562 §5.7): they begin with the time, so that an index grows at its end.

    One look at the clock and one draw of random bits are for all of them.
    """
    began, random = f"{time.time_ns() // 1_000_000 & (1 << 48) - 1:012x}", os.urandom(10 * count).hex()
    return (_stamped(began + random[at : at + 20], 7) for at in range(0, 20 * count, 20))


def new_id() -> str:
    """One of these."""
    return next(new_ids(1))


def derived_id(*parts: str | int | bytes) -> str:
    """The UUID of version 8 (RFC 9562 §5.8) that belongs to these parts: the same ones always give the same id."""
    return _stamped(_digest_of(parts).hexdigest(), 8)


def ids_under(*parts: str | int | bytes) -> Callable[[bytes], str]:
    """`derived_id(*parts, last)` as a function of the last part, for many that share the others."""
    shared = _digest_of(parts)

    def id_of(last: bytes) -> str:
        digest = shared.copy()
        digest.update(b"%d:%b" % (len(last), last))
        return _stamped(digest.hexdigest(), 8)

    return id_of


def version_of(thing: str, content: bytes) -> str:
    """The id of the version of a thing that says this; 48 bits tell versions of one thing apart."""
    return thing[:_OF_THING] + hashlib.blake2b(content, digest_size=6).hexdigest()


def thing_of(event: str) -> str | None:
    """The id of the thing that an event is a version of; None: its source gave it no id, so it is one of its own."""
    return event[:_OF_THING] + _FIRST if event[_VERSION] == "8" else None


def versions_of(thing: str) -> tuple[str, str]:
    """The range of ids, both ends included, in which all versions of a thing lie."""
    return thing[:_OF_THING] + _FIRST, thing[:_OF_THING] + _LAST


def canonical(text: str) -> str | None:
    """An id as it is stored, of one that is written as RFC 9562 §4 says, in either case; None: it is no id.

    `uuid.UUID` also reads braces, `urn:uuid:` and hyphens anywhere, which PostgreSQL's driver refuses in part.
    """
    return text.lower() if _WRITTEN.fullmatch(text) else None


def uuid_of(bits: bytes) -> UUID:
    """An id from its 16 bytes, on its way to the database: the driver's own kind is made and written far sooner."""
    return DriversUUID(bits)


def _digest_of(parts: Iterable[str | int | bytes]) -> hashlib.blake2b:
    told = bytearray()
    for part in parts:
        encoded = part if isinstance(part, bytes) else str(part).encode("utf-8", "replace")
        told += b"%d:%b" % (len(encoded), encoded)
    return hashlib.blake2b(told, digest_size=16)


def _stamped(digits: str, version: int) -> str:
    """32 hexadecimal digits with RFC 9562's version and variant put in, as text; `uuid.UUID` takes far longer."""
    variant = _VARIANT[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-{version}{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
