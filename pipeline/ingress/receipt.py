"""One receipt, 32 bytes. In: accepted events. Out: the records of a segment, and rows for the database.

A record is event id (16), connector id (8), received_at in microseconds since 1970 (8), big-endian. A write that a
kill cut short leaves a torn last record, which reading ignores.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.ingress.needs import Row
from pipeline.store.ids import uuid_of
from schemas.event import Event

RECORD = struct.Struct(">16sqq")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def records(events: Sequence[Event]) -> bytes:
    """The receipts of these events."""
    return b"".join(
        RECORD.pack(
            bytes.fromhex(event.id.replace("-", "")), event.connector, (event.received_at - EPOCH) // MICROSECOND
        )
        for event in events
    )


def rows(file: Path) -> list[Row]:
    """The receipts in a segment; raises OSError."""
    content = file.read_bytes()
    whole = len(content) - len(content) % RECORD.size
    return [
        (uuid_of(id), connector, EPOCH + received * MICROSECOND)
        for id, connector, received in RECORD.iter_unpack(content[:whole])
    ]
