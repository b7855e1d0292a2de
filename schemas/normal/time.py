"""Times. In: a time as a source writes it, its zone, its order of dates. Out: a moment in UTC, noted if it was bent.

Shapes (vendor-facts §1, §2.2, §8), tried in this order:

| shape | example |
|---|---|
| ISO 8601, `T` or a space, with or without fraction, offset, `Z`, `UTC` | `2026-07-31 05:33:50.000+05:30` |
| Unix time in seconds, milliseconds or microseconds, as number or text, told apart by magnitude | `1785476030` |
| digits without separators | `20260731`, `20260731053350`, `20260731T053350Z` |
| JSON of .NET: Unix time in milliseconds; an offset behind it does not move it | `/Date(1785476030000+0530)/` |
| year first | `2026/07/31 05:33`, `2026.07.31`, `2026-07-31 5:33 AM` |
| day or month first, in digits, with any of `-/.` or spaces | `31/07/2026 05:33`, `7/31/2026 5:33:50 AM`, `31.07.26` |
| the month by its English name, in any place | `31-Jul-202605:33:50`, `July 31st, 2026 at 5:33 a.m.` |
| RFC 2822, asctime, JavaScript, with a weekday | `Fri Jul 31 2026 05:33:50 GMT+0530 (India Standard Time)` |
| ISO 8601 by week and by day of the year | `2026-W31-5`, `2026-212` |

Which day a date in digits means is told by `schemas.normal.order`, what a zone behind a time means by
`schemas.normal.offset`. Digits of any script, characters that cannot be seen, quotes and marks around a time are read
over. A year in two digits is one from 1969 to 2068. `24:00` is the next midnight, a leap second (`:60`) the next
second, `14:05 PM` five past two.

A time without offset is in the source's zone. Where clocks go back, a local time that happens twice is the first of
the two (fold=0); where they go forward, one that never happens is moved forward by the gap. Both are noted.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as clock
from typing import NamedTuple
from zoneinfo import ZoneInfo

import orjson

from schemas.normal.custom import order_of as order_of
from schemas.normal.dates import Dated, dated, usual
from schemas.normal.offset import zone_of
from schemas.normal.order import Order, meant
from schemas.normal.tidy import tidied

TWICE = "this local time happens twice where clocks go back; the first is meant"
NEVER = "this local time does not happen where clocks go forward; it was moved forward"

LONGEST = 128  # characters; a Date of JavaScript with the long name of its zone has some 80

_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?", re.ASCII)
_GAP_OR_NAME = re.compile(r" *(?:(?:UTC|GMT|Z)$|(?=[+-]\d\d:?\d\d$))")
_LOST_PLUS = re.compile(r"(T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?) (?=(?:0\d|1[0-4]):?[0134][05]$)", re.ASCII)
_EPOCH = re.compile(r"-?\d{1,17}(?:\.\d{1,9})?", re.ASCII)
_JSON = re.compile(r"\\?/Date\((-?\d{1,17})(?:([+-])(\d\d)(\d\d))?\)\\?/", re.ASCII)
_NO_DATE = re.compile(r"(?:0000([-/.]?)00\1(?:00)|00([-/.])00\2(?:0000))(?:[T ]?[0:. ]*Z?)?", re.ASCII)
_NO_TIME = datetime.min.replace(tzinfo=UTC)
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_UTC_NAME = re.compile(r"\b(?:UTC|GMT)\b", re.IGNORECASE)

# A time as it is written, naive if it names no offset; a note; whether it is Unix time, which is written in no zone.
_Written = tuple[datetime, str | None, bool]


class Moment(NamedTuple):
    """A time in UTC. `note` says what was assumed or shifted; where it says two things, they are joined by `; `."""

    at: datetime
    note: str | None = None


class Day(NamedTuple):
    """A day. `note` says what was assumed."""

    on: date
    note: str | None = None


def read_moment(value: object, zone: ZoneInfo, order: Order | None = None, *, known: bool = False) -> Moment | None:
    """The moment that a text or a number names; None if it is none of the shapes, or no date that exists.

    `order`: how the source writes a date that more than one order fits (`schemas.normal.custom.order_of`); what it
    decides is noted, unless it is `known` that the source writes so. None: nobody says; then dates with dashes and
    dots are read day first, dates with slashes and AM or PM month first, both noted, and others cannot be read.
    """
    written = _read(value, zone, order, known)
    if written is None:
        return None
    at, note, _ = written
    if at.tzinfo is not None:
        return Moment(_in_utc(at), note)
    return _from_zone(at, zone, note)


def read_day(value: object, zone: ZoneInfo, order: Order | None = None, *, known: bool = False) -> Day | None:
    """The day as it is written, whatever the zone; of Unix time, which is written in none, the day in `zone`.

    `order` and `known` are as for `read_moment`.
    """
    written = _read(value, zone, order, known)
    if written is None:
        return None
    at, note, is_unix = written
    return Day((at.astimezone(zone) if is_unix else at).date(), note)


def read_format(text: object, format: str, zone: ZoneInfo) -> Moment | None:
    """The moment that a text in this format of strptime names; None if it is not written so.

    A time is in `zone` unless the format has an offset (`%z`) or a name (`%Z`), of which UTC and GMT alone are read:
    what else strptime takes for one depends on the machine. A number is read as its digits.
    """
    if isinstance(text, bool) or not isinstance(text, str | int) or len(digits := str(text)) > LONGEST:
        return None
    try:
        at = datetime.strptime(digits.strip(), format)  # noqa: DTZ007
        if "%Z" in format and at.tzinfo is None:
            at = at.replace(tzinfo=UTC if _UTC_NAME.search(digits) else None)
            if at.tzinfo is None:
                return None
        return Moment(_in_utc(at)) if at.tzinfo is not None else _from_zone(at, zone, None)
    except (ValueError, OverflowError):
        return None


def is_sentinel(at: datetime) -> bool:
    """Whether this is what systems write for "no time": Unix time zero, the year 1."""
    return at.year <= 1970


def utc_text(at: datetime) -> str:
    """ISO 8601 in UTC, ending in `Z`; `at` must be in UTC. The JSON writer writes it three times as fast."""
    return orjson.dumps(at, option=orjson.OPT_UTC_Z)[1:-1].decode()


def _read(value: object, zone: ZoneInfo, order: Order | None, known: bool) -> _Written | None:
    try:
        if isinstance(value, str):
            if len(value) > LONGEST:
                return None
            text = value.strip()
            plain = _plain(text)
            return plain if plain is not None else _worded(text, zone, order, known)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return _from_epoch(float(value)), None, True
    except (ValueError, OverflowError):
        return None


def _plain(text: str) -> _Written | None:
    """What most sources write."""
    if text[4:5] == "-" and _ISO.fullmatch(text):
        at = _from_iso(text)
        return None if at is None else (at, None, False)
    if _EPOCH.fullmatch(text):
        at = _from_digits(text)
        return at, None, at.tzinfo is not None
    return None


def _from_iso(text: str) -> datetime | None:
    """ISO 8601, also with a gap or a name before its offset, or a space where a form lost the plus; None: not quite."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        offset = "+00:00" if text.endswith(("UTC", "GMT", "Z")) else ""
    if not offset and text[10:11] == "T":
        text = _LOST_PLUS.sub(r"\1+", text)
    try:
        return datetime.fromisoformat(_GAP_OR_NAME.sub("", text) + offset)
    except ValueError:
        return None


