"""Times as people name them: the same texts mean the same time on every command and every parameter of the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from schemas.normal.moment import moment, span

NOW = datetime(2026, 8, 10, 14, 30, 15, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("now", "2026-08-10T14:30:15.123456"),
        ("today", "2026-08-10T00:00"),
        ("yesterday", "2026-08-09T00:00"),
        ("tomorrow", "2026-08-11T00:00"),
        (" Today ", "2026-08-10T00:00"),
        ("7d", "2026-08-03T14:30:15.123456"),
        ("24h", "2026-08-09T14:30:15.123456"),
        ("30M", "2026-08-10T14:00:15.123456"),
        ("2w", "2026-07-27T14:30:15.123456"),
        ("0s", "2026-08-10T14:30:15.123456"),
        ("2026-08-10", "2026-08-10T00:00"),
        ("2026-08-10T12", "2026-08-10T12:00"),
        ("2026-08-10T12:00", "2026-08-10T12:00"),
        ("2026-08-10 12:00:05", "2026-08-10T12:00:05"),
        ("2026-08-10t12:00:05.25z", "2026-08-10T12:00:05.250000"),
        ("2026-08-10T12:00:05,25Z", "2026-08-10T12:00:05.250000"),
        ("2026-08-10T12:00+05:30", "2026-08-10T06:30"),
        ("2026-08-10T12:00 05:30", "2026-08-10T06:30"),  # the plus of a URL that nobody encoded
        ("2026-08-10T12:00:00-0330", "2026-08-10T15:30"),
        ("2026-08-10T12:00+05", "2026-08-10T07:00"),
        ("2199-12-31T23:59:59Z", "2199-12-31T23:59:59"),
        ("1971-01-01T00:00Z", "1971-01-01T00:00"),
    ],
)
def test_a_time_is_read_as_it_is_written(text: str, meant: str) -> None:
    assert moment(text, now=NOW) == datetime.fromisoformat(meant).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "neither a time nor an age"),
        ("soon", "neither a time nor an age"),
        ("20260810", "neither a time nor an age"),
        ("1754820000", "neither a time nor an age"),
        ("2026-W33-1", "neither a time nor an age"),
        ("12:00", "neither a time nor an age"),
        ("-7d", "neither a time nor an age"),
        ("7 d", "neither a time nor an age"),
        ("7y", "neither a time nor an age"),
        ("٧d", "neither a time nor an age"),  # digits of another script
        ("1234567d", "neither a time nor an age"),
        ("2026-08-10T12:00 Asia/Kolkata", "neither a time nor an age"),
        ("today\n2026-08-10", "neither a time nor an age"),
        ("2026-08-10" + " " * 100, "neither a time nor an age"),
        ("2026-02-30", "is not in the calendar"),
        ("2026-13-01", "is not in the calendar"),
        ("2026-08-10T25:00", "is not in the calendar"),
        ("0000-01-01", "is not in the calendar"),
        ("2026-08-10T12:00+99:00", "is not in the calendar"),
        ("999999d", "longer ago than calendars go"),
        ("99999d", "must lie between 1971 and 2199"),
        ("0001-01-01T00:00:00+14:00", "must lie between 1971 and 2199"),
        ("9999-12-31T23:59:59-14:00", "must lie between 1971 and 2199"),
        ("1971-01-01T00:00+14:00", "must lie between 1971 and 2199"),
        ("2199-12-31T23:59-14:00", "must lie between 1971 and 2199"),
    ],
)
def test_what_is_no_time_is_told_by_its_rule(text: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        moment(text, now=NOW)


def test_an_age_can_lie_ahead() -> None:
    assert moment("30d", ahead=True, now=NOW) == NOW + timedelta(days=30)
    assert moment("tomorrow", ahead=True, now=NOW) == datetime(2026, 8, 11, tzinfo=UTC)
    with pytest.raises(ValueError, match="longer than calendars go"):
        moment("999999w", ahead=True, now=NOW.replace(year=2199))


def test_today_is_a_day_of_utc() -> None:
    evening = datetime.fromisoformat("2026-08-10T22:00-05:00")
    assert moment("today", now=evening) == datetime(2026, 8, 11, tzinfo=UTC)


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("90s", 90), ("30m", 1_800), ("24H", 86_400), ("1w", 604_800)])
def test_a_length_of_time(text: str, seconds: int) -> None:
    assert span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "-5m", "1.5h", "today", "1h30m", "²h"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(ValueError, match="30m, 24h or 7d"):
        span(text)
