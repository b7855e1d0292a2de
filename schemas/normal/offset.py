"""Zones that stand behind a time. In: their text, the local time, the source's own zone. Out: what to count by.

| text | counted as |
|---|---|
| `+05:30`, `+0530`, `+05`, `UTC+5:30`, `GMT+0530 (India Standard Time)`, `+0530 IST` | that offset |
| `Z`, `UTC`, `GMT`, `UT` | UTC |
| `IST` where the source's own zone goes by that name at that time | the offset of its own zone |
| `EST`, `EDT`, `CST`, `CDT`, `MST`, `MDT`, `PST`, `PDT` | the American zones of RFC 2822 §4.3 |
| `Asia/Kolkata`, `[Asia/Kolkata]` | that zone |

Any other abbreviation has more than one meaning (IST is Indian, Irish and Israeli) and is not guessed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

_COMMENT = r"(?: ?\([^()]*\)| ?\[[^\[\]]*\])?"
_OFFSET = re.compile(rf"(?:utc|gmt|ut)? ?([+-])(\d\d?)(?::?(\d\d))?(?: ?[a-z]{{3,5}})?{_COMMENT}", re.ASCII | re.I)
_LOST_PLUS = re.compile(r"(utc|gmt) (?=\d\d:?\d\d\b)", re.ASCII | re.I)  # in a form, a plus is a space
_NAME = re.compile(rf"[(\[]?([a-z]{{1,5}})[)\]]?{_COMMENT}", re.ASCII | re.I)
_PLACE = re.compile(r"[(\[]?([a-z]+(?:/[a-z0-9_+-]+){1,2})[)\]]?", re.ASCII | re.I)
_UTC = frozenset({"Z", "UTC", "GMT", "UT"})
_AMERICAN = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}


def zone_of(text: str, local: datetime, own: ZoneInfo) -> tzinfo | None:
    """The offset or the zone that this text names for this naive local time; None if it names none for certain."""
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    if (offset := _offset(text)) is not None:
        return offset
    if found := _NAME.fullmatch(text):
        return _named(found[1].upper(), local, own)
    if found := _PLACE.fullmatch(text):
        return _place(found[1])
    return None


@lru_cache(maxsize=256)
def _offset(text: str) -> timezone | None:
    found = _OFFSET.fullmatch(_LOST_PLUS.sub(r"\1+", text, count=1))
    if found is None or int(found[2]) > 23 or int(found[3] or 0) > 59:
        return None
    size = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    return timezone(-size if found[1] == "-" else size)


def _named(name: str, local: datetime, own: ZoneInfo) -> tzinfo | None:
    if name in _UTC:
        return UTC
    for fold in (0, 1):  # where clocks go back, the name tells which of the two hours is meant
        at = local.replace(fold=fold)
        offset = own.utcoffset(at)
        if offset is not None and (own.tzname(at) or "").upper() == name:
            return timezone(offset)
    hours = _AMERICAN.get(name)
    return None if hours is None else timezone(timedelta(hours=hours))


@lru_cache(maxsize=256)
def _place(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, a path out of the tree, a folder of zones
        return None
