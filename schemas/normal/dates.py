"""Dates and times as people and programs write them. In: a text. Out: its days by order, its clock, its zone's text.

A text is a date and a clock, in either order, then a zone; all but the date may be missing. Nothing may be left over:
a text that holds more than one time is none. The shapes are listed in `schemas.normal.time`.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from schemas.normal.locale import DateOrder
from schemas.normal.order import Shape

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = dict(zip(_MONTH_NAMES, range(1, 13), strict=True))
_MIDNIGHT = timedelta()
_WEEKDAYS = {"mon": 0, "tue": 1, "wed": 2, "thu": 3, "fri": 4, "sat": 5, "sun": 6}


def _shape(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII | re.IGNORECASE)


_END = r"(?!\d)"
_MONTH = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)(?![a-z])\.?"
)
_DAY = r"(\d\d?)(?:st|nd|rd|th)?"
_WHOLE_YEAR = rf"(\d{{4}})(?:{_END}|(?=\d\d:\d\d))"  # a clock may follow without a gap: 31-Jul-202605:33:50
_YEAR = rf"(?:{_WHOLE_YEAR}|'?(\d\d)(?![\d:]))"

_DIGITS = _shape(rf"(\d{{4}}|\d\d?)( ?[-/.] ?| )(\d\d?)\2(?:{_WHOLE_YEAR}|(\d\d?)(?![\d:]))\.?")
_DAY_MONTH = _shape(rf"(?:the )?{_DAY}(?: of)?[-/., ]{{0,2}}{_MONTH}[-/, ]{{0,2}}{_YEAR}")
_MONTH_DAY = _shape(rf"{_MONTH}[-/, ]{{0,2}}{_DAY}{_END}(?:[-/, ]{{1,2}}{_YEAR})?")
_YEAR_MONTH = _shape(rf"(\d{{4}})[-/., ]{{0,2}}{_MONTH}[-/, ]{{0,2}}{_DAY}{_END}")
_SOLID = _shape(rf"(\d{{4}})(\d\d)(\d\d)(?:{_END}|(?=\d{{4}}(?:\d\d)?{_END}))")
_WEEK = _shape(rf"(\d{{4}})-?w(\d\d)-?([1-7]){_END}")
_DAY_OF_YEAR = _shape(rf"(\d{{4}})-(\d{{3}}){_END}")
_USUAL = _shape(r"(\d\d?)([-/.])(\d\d?)\2(\d{4})(?:,? (\d\d?):(\d\d)(?::(\d\d))?(?: ?([ap])m)?)?")
_LAST_YEAR = _shape(r"(.*) (\d{4})")  # Sun Jul 05 14:05:00 IST 2026
_WEEKDAY = _shape(r"[, ]{0,2}\(?(mon|tue|wed|thu|fri|sat|sun)(?:s|nes|rs?|ur)?(?:day)?(?![a-z])\.?\)?[, ]{0,2}")

_GAP = _shape(r" ?(?:(t) ?(?=\d)|,? ?at |@ ?|[-|] |[:_](?=\d)|, ?(?:- )?|-(?=\d\d([:.])\d\d\2\d\d))? ?")
_CLOCK = _shape(
    rf"(\d\d?){_END}(?:([:.h])(\d\d){_END}(?:(?:\2|m)(\d\d){_END}s?(?:[.,:](\d{{1,12}}){_END})?)?)?"
    r"(?: ?([ap])\.? ?m\b\.?)?( ?(?:hrs?|hours|h|uhr)\b\.?)?"
)
_SOLID_CLOCK = _shape(rf"(\d\d)()(?:(\d\d)(?:(\d\d)(?:[.,](\d{{1,12}}))?)?)?{_END}()( ?hrs?\b\.?)?")
_DATE_ZONE = _shape(r"[+-]\d\d:\d\d|[^+-].*|")  # XML Schema Part 2 §3.2.9; 10-11-12-13 is no date with an offset


class Dated(NamedTuple):
    """A time as it is written.

    `clock` is the time since midnight: 24:00 lies in the next day, the leap second :60 in the next minute. `zone` is
    what stands behind it.
    """

    shape: Shape
    clock: timedelta
    zone: str


class _Date(NamedTuple):
    """A date and the rest of its text. `mark` stands between digits that end in a whole year; `solid`: none does."""

    days: dict[DateOrder, date]
    rest: str
    mark: str = ""
    solid: bool = False


class _Clock(NamedTuple):
    """A time of day and the rest of its text. `half`: AM or PM is named."""

    since: timedelta
    rest: str
    half: bool = False


def dated(text: str) -> Dated | None:
    """What a text in plain characters and single spaces says; None or ValueError: no date, or none that exists."""
    day = _date(text)
    if day is not None:
        clock = _clock_behind(day)
    elif (ahead := _clock(text, solid=False)) is not None:
        day = _date(ahead.rest.lstrip(" ,").removeprefix("on "))
        clock = None if day is None else ahead._replace(rest=day.rest)
    else:
        return None
    if day is None or clock is None or not day.days:
        return None
    return Dated(Shape(day.days, _unsaid(day.mark, clock.half)), clock.since, clock.rest.strip())


def usual(text: str) -> Dated | None:
    """The same of a text as most programs write it, in a fraction of the time; None: ask `dated`."""
    found = _USUAL.fullmatch(text)
    if found is None:
        return None
    first, mark, second, year, hour, minute, seconds, half = found.groups()
    shape = _usual_shape(first, second, year, mark, half is not None)
    if shape is None:
        return None
    return Dated(shape, _MIDNIGHT if hour is None else _since(hour, minute, seconds, None, half), "")


@lru_cache(maxsize=4_096)  # most events are of the same few days
def _usual_shape(first: str, second: str, year: str, mark: str, half: bool) -> Shape | None:
    days = _year_last(first, second, year)
    return Shape(days, _unsaid(mark, half)) if days else None


def _unsaid(mark: str, half: bool) -> DateOrder | None:
    if mark == "/":
        return "mdy" if half else None
    return "dmy" if mark in ("-", ".") else None


def _date(text: str) -> _Date | None:
    """The date that a text begins with, weekday and all."""
    weekdays = []
    if not text[:1].isdecimal() and (named := _WEEKDAY.match(text)):
        weekdays.append(named[1])
        text = text[named.end() :]
    day = _in_digits(text) or _in_words(text) or _by_iso(text)
    if day is None:
        return None
    if day.rest and (named := _WEEKDAY.match(day.rest)):
        weekdays.append(named[1])
        day = day._replace(rest=" " + day.rest[named.end() :])
    return day if len(day.days) < 2 else day._replace(days=_on(weekdays, day.days))


def _on(weekdays: list[str], days: dict[DateOrder, date]) -> dict[DateOrder, date]:
    """The days that fall on the weekday that stands beside them: a Sunday 05/07/2026 can only be in July."""
    named = {_WEEKDAYS[word.lower()] for word in weekdays}
    return {order: day for order, day in days.items() if day.weekday() in named} or days


def _in_digits(text: str) -> _Date | None:
    found = _DIGITS.match(text)
    if found is None:
        return None
    first, mark, second, year, last = found.groups()
    rest = text[found.end() :]
    if len(first) == 4:
        return None if last is None else _Date(_days(ymd=(first, second, last)), rest)
    if year is not None:
        return _Date(_year_last(first, second, year), rest, mark.strip())
    days = _year_last(first, second, last) if len(last) == 2 else {}
    return _Date(days | _days(ymd=(first, second, last)) if len(first) == 2 else days, rest)


def _year_last(first: str, second: str, year: str) -> dict[DateOrder, date]:
    return _days(dmy=(year, second, first), mdy=(year, first, second))


def _days(**written: tuple[str, str, str]) -> dict[DateOrder, date]:
    """The days that exist of these, each written as year, month and day."""
    days: dict[DateOrder, date] = {}
    for order in _ORDERS:
        if order in written:
            try:
                days[order] = _day(*written[order])
            except ValueError:
                continue
    return days


_ORDERS: tuple[DateOrder, ...] = ("dmy", "mdy", "ymd")


def _day(year: str, month: str, day: str) -> date:
    """A day of a year in four digits, or in two, of which 69 to 99 are in the last century (POSIX strptime, %y)."""
    number = int(year)
    if len(year) == 2:
        number += 1900 if number >= 69 else 2000
    return date(number, int(month) if month.isdecimal() else _MONTHS[month[:3].lower()], int(day))


def _in_words(text: str) -> _Date | None:
    """A date with the name of its month, which makes it unambiguous."""
    if found := _DAY_MONTH.match(text):
        day, month, year, short = found.groups()
        return _sole(_day(year or short, month, day), text[found.end() :])
    if found := _YEAR_MONTH.match(text):
        return _sole(_day(*found.groups()), text[found.end() :])
    if found := _MONTH_DAY.match(text):
        month, day, year, short = found.groups()
        rest = text[found.end() :]
        if year or short:
            return _sole(_day(year or short, month, day), rest)
        if behind := _LAST_YEAR.fullmatch(rest):
            return _sole(_day(behind[2], month, day), behind[1])
    return None


def _by_iso(text: str) -> _Date | None:
    """ISO 8601 without marks, by week, or by day of the year."""
    if found := _SOLID.match(text):
        return _sole(_day(*found.groups()), text[found.end() :])._replace(solid=True)
    if found := _WEEK.match(text):
        return _sole(date.fromisocalendar(*map(int, found.groups())), text[found.end() :])
    if found := _DAY_OF_YEAR.match(text):
        first = date(int(found[1]), 1, 1)
        day = first + timedelta(days=int(found[2]) - 1)
        return _sole(day, text[found.end() :]) if day.year == first.year else None
    return None


def _sole(day: date, rest: str) -> _Date:
    return _Date({"ymd": day}, rest)


def _clock_behind(day: _Date) -> _Clock | None:
    """The clock behind a date, with what is left; midnight if there is none; None if what is there is no zone."""
    gap = _GAP.match(day.rest)
    behind = day.rest[gap.end() :] if gap else day.rest
    clock = _clock(behind, solid=day.solid or (gap is not None and gap[1] is not None))
    if clock is not None:
        return clock
    zone = day.rest.strip()
    return _Clock(_MIDNIGHT, zone) if _DATE_ZONE.fullmatch(zone) else None


def _clock(text: str, *, solid: bool) -> _Clock | None:
    """The clock that a text begins with; ValueError if there is no such time. `solid`: it may be without marks."""
    found = _CLOCK.match(text)
    if found is None or not (found[3] or found[6] or found[7]):
        found = _SOLID_CLOCK.match(text)
        if found is None or not (solid or found[7]):
            return None
    hour, _, minute, second, fraction, half, _ = found.groups()
    return _Clock(_since(hour, minute, second, fraction, half), text[found.end() :], bool(half))


def _since(hour: str, minute: str | None, second: str | None, fraction: str | None, half: str | None) -> timedelta:
    """The time since midnight; ValueError if there is no such time of day.

    After noon 0 is 12 and 14 is 14, as no other hour can be meant; a 14 before noon is no time.
    """
    hours, minutes, seconds = int(hour), int(minute or 0), int(second or 0)
    if half:
        if hours > 23 or (hours > 12 and half in "Aa"):
            raise ValueError("no such hour")
        hours = hours % 12 + (12 if half in "Pp" else 0)
    micros = int(fraction[:6].ljust(6, "0")) if fraction else 0
    if hours > 24 or minutes > 59 or seconds > 60 or (hours == 24 and (minutes or seconds or micros)):
        raise ValueError("no such time of day")
    return timedelta(0, (hours * 60 + minutes) * 60 + seconds, micros)
