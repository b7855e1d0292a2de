"""Points and lengths of time as people name them. In: a text. Out: a time in UTC, or a length of time.

Every command and every parameter of the API that takes a time reads it here.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
DAYS: Final = {"yesterday": -1, "today": 0, "tomorrow": 1}
LONGEST = 64  # characters of a text that can be a time
FIRST, LAST = 1971, 2199  # the years that every part of the program can reckon with
SPAN: Final = re.compile(r"([0-9]{1,6})([smhdw])")
ISO: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[t ][0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?)?(?:z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
LOST_PLUS: Final = re.compile(r"(:[0-9]{2}(?:[.,][0-9]{1,9})?) ([0-9]{2}:?[0-9]{2})")
FORMS = "2026-08-10, 2026-08-10T12:00+05:30, today, yesterday, or an age such as 30m, 24h or 7d"


def moment(text: str, *, ahead: bool = False, now: datetime | None = None) -> datetime:
    """The time that a text names, in UTC. ValueError: the rule that it breaks.

    ISO 8601 (a date is its first moment; without a zone it is UTC), `now`, `today`, `yesterday` and `tomorrow` (the
    first moment of that day in UTC), or a length of time: so long ago, or, with `ahead`, from now on. Capitals and
    outer blanks do not matter. A `+` of an offset that a URL made a blank is read as the plus it was.
    """
    reference = (now or datetime.now(UTC)).astimezone(UTC)
    said = text.strip().lower() if len(text) <= LONGEST else ""
    try:
        found = _moment(said, reference, ahead)
        reachable = found is None or FIRST <= found.year <= LAST
        found = found.astimezone(UTC) if found and reachable else found
    except (ValueError, OverflowError) as error:
        if isinstance(error, OverflowError):
            raise ValueError(f"is longer {'' if ahead else 'ago '}than calendars go") from error
        raise ValueError(f"is not in the calendar; give {FORMS}") from error  # such as 2026-02-30
    if found is None:
        raise ValueError(f"is neither a time nor an age; give {FORMS}")
    if not reachable or not FIRST <= found.year <= LAST:
        raise ValueError(f"must lie between {FIRST} and {LAST}")
    return found


def span(text: str) -> timedelta:
    """A length of time, such as 90s, 30m, 24h, 7d or 2w; 0 is none. ValueError: the rule that it breaks."""
    said = text.strip().lower()
    if said == "0":
        return timedelta(0)
    if match := SPAN.fullmatch(said):
        return timedelta(**{UNITS[match[2]]: int(match[1])})
    raise ValueError("must be a length of time, such as 30m, 24h or 7d")


def _moment(said: str, reference: datetime, ahead: bool) -> datetime | None:
    if said == "now":
        return reference
    if said in DAYS:
        return reference.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=DAYS[said])
    if SPAN.fullmatch(said):
        return reference + span(said) if ahead else reference - span(said)
    said = LOST_PLUS.sub(r"\1+\2", said)
    if not ISO.fullmatch(said):
        return None
    given = datetime.fromisoformat(said.upper())
    return given if given.tzinfo else given.replace(tzinfo=UTC)
