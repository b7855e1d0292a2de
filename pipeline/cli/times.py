"""Points and lengths of time as people give them on the command line. In: a text. Out: a time, or a length of one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import typer

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def span(text: str) -> timedelta:
    """A length of time, such as 30m, 24h or 7d; 0 is none. BadParameter."""
    if text == "0":
        return timedelta(0)
    if match := re.fullmatch(r"(\d{1,6})([smhd])", text):
        return timedelta(**{UNITS[match[2]]: int(match[1])})
    raise typer.BadParameter(f"{text!r} is no length of time, such as 30m, 24h or 7d")


def moment(text: str | None) -> datetime | None:
    """A time: ISO 8601 (UTC where it names no zone), or how long ago, such as 30m, 24h or 7d. BadParameter."""
    if text is None:
        return None
    try:
        if match := re.fullmatch(r"(\d{1,6})([smhd])", text):
            given = datetime.now(UTC) - timedelta(**{UNITS[match[2]]: int(match[1])})
        else:
            given = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither a time such as 2026-08-10T12:00 nor an age such as 24h"
        ) from None
    except OverflowError:
        raise typer.BadParameter(f"{text!r} is longer ago than calendars go") from None
    if not 1970 < given.year < 2200:
        raise typer.BadParameter(f"{text!r} must lie between 1971 and 2199")
    return given if given.tzinfo else given.replace(tzinfo=UTC)
