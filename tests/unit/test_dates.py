"""Dates as people and programs write them: every unambiguous shape, what an order decides, and what is no time.

All shapes of one table say the same moment, so that each row is one way to write it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.normal.dates import dated, usual
from schemas.normal.locale import DateOrder
from schemas.normal.order import DAY_FIRST, DAY_UNSAID, MONTH_FIRST, MONTH_UNSAID, YEAR_FIRST, Order
from schemas.normal.time import LONGEST, NEVER, TWICE, Moment, read_day, read_moment

KOLKATA = ZoneInfo("Asia/Kolkata")
NEW_YORK = ZoneInfo("America/New_York")
UTC_ZONE = ZoneInfo("UTC")
ORDERS: tuple[Order | None, ...] = ("dmy", "mdy", "ymd", "ymd/dmy", None)
SETTINGS: tuple[DateOrder, ...] = ("dmy", "mdy", "ymd")


def at(day: str) -> datetime:
    """A local time of Kolkata."""
    return datetime.fromisoformat(day).replace(tzinfo=KOLKATA).astimezone(UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2026/07/05 14:05:00",
        "2026/7/5 14:05",
        "2026.07.05 14:05:00",
        "2026 07 05 14:05",
        "2026-7-5 14:05",
        "2026-07-05 2:05 PM",
        "2026-07-05 02:05 PM",
        "2026-07-05T02:05:00pm",
        "2026-07-05 - 14:05",
        "2026-07-05 at 14:05",
        "2026-07-05, 14:05",
        "2026-07-05 Sun 14:05",
        "2026-07-05-14.05.00.000000",
        "2026-Jul-05 14:05",
        "2026 July 5, 2:05 PM",
        "2026-07-05 14:05 hrs",
        "2026-07-05 1405 hrs",
        "July 5, 2026 2:05 PM",
        "Jul 5 2026 14:05",
        "Jul. 5, 2026, 2:05:00 PM",
        "JULY 5TH, 2026 AT 2:05 P.M.",
        "July 5, 2026 at 2:05 p. m.",
        "Jul-05-2026 14:05",
        "05-Jul-2026 02:05 PM",
        "05-Jul-26 02:05 PM",
        "05-JUL-26 02.05.00.000000 PM",
        "05Jul2026:14:05:00",
        "5 July 2026 14:05",
        "5 July, 2026 14:05",
        "5th July 2026, 2:05 pm",
        "the 5th of July 2026, 2:05 pm",
        "5-July-2026 14:05:00",
        "5/Jul/2026 14:05",
        "05/Jul/2026:14:05:00 +0530",
        "[05/Jul/2026:14:05:00 +0530]",
        "Sunday, July 5, 2026 2:05:00 PM",
        "Sunday, 5 July 2026 14:05",
        "Sun 5 Jul 2026 14:05",
        "2:05 PM, 5 July 2026",
        "14:05 on Sunday, July 5, 2026",
        "2026-07-05 14h05",
    ],
)
def test_every_unambiguous_shape_is_read_whatever_the_order(written: str) -> None:
    for order in ORDERS:
        assert read_moment(written, KOLKATA, order) == Moment(at("2026-07-05T14:05")), order


@pytest.mark.parametrize(
    "written",
    [
        "2026-07-05T08:35:00+00:00",
        "20260705T083500Z",
        "20260705T083500.000Z",
        "20260705T0835Z",
        "20260705083500Z",
        "20260705140500+0530",
        "20260705 08:35:00Z",
        "2026-07-05t08:35:00z",
        "2026-07-05T083500Z",
        "2026-07-05 08:35:00 Z",
        "2026-07-05 08:35:00 -0000",
        "2026-07-05 14:05:00 GMT+5:30",
        "2026-07-05 14:05:00 GMT+0530",
        "2026-07-05 14:05:00 UTC+05:30",
        "2026-07-05 14:05:00 UTC +05:30",
        "2026-07-05 14:05:00 (GMT+05:30)",
        "2026-07-05T14:05:00.000+0530",
        "2026-07-05 14:05:00.000000000 +0530 IST",
        "2026-07-05T14:05:00+05:30[Asia/Kolkata]",
        "2026-07-05T14:05:00[Asia/Kolkata]",
        "2026-07-05 14:05 Asia/Kolkata",
        "2026-07-05T14:05:00 05:30",  # a form that does not escape the plus
        "2026-07-05 13:35 +05",
        "2026-07-05 04:35 EDT",
        "July 5, 2026 1:35 AM PDT",
        "Sun, 05 Jul 2026 08:35:00 GMT",
        "Sun, 05 Jul 2026 14:05:00 +0530",
        "5 Jul 26 08:35 UT",
        "Sunday, 05-Jul-26 08:35:00 GMT",
        "Sun Jul 05 2026 14:05:00 GMT+0530 (India Standard Time)",
        "Sun Jul 05 2026 03:35:00 GMT-0500 (Central Daylight Time)",
        "Sun Jul 05 2026 08:35:00 GMT+0000 (Coordinated Universal Time)",
        "Sun Jul 05 2026 14:05:00 GMT 0530 (India Standard Time)",
        "Sun Jul 05 08:35:00 +0000 2026",
        "Sun Jul  5 08:35:00 UTC 2026",
        "/Date(1783240500000)/",
        r"\/Date(1783240500000)\/",
        "/Date(1783240500000+0530)/",
        "/Date(1783240500000-0700)/",
        "2026-W27-7T08:35Z",
        "2026W277T083500Z",
        "2026-186T08:35:00Z",
    ],
)
def test_an_offset_is_that_of_the_text_whatever_the_zone(written: str) -> None:
    for zone in (KOLKATA, UTC_ZONE, NEW_YORK):
        assert read_moment(written, zone) == Moment(at("2026-07-05T14:05")), zone


@pytest.mark.parametrize(
    "written",
    [
        "2026-07-05 2:05\u202fPM",  # the narrow no-break space that CLDR puts there
        "2026-07-05 2:05\u00a0PM",
        "\ufeff2026-07-05 14:05\u200e",
        "5\u200f July\u200f 2026\u200f 14:05",
        "２０２６／０７／０５　１４：０５",
        "२०२६-०७-०५ १४:०५",
        "٢٠٢٦/٠٧/٠٥ ١٤:٠٥",
        "2026–07–05 14:05",
        "2026年7月5日 14:05",
        "2026년 7월 5일 14:05",
        "'2026-07-05 14:05",
        '="2026-07-05 14:05"',
        "“2026-07-05 14:05”",
        "2026-07-05 14:05,",
        "2026-07-05   14:05",
        "2026-07-05%2014%3A05",
    ],
)
def test_scripts_wrappings_and_what_cannot_be_seen_are_read_over(written: str) -> None:
    assert read_moment(written, KOLKATA) == Moment(at("2026-07-05T14:05"))


@pytest.mark.parametrize(
    ("written", "local"),
    [
        ("2026-07-05T24:00:00", "2026-07-06T00:00"),
        ("31/12/2026 24:00", "2027-01-01T00:00"),
        ("2026-07-05T14:05:60", "2026-07-05T14:06"),
        ("2026-12-31T18:29:60Z", "2027-01-01T00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T05:30"),
        ("5 July 2026 23:59:60.5", "2026-07-06T00:00:00.500000"),
        ("2026-07-05 14:05 PM", "2026-07-05T14:05"),
        ("2026-07-05 00:05 PM", "2026-07-05T12:05"),
        ("2026-07-05 00:05 AM", "2026-07-05T00:05"),
        ("2026-07-05 12:05 AM", "2026-07-05T00:05"),
        ("2026-07-05 12:05 PM", "2026-07-05T12:05"),
        ("5 July 2026 2 PM", "2026-07-05T14:00"),
        ("2026-07-05T14", "2026-07-05T14:00"),
        ("5 July 2026 2:05:07.123 PM", "2026-07-05T14:05:07.123"),
        ("5 July 2026 14:05:07,1234567", "2026-07-05T14:05:07.123456"),
        ("20260705140507.25", "2026-07-05T14:05:07.250"),
        ("5 July 2026", "2026-07-05T00:00"),
        ("2026.07.05", "2026-07-05T00:00"),
        ("2026. 7. 5.", "2026-07-05T00:00"),
        ("2026-07-05+05:30", "2026-07-05T00:00"),
        ("2026-07-05Z", "2026-07-05T05:30"),
        ("2024-366", "2024-12-31T00:00"),
        ("2026-W53-7", "2027-01-03T00:00"),
        ("5 July 1969", "1969-07-05T00:00"),
        ("5 July 69", "1969-07-05T00:00"),
        ("5 July 68", "2068-07-05T00:00"),
    ],
)
def test_the_ends_of_days_minutes_and_centuries(written: str, local: str) -> None:
    assert read_moment(written, KOLKATA) == Moment(at(local))


@pytest.mark.parametrize(
    ("written", "by"),
    [
        ("05/07/2026 02:05:00 pm", {"dmy": "07-05", "mdy": "05-07", "ymd": "05-07", "ymd/dmy": "07-05", None: "05-07"}),
        ("05/07/2026 14:05", {"dmy": "07-05", "mdy": "05-07", "ymd": "05-07", "ymd/dmy": "07-05", None: ""}),
        ("05-07-2026 02:05 PM", {"dmy": "07-05", "mdy": "05-07", "ymd": "05-07", "ymd/dmy": "07-05", None: "07-05"}),
        ("05.07.2026 14.05", {"dmy": "07-05", "mdy": "05-07", "ymd": "05-07", "ymd/dmy": "07-05", None: "07-05"}),
        ("5 7 2026 14:05", {"dmy": "07-05", "mdy": "05-07", "ymd": "05-07", "ymd/dmy": "07-05", None: ""}),
        ("14:05 05/07/2026", {"dmy": "07-05", "mdy": "05-07", "ymd": "05-07", "ymd/dmy": "07-05", None: ""}),
        ("05-07-2026T14:05", {"dmy": "07-05", "mdy": "05-07", "ymd": "05-07", "ymd/dmy": "07-05", None: "07-05"}),
        ("05-07-202614:05", {"dmy": "07-05", "mdy": "05-07", "ymd": "05-07", "ymd/dmy": "07-05", None: "07-05"}),
        ("०५/०७/२०२६ १४:०५", {"dmy": "07-05", "mdy": "05-07", "ymd": "05-07", "ymd/dmy": "07-05", None: ""}),
    ],
)
def test_an_ambiguous_date_is_read_by_the_order_and_noted(written: str, by: dict[Order | None, str]) -> None:
    said = {"07-05": DAY_FIRST, "05-07": MONTH_FIRST}
    unsaid = {"07-05": DAY_UNSAID, "05-07": MONTH_UNSAID}
    for order, day in by.items():
        notes = unsaid if order is None else said
        expected = Moment(at(f"2026-{day}T14:05"), notes[day]) if day else None
        assert read_moment(written, KOLKATA, order) == expected, order
        if order is not None:
            assert read_moment(written, KOLKATA, order, known=True) == Moment(at(f"2026-{day}T14:05"))


@pytest.mark.parametrize(
    ("written", "by"),
    [
        ("05/07/26", {"dmy": "2026-07-05", "mdy": "2026-05-07", "ymd": "2005-07-26", "ymd/dmy": "2005-07-26"}),
        ("26-07-05", {"dmy": "2005-07-26", "mdy": "2005-07-26", "ymd": "2026-07-05", "ymd/dmy": "2026-07-05"}),
        ("13/01/26", {"dmy": "2026-01-13", "mdy": "2026-01-13", "ymd": "2013-01-26", "ymd/dmy": "2013-01-26"}),
        ("05.07.68", {"dmy": "2068-07-05", "mdy": "2068-05-07", "ymd": "2068-05-07", "ymd/dmy": "2068-07-05"}),
    ],
)
def test_two_digits_may_be_the_year_at_either_end(written: str, by: dict[Order, str]) -> None:
    assert read_day(written, KOLKATA) is None
    for order, day in by.items():
        read = read_day(written, KOLKATA, order)
        assert read is not None
        assert read.on == date.fromisoformat(day), order
        assert read.note in (DAY_FIRST, MONTH_FIRST, YEAR_FIRST)


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("13/01/2026 10:00", "2026-01-13"),
        ("01/13/2026 10:00", "2026-01-13"),
        ("31-12-2026", "2026-12-31"),
        ("12.31.2026", "2026-12-31"),
        ("1/13/2026 5:33 AM", "2026-01-13"),
        ("31/07/2026 5:33:50 AM", "2026-07-31"),
        ("05/05/2026", "2026-05-05"),
        ("7-7-2026 10:00", "2026-07-07"),
        ("29/02/2028", "2028-02-29"),
        ("31/12/99", "1999-12-31"),
        ("99-12-31", "1999-12-31"),
        ("05/05/05", "2005-05-05"),
        ("26. 7. 5.", "2026-07-05"),
        ("2026/07/05", "2026-07-05"),
        ("2026/12/11", "2026-12-11"),
        ("Sunday 05/07/2026", "2026-07-05"),  # 7 May is a Thursday
        ("05/07/2026 (Thu) 10:00", "2026-05-07"),
        ("Sun, 07/05/26", "2026-07-05"),
    ],
)
def test_a_date_with_one_reading_needs_no_order_and_no_note(written: str, day: str) -> None:
    for order in ORDERS:
        read = read_day(written, KOLKATA, order)
        assert read is not None
        assert (read.on.isoformat(), read.note) == (day, None), order


def test_an_abbreviation_of_the_sources_own_zone_is_read_where_it_is_in_use() -> None:
    noon = datetime(2026, 7, 5, 12, tzinfo=UTC)
    assert read_moment("2026-07-05 17:30 IST", KOLKATA) == Moment(noon)
    assert read_moment("2026-07-05 14:00 CEST", ZoneInfo("Europe/Berlin")) == Moment(noon)
    assert read_moment("2026-07-05 13:00 BST", ZoneInfo("Europe/London")) == Moment(noon)
    assert read_moment("2026-07-05 13:00 IST", ZoneInfo("Europe/Dublin")) == Moment(noon)
    assert read_moment("2026-07-05 20:00 CST", ZoneInfo("Asia/Shanghai")) == Moment(noon)
    assert read_moment("2026-07-05 06:00 CST", KOLKATA) == Moment(noon)
    for unread in ("IST", "CEST", "BST", "ABC", "XX"):
        assert read_moment(f"2026-07-05 17:30 {unread}", UTC_ZONE) is None, unread
    assert read_moment("2026-01-05 17:30 BST", ZoneInfo("Europe/London")) is None


def test_a_name_tells_which_of_two_hours_is_meant() -> None:
    assert read_moment("2026-11-01 01:30 EDT", NEW_YORK) == Moment(datetime(2026, 11, 1, 5, 30, tzinfo=UTC))
    assert read_moment("2026-11-01 01:30 EST", NEW_YORK) == Moment(datetime(2026, 11, 1, 6, 30, tzinfo=UTC))


def test_two_things_are_noted_of_one_time() -> None:
    assert read_moment("11/01/2026 01:30", NEW_YORK, "mdy") == Moment(
        datetime(2026, 11, 1, 5, 30, tzinfo=UTC), f"{MONTH_FIRST}; {TWICE}"
    )
    assert read_moment("08/03/2026 02:30", NEW_YORK, "dmy") == Moment(
        datetime(2026, 3, 8, 7, 30, tzinfo=UTC), f"{DAY_FIRST}; {NEVER}"
    )
    assert read_moment("11/01/2026 01:30 America/New_York", KOLKATA, "mdy") == Moment(
        datetime(2026, 11, 1, 5, 30, tzinfo=UTC), f"{MONTH_FIRST}; {TWICE}"
    )


@pytest.mark.parametrize(
    "written",
    [
        "31/11/2026",
        "29/02/2026",
        "31-Jun-2026",
        "13/13/2026",
        "00/07/2026",
        "July 32, 2026",
        "2026-W54-1",
        "2026-W27-8",
        "2026-366",
        "2026-000",
        "2026-07-05 24:01",
        "2026-07-05 24:00:00.5",
        "2026-07-05 14:60",
        "2026-07-05 14:05:61",
        "2026-07-05 14:05 AM",
        "2026-07-05 25:05 PM",
        "2026-07-05 24:00 PM",
        "July 2026",
        "2026-07",
        "2026-W27",
        "5 July",
        "05/07",
        "14:05",
        "2 PM",
        "Sunday",
        "5 juillet 2026",
        "05/07-2026",
        "2026/07/2026",
        "10-11-12-13",
        "1.2.3.4",
        "98450 11221",
        "98-45-0111222",
        "05/07/2026 10:00 to 11:00",
        "05/07/2026, 06/07/2026",
        "05/07/2026 14:05 tomorrow",
        "5 July 2026 or so",
        "2026-07-05 14:05 +24:00",
        "5 July 2026 14:05 +05:60",
        "2026-07-05 14:05 Asia/Nowhere",
        "2026-07-05 14:05 America/Argentina",  # a folder of zones
        "2026-07-05 14:05 ../../etc/passwd",
        "/Date(1783240500000",
        "/Date(99999999999999999)/",
        "/Date()/",
        "12/31/9999 24:00",
        "July 5, 2026" + " " * LONGEST,
        "(" * 60,
        "2026-07-05 14:05 (" + "(" * 60,
        "\ufdfa" * 100,  # eighteen characters each, once written out
    ],
)
def test_what_is_no_time_is_none_by_any_order(written: str) -> None:
    for order in ORDERS:
        assert read_moment(written, KOLKATA, order) is None, order
        assert read_day(written, KOLKATA, order) is None, order


# Every way to write a day: by which order it is read, and how.
Write = Callable[[date], str]
NUMERIC: dict[DateOrder, list[Write]] = {
    "dmy": [lambda d, mark=mark: f"{d:%d}{mark}{d:%m}{mark}{d:%Y}" for mark in "/-. "]
    + [lambda d: f"{d.day}/{d.month}/{d:%Y}", lambda d: f"{d.day}. {d.month}. {d:%Y}", lambda d: f"{d:%d/%m/%y}"],
    "mdy": [lambda d, mark=mark: f"{d:%m}{mark}{d:%d}{mark}{d:%Y}" for mark in "/-. "]
    + [lambda d: f"{d.month}/{d.day}/{d:%Y}", lambda d: f"{d:%m-%d-%y}"],
    "ymd": [lambda d: f"{d:%y/%m/%d}", lambda d: f"{d:%y.%m.%d}", lambda d: f"{d:%y-%m-%d}"],
}
PLAIN: list[Write] = [
    date.isoformat,
    lambda d: f"{d:%Y/%m/%d}",
    lambda d: f"{d:%Y}.{d.month}.{d.day}",
    lambda d: f"{d:%Y %b %d}",
    lambda d: f"{d:%d-%b-%Y}",
    lambda d: f"{d:%d-%b-%y}",
    lambda d: f"{d.day} {d:%B %Y}",
    lambda d: f"{d:%B} {d.day}, {d:%Y}",
    lambda d: f"{d:%A, %B %d, %Y}",
    lambda d: f"{d:%a %b %d %Y}",
    lambda d: f"{d:%a, %d %b %Y}",
    lambda d: f"{d:%Y-%j}",
    lambda d: f"{d:%G-W%V-%u}",
]
CLOCKS: list[Callable[[datetime], str]] = [
    lambda t: f" {t:%H:%M:%S}",
    lambda t: f", {t:%H:%M:%S}",
    lambda t: f" {t:%I:%M:%S %p}",
    lambda t: f" {t:%I:%M:%S}\u202f{t:%p}".replace("AM", "a.m.").replace("PM", "p.m."),
    lambda t: f" at {int(f'{t:%I}')}:{t:%M:%S %p}",
    lambda t: f"T{t:%H:%M:%S}",
    lambda t: f" {t:%H.%M.%S}",
    lambda t: f" {t:%H:%M:%S}.000 hrs",
]
ZONES = ["", " Z", " UTC", "+05:30", " -0800", " GMT+0530 (India Standard Time)", " EST", "[Asia/Kolkata]"]
SHIFTS = [None, 0, 0, 330, -480, 330, -300, 330]

whole_seconds = st.datetimes(datetime.fromisoformat("1971-01-02"), datetime.fromisoformat("2068-12-30")).map(
    lambda t: t.replace(microsecond=0)
)


def instant(local: datetime, minutes: int | None) -> datetime:
    return local.replace(tzinfo=UTC) - timedelta(minutes=minutes or 0)


@given(whole_seconds, st.sampled_from(PLAIN), st.sampled_from(CLOCKS), st.integers(0, len(ZONES) - 1))
def test_an_unambiguous_date_reads_the_same_by_every_order(
    local: datetime, write: Write, clock: Callable[[datetime], str], zone: int
) -> None:
    written = write(local.date()) + clock(local) + ZONES[zone]
    for order in ORDERS:
        assert read_moment(written, UTC_ZONE, order) == Moment(instant(local, SHIFTS[zone])), written


@given(
    whole_seconds,
    st.sampled_from([(order, write) for order in SETTINGS for write in NUMERIC[order]]),
    st.sampled_from(CLOCKS),
    st.integers(0, len(ZONES) - 1),
)
@example(datetime.fromisoformat("2026-07-05T14:05:00"), ("dmy", NUMERIC["dmy"][0]), CLOCKS[0], 0)
@example(datetime.fromisoformat("2026-01-13T14:05:00"), ("dmy", NUMERIC["dmy"][0]), CLOCKS[0], 0)
def test_what_is_written_by_an_order_is_read_by_it(
    local: datetime, by: tuple[DateOrder, Write], clock: Callable[[datetime], str], zone: int
) -> None:
    order, write = by
    written = write(local.date()) + clock(local) + ZONES[zone]
    meant = instant(local, SHIFTS[zone])
    moment = read_moment(written, UTC_ZONE, order)
    assert moment is not None, written
    assert moment.at == meant, written
    assert read_moment(written, UTC_ZONE, order, known=True) == Moment(meant)
    others = {read.at for each in SETTINGS if (read := read_moment(written, UTC_ZONE, each)) is not None}
    note = {"dmy": DAY_FIRST, "mdy": MONTH_FIRST, "ymd": YEAR_FIRST}[order]
    assert moment.note == (None if others == {meant} else note), written


@given(st.dates(date(1000, 1, 1), date(9999, 12, 31)), st.sampled_from("/-."))
def test_a_date_that_ends_in_its_year_differs_by_order_only_if_both_exist_and_differ(day: date, mark: str) -> None:
    written = f"{day.day}{mark}{day.month}{mark}{day.year}"
    dmy, mdy = read_day(written, UTC_ZONE, "dmy"), read_day(written, UTC_ZONE, "mdy")
    assert dmy is not None
    assert mdy is not None
    assert dmy.on == day
    is_ambiguous = day.day <= 12 and day.day != day.month
    assert (dmy.note, mdy.note) == ((DAY_FIRST, MONTH_FIRST) if is_ambiguous else (None, None))
    assert mdy.on == (day.replace(month=day.day, day=day.month) if is_ambiguous else day)


@given(
    st.from_regex(r"\A[0-3]?[0-9](?P<m>[-/.])[0-3]?[0-9](?P=m)[0-9]{4}(,? [0-2]?[0-9]:[0-6][0-9]( ?[AaPp][Mm])?)?\Z")
)
def test_the_short_way_reads_what_the_long_one_does(written: str) -> None:
    """The text with two spaces more is the same and takes the long way."""

    def read(way: Callable[[str], Any]) -> Any:
        try:
            return way(written)
        except ValueError:
            return None

    assert (short := read(usual)) is None or short == read(dated)


WORDS = "5 05 13 26 2026 Jul July Sun 14:05 2:05:07 PM a.m. Z IST GMT +0530 T at of th / - . , : ( ) [ ] W ५ é \0 %2F '"
words = st.sampled_from([*WORDS.split(" "), " ", "\u202f"])


@given(st.lists(words, max_size=20).map("".join) | st.text(max_size=60), st.sampled_from(ORDERS))
def test_any_text_is_a_moment_in_utc_or_none(text: str, order: Order | None) -> None:
    for zone in (KOLKATA, NEW_YORK):
        moment = read_moment(text, zone, order)
        assert moment is None or moment.at.utcoffset() == timedelta(0)
        day = read_day(text, zone, order)
        assert (day is None) == (moment is None)


@pytest.mark.parametrize(
    "piece", ["1", "1/", "jul", " ", "(", "1:", "july 5 ", "-", ". ", "1 ", "a/", "T1", "'", "5th "]
)
def test_no_text_of_full_length_takes_long(piece: str) -> None:
    """Each would take hours if a pattern could try its parts in every combination."""
    for end in ("", "x", "\u202f!"):
        text = (piece * LONGEST)[: LONGEST - len(end)] + end
        assert read_moment(text, KOLKATA, "dmy") is None
