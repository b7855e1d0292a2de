"""Times. In: a time as a source writes it, and the source's zone. Out: a moment in UTC, with a note if it was bent.

Shapes (vendor-facts §1, §2.2, §8), tried in this order:

| shape | example |
|---|---|
| ISO 8601, `T` or a space, with or without fraction, offset, `Z`, `UTC` | `2026-07-31 05:33:50.000+05:30` |
| Unix time in seconds, milliseconds or microseconds, as number or text, told apart by magnitude | `1785476030` |
| digits without separators | `20260731`, `20260731053350` |
| US order, only with AM or PM, since `05/06/2026` alone could be either | `7/31/2026 5:33:50 AM` |
| day first, month as number or English name, with or without a gap before the time | `31-Jul-202605:33:50` |
| RFC 2822 | `Fri, 31 Jul 2026 05:33:50 +0000` |

A time without offset is in the source's zone. Where clocks go back, a local time that happens twice is the first of
the two (fold=0); where they go forward, one that never happens is moved forward by the gap. Both are noted.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import orjson

TWICE = "this local time happens twice where clocks go back; the first is meant"
NEVER = "this local time does not happen where clocks go forward; it was moved forward"

LEEWAY = timedelta(hours=24)  # how far ahead a source's clock may be
LONGEST = 64  # characters

_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?", re.ASCII)
_GAP_OR_NAME = re.compile(r" *(?:(?:UTC|GMT|Z)$|(?=[+-]\d\d:?\d\d$))")
_FRACTION = re.compile(r"(?<=\.\d{6})\d+")
_EPOCH = re.compile(r"-?\d{1,17}(?:\.\d{1,9})?", re.ASCII)
_AM_PM = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4}),? (\d{1,2}):(\d\d)(?::(\d\d)(?:\.\d+)?)? ?([AaPp])\.?[Mm]\.?", re.ASCII
)
_DAY_FIRST = re.compile(
    r"(\d{1,2})-(\d{1,2}|[A-Za-z]{3})-(\d{4})(?:[T ]?(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?)?", re.ASCII
)
_RFC_2822 = re.compile(r"(?:[A-Za-z]{3}, *)?\d{1,2} [A-Za-z]{3} \d{4} \d\d:\d\d.*", re.ASCII)
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = dict(zip(_MONTH_NAMES, range(1, 13), strict=True))


class Moment(NamedTuple):
    """A time in UTC. `note` says what was assumed or shifted."""

    at: datetime
    note: str | None = None


def read_moment(value: object, zone: ZoneInfo) -> Moment | None:
    """The moment that a text or a number names; None if it is none of the known shapes, or no date that exists."""
    written = read_written(value)
    if written is None:
        return None
    if written.tzinfo is not None:
        return Moment(_in_utc(written))
    return _from_zone(written, zone)


def read_written(value: object) -> datetime | None:
    """The time as it is written: naive if it names no offset."""
    try:
        if isinstance(value, str):
            return _from_text(value.strip()) if len(value) <= LONGEST else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return _from_epoch(float(value))
    except (ValueError, OverflowError):
        return None


def read_day(value: object, zone: ZoneInfo) -> date | None:
    """The day as it is written, whatever the zone; of Unix time, which is written in none, the day in `zone`."""
    written = read_written(value)
    if written is None:
        return None
    if written.tzinfo is not None and (not isinstance(value, str) or _EPOCH.fullmatch(value.strip())):
        return written.astimezone(zone).date()
    return written.date()


def is_sentinel(at: datetime) -> bool:
    """Whether this is what systems write for "no time": Unix time zero, the year 1."""
    return at.year <= 1970


def is_ahead(at: datetime, now: datetime) -> bool:
    """Whether this is further ahead of `now` than a wrong clock explains."""
    return at > now + LEEWAY


def utc_text(at: datetime) -> str:
    """ISO 8601 in UTC, ending in `Z`; `at` must be in UTC. The JSON writer writes it three times as fast."""
    return orjson.dumps(at, option=orjson.OPT_UTC_Z)[1:-1].decode()


def _from_text(text: str) -> datetime | None:
    if text[4:5] == "-" and _ISO.fullmatch(text):
        return _from_iso(text)
    if _EPOCH.fullmatch(text):
        return _from_digits(text)
    if match := _AM_PM.fullmatch(text):
        month, day, year, hour, minute, second, half = match.groups()
        if not 1 <= int(hour) <= 12:
            return None
        in_day = int(hour) % 12 + (12 if half in "Pp" else 0)
        return datetime(int(year), int(month), int(day), in_day, int(minute), int(second or 0))  # noqa: DTZ001
    if match := _DAY_FIRST.fullmatch(text):
        day, month, year, hour, minute, second = match.groups()
        number = int(month) if month.isdecimal() else _MONTHS.get(month.lower(), 0)
        return datetime(int(year), number, int(day), int(hour or 0), int(minute or 0), int(second or 0))  # noqa: DTZ001
    if _RFC_2822.fullmatch(text):
        return parsedate_to_datetime(text)
    return None


def _from_iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        if text.startswith("0000-00-00"):
            return datetime.min.replace(tzinfo=UTC)  # MySQL's way to say that there is no time
        offset = "+00:00" if text.endswith(("UTC", "GMT", "Z")) else ""
        return datetime.fromisoformat(_FRACTION.sub("", _GAP_OR_NAME.sub("", text) + offset))


def _from_digits(text: str) -> datetime | None:
    if len(text) == 8:
        return datetime.strptime(text, "%Y%m%d")  # noqa: DTZ007
    if len(text) == 14 and "." not in text:
        return datetime.strptime(text, "%Y%m%d%H%M%S")  # noqa: DTZ007
    return _from_epoch(float(text))


def _from_epoch(number: float) -> datetime | None:
    """Unix time: below 1e11 seconds, below 1e14 milliseconds, below 1e17 microseconds."""
    size = abs(number)
    if not size < 1e17:
        return None
    seconds = number if size < 1e11 else number / 1e3 if size < 1e14 else number / 1e6
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def _from_zone(written: datetime, zone: ZoneInfo) -> Moment:
    if zone.key == "UTC":
        return Moment(written.replace(tzinfo=UTC))
    first = zone.utcoffset(written)
    second = zone.utcoffset(written.replace(fold=1))
    if first is None or second is None:
        raise ValueError(f"time zone {zone.key!r} has no offset at some time")
    note = None if first == second else TWICE if first > second else NEVER
    try:
        return Moment((written - first).replace(tzinfo=UTC), note)
    except OverflowError:  # within a day of year 1 or year 9999
        return Moment(written.replace(tzinfo=UTC), note)


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:  # within a day of year 1 or year 9999
        return at.replace(tzinfo=UTC)