def _from_digits(text: str) -> datetime:
    whole, _, fraction = text.partition(".")
    if len(text) == 8 and text.isdecimal():
        return _NO_TIME if text == "00000000" else datetime.strptime(text, "%Y%m%d")  # noqa: DTZ007
    if len(whole) == 14 and whole.isdecimal():
        at = datetime.strptime(whole, "%Y%m%d%H%M%S")  # noqa: DTZ007
        return at + timedelta(microseconds=int(f"{fraction:0<6}"[:6]))
    return _from_epoch(float(text))


def _from_epoch(number: float) -> datetime:
    """Unix time: below 1e11 seconds, below 1e14 milliseconds, below 1e17 microseconds."""
    size = abs(number)
    if not size < 1e17:
        raise ValueError("too far away for Unix time")
    seconds = number if size < 1e11 else number / 1e3 if size < 1e14 else number / 1e6
    return _UNIX + timedelta(seconds=seconds)


def _worded(text: str, zone: ZoneInfo, order: Order | None, known: bool) -> _Written | None:
    """What is left: times that people read, and what stands around a time or cannot be seen taken off."""
    read = usual(text)
    if read is None:
        tidy = tidied(text)
        if len(tidy) > LONGEST:
            return None
        if tidy != text and (plain := _plain(tidy)) is not None:
            return plain
        if found := _JSON.fullmatch(tidy):
            return _from_json(found)
        if _NO_DATE.fullmatch(tidy):
            return _NO_TIME, None, False  # what databases write that have no null
        read = dated(tidy)
    return None if read is None else _from_dated(read, zone, order, known)


def _from_dated(read: Dated, zone: ZoneInfo, order: Order | None, known: bool) -> _Written | None:
    day = meant(read.shape, order, known=known)
    if day is None:
        return None
    on, note = day
    local = datetime.combine(on, clock.min) + read.clock
    if not read.zone:
        return local, note, False
    where = zone_of(read.zone, local, zone)
    if where is None:
        return None
    if isinstance(where, ZoneInfo):
        note = _from_zone(local, where, note).note
    return local.replace(tzinfo=where), note, False


def _from_json(found: re.Match[str]) -> _Written:
    at = _UNIX + timedelta(milliseconds=int(found[1]))
    if found[2] is None:
        return at, None, True
    offset = timedelta(hours=int(found[3]), minutes=int(found[4]))
    return at.astimezone(timezone(-offset if found[2] == "-" else offset)), None, False


def _from_zone(written: datetime, zone: ZoneInfo, note: str | None) -> Moment:
    if zone.key == "UTC":
        return Moment(written.replace(tzinfo=UTC), note)
    first, second = zone.utcoffset(written), zone.utcoffset(written.replace(fold=1))
    if first is None or second is None:
        raise ValueError(f"time zone {zone.key!r} has no offset at some time")
    if first != second:
        note = _joined(note, TWICE if first > second else NEVER)
    try:
        return Moment((written - first).replace(tzinfo=UTC), note)
    except OverflowError:  # within a day of year 1 or year 9999
        return Moment(written.replace(tzinfo=UTC), note)


def _joined(note: str | None, another: str) -> str:
    return another if note is None else f"{note}; {another}"


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:  # within a day of year 1 or year 9999
        return at.replace(tzinfo=UTC)
