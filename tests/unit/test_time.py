"""Times: every shape that sources write, zones, and the hours that clocks skip or repeat."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.normal.order import DAY_FIRST, MONTH_FIRST
from schemas.normal.time import (
    NEVER,
    TWICE,
    Day,
    Moment,
    is_sentinel,
    read_day,
    read_format,
    read_moment,
    utc_text,
)

KOLKATA = ZoneInfo("Asia/Kolkata")
NEW_YORK = ZoneInfo("America/New_York")
UTC_ZONE = ZoneInfo("UTC")


@pytest.mark.parametrize(
    ("value", "utc"),
    [
        ("2026-07-31 05:33:50", "2026-07-31T05:33:50Z"),
        ("2026-08-08 07:38:00.000", "2026-08-08T07:38:00Z"),
        ("2026-07-31 05:33", "2026-07-31T05:33:00Z"),
        ("2026-07-31", "2026-07-31T00:00:00Z"),
        (" 2026-07-31T05:33:50 ", "2026-07-31T05:33:50Z"),
        ("2026-07-31T05:33:50Z", "2026-07-31T05:33:50Z"),
        ("2026-07-31T05:33:50.25Z", "2026-07-31T05:33:50.250000Z"),
        ("2026-07-31T05:33:50.1234567Z", "2026-07-31T05:33:50.123456Z"),
        ("2026-07-31T05:33:50+05:30", "2026-07-31T00:03:50Z"),
        ("2026-07-31 05:33:50 +0530", "2026-07-31T00:03:50Z"),
        ("2026-07-31 05:33:50 UTC", "2026-07-31T05:33:50Z"),
        ("7/31/2026 5:33:50 AM", "2026-07-31T05:33:50Z"),
        ("7/31/2026 5:33:50 PM", "2026-07-31T17:33:50Z"),
        ("7/31/2026 12:00:00 AM", "2026-07-31T00:00:00Z"),
        ("07/31/2026 12:00 pm", "2026-07-31T12:00:00Z"),
        ("31-Jul-202605:33:50", "2026-07-31T05:33:50Z"),
        ("31-JUL-2026 05:33:50", "2026-07-31T05:33:50Z"),
        ("31-Jul-2026", "2026-07-31T00:00:00Z"),
        ("31-07-2026", "2026-07-31T00:00:00Z"),
        ("31-07-2026 05:33:50", "2026-07-31T05:33:50Z"),
        ("Fri, 31 Jul 2026 05:33:50 +0000", "2026-07-31T05:33:50Z"),
        ("Fri, 31 Jul 2026 05:33:50 GMT", "2026-07-31T05:33:50Z"),
        ("31 Jul 2026 05:33:50 +0530", "2026-07-31T00:03:50Z"),
        (1785476030, "2026-07-31T05:33:50Z"),
        ("1785476030", "2026-07-31T05:33:50Z"),
        ("1785476030.25", "2026-07-31T05:33:50.250000Z"),
        (1785476030123, "2026-07-31T05:33:50.123000Z"),
        ("1785476030123456", "2026-07-31T05:33:50.123456Z"),
        ("20260731", "2026-07-31T00:00:00Z"),
        ("20260731053350", "2026-07-31T05:33:50Z"),
        ("2024-02-29 00:00:00", "2024-02-29T00:00:00Z"),
    ],
)
def test_every_shape(value: Any, utc: str) -> None:
    moment = read_moment(value, UTC_ZONE)
    assert moment is not None
    assert (utc_text(moment.at), moment.note) == (utc, None)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "05/06/2026",  # could be May or June, and no setting says which
        "31/31/2026 5:33:50 AM",
        "7/31/2026 13:33:50 AM",
        "2026-02-30 00:00:00",
        "2026-13-01",
        "2026-07-31 25:00:00",
        "31-Foo-2026",
        "99-99-2026",
        "Foo, 99 Zzz 2026 99:99",
        "٢٠٢٦-٠٢-٣٠",
        "2026-07-31 05:33:50 MARS",
        "1" * 60,
        "2026-07-31" + " " * 100 + "x",
        None,
        True,
        [],
        {},
        float("nan"),
        float("inf"),
        1e30,
        10**400,
    ],
)
def test_what_is_no_time_is_none(value: Any) -> None:
    assert read_moment(value, UTC_ZONE) is None


def test_a_naive_time_is_in_the_zone_of_its_source() -> None:
    moment = read_moment("2026-07-31 05:33:50", KOLKATA)
    assert moment is not None
    assert utc_text(moment.at) == "2026-07-31T00:03:50Z"


@pytest.mark.parametrize(
    ("written", "utc", "note"),
    [
        ("2026-11-01 00:59:59", "2026-11-01T04:59:59Z", None),
        ("2026-11-01 01:00:00", "2026-11-01T05:00:00Z", TWICE),
        ("2026-11-01 01:59:59", "2026-11-01T05:59:59Z", TWICE),
        ("2026-11-01 02:00:00", "2026-11-01T07:00:00Z", None),
        ("2026-03-08 01:59:59", "2026-03-08T06:59:59Z", None),
        ("2026-03-08 02:00:00", "2026-03-08T07:00:00Z", NEVER),
        ("2026-03-08 02:30:00", "2026-03-08T07:30:00Z", NEVER),  # half past three, by the clocks that moved
        ("2026-03-08 03:00:00", "2026-03-08T07:00:00Z", None),
    ],
)
def test_hours_that_clocks_repeat_or_skip(written: str, utc: str, note: str | None) -> None:
    moment = read_moment(written, NEW_YORK)
    assert moment is not None
    assert (utc_text(moment.at), moment.note) == (utc, note)


@pytest.mark.parametrize(
    "value",
    [
        "1970-01-01 05:30:00",
        "0001-01-01T00:00:00",
        "0001-01-01T00:00:00+14:00",
        "0000-00-00 00:00:00",
        0,
        "0",
        "01-01-1970",
        "01/01/1970",
        "1/1/0001 12:00:00 AM",
        "00/00/0000",
        "00-00-0000 00:00:00",
        "00000000",
        "/Date(0)/",
        "/Date(-62135596800000)/",  # what .NET writes for a date that was never set
    ],
)
def test_systems_that_mean_no_time_are_seen_through(value: Any) -> None:
    moment = read_moment(value, KOLKATA)
    assert moment is not None
    assert is_sentinel(moment.at)


def test_a_time_at_the_end_of_calendars_is_read() -> None:
    far = read_moment("9999-12-31T23:59:59-05:30", UTC_ZONE)
    assert far is not None
    assert far.at.year == 9999


def test_a_day_is_the_one_written() -> None:
    assert read_day("2026-07-31T23:30:00-05:00", KOLKATA) == Day(date(2026, 7, 31))
    assert read_day("31-07-2026", KOLKATA) == Day(date(2026, 7, 31))
    assert read_day("July 31, 2026 11:30 PM EST", KOLKATA) == Day(date(2026, 7, 31))
    assert read_day("2026-07-31T24:00:00", KOLKATA) == Day(date(2026, 8, 1))
    assert read_day("soon", UTC_ZONE) is None


def test_of_unix_time_the_day_is_that_of_the_source() -> None:
    assert read_day(1785443400, KOLKATA) == Day(date(2026, 7, 31))
    assert read_day("1785443400", UTC_ZONE) == Day(date(2026, 7, 30))
    assert read_day("/Date(1785443400000)/", KOLKATA) == Day(date(2026, 7, 31))
    assert read_day("/Date(1785443400000)/", UTC_ZONE) == Day(date(2026, 7, 30))
    assert read_day("/Date(1785443400000+0530)/", UTC_ZONE) == Day(
        date(2026, 7, 31)
    )  # the offset that it is written in


def test_an_ambiguous_day_says_by_which_order_it_was_read() -> None:
    assert read_day("05/07/2026", KOLKATA, "dmy") == Day(date(2026, 7, 5), DAY_FIRST)
    assert read_day("05/07/2026", KOLKATA, "mdy") == Day(date(2026, 5, 7), MONTH_FIRST)
    assert read_day("05/07/2026", KOLKATA, "dmy", known=True) == Day(date(2026, 7, 5))
    assert read_day("05/07/2026", KOLKATA) is None


@pytest.mark.parametrize(
    ("written", "format", "utc"),
    [
        ("05.07.26 14.05", "%d.%m.%y %H.%M", "2026-07-05T08:35:00Z"),
        (" 14:05 Sunday 5 July 2026 ", "%H:%M %A %d %B %Y", "2026-07-05T08:35:00Z"),
        ("07/05/2026 14:05 +0200", "%m/%d/%Y %H:%M %z", "2026-07-05T12:05:00Z"),
        ("05-07-2026 14:05 UTC", "%d-%m-%Y %H:%M %Z", "2026-07-05T14:05:00Z"),
        (202607051405, "%Y%m%d%H%M", "2026-07-05T08:35:00Z"),
    ],
)
def test_a_format_of_the_connectors_own_is_read(written: Any, format: str, utc: str) -> None:
    moment = read_format(written, format, KOLKATA)
    assert moment is not None
    assert (utc_text(moment.at), moment.note) == (utc, None)


@pytest.mark.parametrize(
    ("written", "format"),
    [
        ("2026-07-05 14:05", "%d.%m.%y %H.%M"),
        ("31.02.26 14.05", "%d.%m.%y %H.%M"),
        ("05-07-2026 14:05 EST", "%d-%m-%Y %H:%M %Z"),
        ("05.07.26 14.05" + " " * 200, "%d.%m.%y %H.%M"),
        (True, "%d"),
        (None, "%d"),
        ([], "%d"),
        ("", "%d.%m.%y"),
    ],
)
def test_what_is_not_in_the_format_is_none(written: Any, format: str) -> None:
    assert read_format(written, format, KOLKATA) is None


def test_a_format_is_held_to_the_clocks_of_its_zone() -> None:
    assert read_format("01.11.26 01.30", "%d.%m.%y %H.%M", NEW_YORK) == Moment(
        datetime(2026, 11, 1, 5, 30, tzinfo=UTC), TWICE
    )
    assert read_format("08.03.26 02.30", "%d.%m.%y %H.%M", NEW_YORK) == Moment(
        datetime(2026, 3, 8, 7, 30, tzinfo=UTC), NEVER
    )


naive = st.datetimes(datetime.fromisoformat("1971-01-02"), datetime.fromisoformat("2100-01-01"))


@given(naive, st.sampled_from([KOLKATA, NEW_YORK, UTC_ZONE]))
def test_what_was_read_reads_the_same_again(written: datetime, zone: ZoneInfo) -> None:
    moment = read_moment(written.isoformat(" "), zone)
    assert moment is not None
    assert moment.at.tzinfo is UTC
    again = read_moment(utc_text(moment.at), zone)
    assert again is not None
    assert (again.at, again.note) == (moment.at, None)


@given(
    st.text(max_size=40)
    | st.from_regex(r"[0-9]{1,4}[-/][0-9A-Za-z]{1,3}[-/][0-9]{1,4}.{0,20}")
    | st.floats()
    | st.integers()
)
def test_any_value_is_a_moment_in_utc_or_none(value: Any) -> None:
    for zone in (KOLKATA, NEW_YORK):
        moment = read_moment(value, zone)
        assert moment is None or moment.at.utcoffset() == timedelta(0)
        read_day(value, zone)
