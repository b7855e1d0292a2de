"""What calls and activities have in common: each belongs to a lead and has its place in time. Out: those two.

Both are kept like fields, under names that no field can have. It belongs to the lead that it was first attached to; the
newest event whose source tells a time says when it was, and without one the first to arrive.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from pipeline.store.merge import Fields, Stamps
from pipeline.store.record import Record

LEAD = "@lead"
AT = "@at"


def said(
    stamps: Stamps,
    lead: str,
    values: Mapping[str, Any],
    defaults: Mapping[str, Any] | None = None,
    unsound: Collection[str] = (),
) -> Fields:
    """What an event says of a call or an activity: its fields, and that it is the lead's."""
    return Fields.stamped(stamps, {**values, LEAD: lead}, defaults, unsound)


def in_hand(row: Any, **apart: str) -> Record:
    """A stored one, with the lead and with what else is kept `apart` from its fields."""
    state = Fields.stored({**row["fields"], LEAD: str(row["lead_id"]), **apart}, row["stamps"])
    return Record(str(row["id"]), row["account_id"], row["connector_id"], state, row["version"])


def values_of(record: Record) -> dict[str, Any]:
    """The fields as they are stored and shown."""
    values = record.state.present()
    for name in (LEAD, AT):
        values.pop(name, None)
    return values


def lead_of(record: Record) -> str:
    """The lead that it belongs to."""
    return str(record.state.values[LEAD])


def text_of(at: datetime) -> str:
    """A place in time as it is kept, in ISO 8601; of one in UTC the JSON writer writes it in a third of the time."""
    return orjson.dumps(at)[1:-1].decode() if at.tzinfo is UTC else at.isoformat()


def time_of(value: Any) -> datetime | None:
    """A field's time, if it holds one with a zone."""
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return time if time is not None and time.tzinfo is not None else None
