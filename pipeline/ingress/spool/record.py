"""One record of the spool: the frames of one group commit. In: frames. Out: bytes on disk, and back.

    magic 4 · length u32 · events u32 · written at f64 (Unix seconds) · CRC-32 of the body · CRC-32 of what precedes
    body: the frames, a newline between each two

Big-endian. The header has a checksum of its own: a length that can be believed tells a record that a power cut tore,
which was never answered for, from one that the disk has damaged. The magic is no UTF-8, so it is in no body, and
reading finds the next record after a damaged one by it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

MAGIC = b"\xffLP\xfe"
FIELDS = struct.Struct(">4sIIdI")
SUM = struct.Struct(">I")
HEADER = FIELDS.size + SUM.size


@dataclass(frozen=True, slots=True)
class Record:
    """Frames that were accepted together."""

    frames: Sequence[bytes]
    events: int
    at: float


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that are no record. `torn`: the end of a write that was cut short; else something has changed them."""

    start: int
    end: int
    torn: bool


def encode(record: Record) -> bytes:
    """A record as it lies on disk."""
    body = b"\n".join(record.frames)
    fields = FIELDS.pack(MAGIC, len(body), record.events, record.at, crc32(body))
    return b"%b%b%b" % (fields, SUM.pack(crc32(fields)), body)


def decode(content: bytes) -> Iterator[Record | Damage]:
    """Every record of a segment, and what is between them, in order."""
    at = 0
    while at < len(content):
        header = _header(content, at)
        if header is None:
            end = _next_header(content, at + 1)
            rest = content[at:end]
            yield Damage(at, end, end == len(content) and (len(rest) < HEADER or not rest.strip(b"\0")))
        else:
            length, events, written, checksum = header
            end = at + HEADER + length
            body = content[at + HEADER : end]
            if end > len(content):
                end = len(content)
                yield Damage(at, end, torn=True)
            elif crc32(body) != checksum:
                yield Damage(at, end, torn=False)
            else:
                yield Record(body.split(b"\n"), events, written)
        at = end


def _header(content: bytes, at: int) -> tuple[int, int, float, int] | None:
    """Length, events, time and checksum of the record that starts here, if one does."""
    if len(content) - at < HEADER or not content.startswith(MAGIC, at):
        return None
    (checksum,) = SUM.unpack_from(content, at + FIELDS.size)
    if crc32(content[at : at + FIELDS.size]) != checksum:
        return None
    _, length, events, written, body_checksum = FIELDS.unpack_from(content, at)
    return length, events, written, body_checksum


def _next_header(content: bytes, start: int) -> int:
    """Where the next record starts; the end, if none does."""
    at = content.find(MAGIC, start)
    while at >= 0:
        if _header(content, at):
            return at
        at = content.find(MAGIC, at + 1)
    return len(content)
