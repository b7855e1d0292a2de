"""One value as a field of some type holds it. In: a cleaned JSON value. Out: its normal form, or a ValueRejected.

| type | taken | normal form |
|---|---|---|
| text | text; number and boolean (their text); a list of those (joined by `, `) | text |
| number | number; text of one number, see `schemas.normal.numbers` | number, whole ones as integers |
| boolean | boolean; 1 and 0; true/false, yes/no, y/n, t/f, on/off | boolean |
| date | any shape of `schemas.normal.time`; the day as it is written | `2026-07-31` |
| datetime | the same | `2026-07-31T00:03:50Z` |
| duration | seconds; `H:MM:SS`, `MM:SS`; `2 min 5 sec` | number of seconds |
| phone | text or number, or a list of them: the first valid number | E.164; an invalid one stays as text; that and a \
shared one are noted, and never a key |
| email | text, or a list: the first address | lower case; an invalid one stays as text, is noted, and is never a key |

What is wrapped around a typed value is taken off (`schemas.normal.wrapping`) where the value cannot be read with it. If
nothing is left then, or a word that says as much, the value is a blank. A text field takes everything as it is. Objects
are rejected everywhere: a mapping can name what is inside (`agent.name`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from schemas.fields import FieldType
from schemas.normal.custom import order_of
from schemas.normal.email import emails_in, read_email
from schemas.normal.locale import Locale
from schemas.normal.numbers import read_number
from schemas.normal.path import ABSENT, is_blank
from schemas.normal.phone import read_phone
from schemas.normal.phone_text import digits_lost
from schemas.normal.time import is_sentinel, read_day, read_moment, utc_text
from schemas.normal.wrapping import ROUND, unwrapped

_KEPT = "kept as text; it identifies nobody, and replaces no valid value"
BAD_PHONE = f"not a valid phone number; {_KEPT}"
SHARED_PHONE = "a number that many people give instead of their own; kept, and identifies nobody"
BAD_EMAIL = f"not a valid e-mail address; {_KEPT}"
DIGITS_LOST = f"written as 9.19845E+11: digits were lost; {_KEPT}"
WHICH_ORDER = "one such as 05/07/2026 also needs the connector's date_order or default_country"
NO_TIME = "stands for no time at all (1970 or the year 1); treated as missing"

EXACT = 2**53  # integers up to here survive JSON unchanged
SHOWN = 200  # characters of a value that a rejection keeps

_NUMERIC = (int, float, Decimal)
_SECONDS = re.compile(r"[+-]?\d{1,30}(?:\.\d{1,30})?", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,30}(?:\.(?:\d\d?|\d{4,30}))?", re.ASCII)  # a point before three may group digits
_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,4}):([0-5]?\d)", re.ASCII)
_UNITS = re.compile(
    r"(?:(\d{1,6}) ?(?:h|hrs?|hours?)\.?)? ?(?:(\d{1,6}) ?(?:m|mins?|minutes?)\.?)?"
    r" ?(?:(\d{1,9}) ?(?:s|secs?|seconds?)\.?)?",
    re.ASCII | re.IGNORECASE,
)
_TRUE = frozenset({"1", "1.0", "true", "yes", "y", "t", "on"})
_FALSE = frozenset({"0", "0.0", "false", "no", "n", "f", "off"})


class ValueRejected(ValueError):
    """A value that its field cannot hold. The text names field and rule and never the value, which may be personal."""

    def __init__(self, field: str, value: object, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.value = shown(value)
        self.rule = rule


_ANY = Locale(None, ZoneInfo("UTC"))

# The normal form and a note, None if all is well. ABSENT: as if it had not been sent; None: it is a blank after all.
Coerced = tuple[Any, str | None]
Coerce = Callable[[Any], Coerced]


def coercer(type: FieldType, field: str, locale: Locale) -> Coerce:
    """A function from a value, neither absent nor blank, to its normal form for this field; raises ValueRejected."""
    rule = _RULES[type]
    look_again = _unwrapping(type, locale)

    def coerce(value: Any) -> Coerced:
        try:
            return rule(value, locale)
        except _Refused as refusal:
            if (found := look_again(value)) is not None:
                return found
            if refusal.kept is not None:
                return refusal.kept
            raise ValueRejected(field, value, str(refusal)) from None

    return coerce


def _unwrapping(type: FieldType, locale: Locale) -> Callable[[Any], Coerced | None]:
    """A function that reads what a value holds which could not be read as it is; None: nothing can be read."""
    rule, says_nothing = _RULES[type], locale.blanks.test(boolean=type is FieldType.BOOLEAN)
    keep = ROUND if type in (FieldType.NUMBER, FieldType.DURATION) else ""  # (500) is less than nothing, to some

    def look_again(value: Any) -> Coerced | None:
        if type is FieldType.TEXT or not (isinstance(value, str) or value is False):
            return None
        if says_nothing(value) or (isinstance(value, str) and says_nothing(unwrapped(value))):
            return None, None
        if isinstance(value, str) and (inner := unwrapped(value, keep=keep)) != value:
            try:
                return rule(inner, locale)
            except _Refused:
                return None
        return None

    return look_again


def coerce(value: Any, type: FieldType, field: str, locale: Locale) -> Coerced:
    """The value in the normal form of this field, with a note if it was bent; raises ValueRejected."""
    return coercer(type, field, locale)(value)


def says_more(value: Any, type: FieldType, locale: Locale) -> bool:
    """Whether a value of this type holds more than becomes of it: further numbers or addresses, or an extension."""
    if type is FieldType.PHONE:
        number = read_phone(_single(value, locale, type), locale.country)
        return bool(number.others or number.extension)
    return type is FieldType.EMAIL and len(emails_in(_single(value, locale, type))) > 1


def shown(value: object) -> str:
    """A value as a dead letter shows it: its text, cut to a bearable length."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def text_of(value: Any, field: str, what: str) -> str:
    """The value as text, a list joined by `, `; raises ValueRejected for an object. `what` needs the text."""
    try:
        return str(_text(value, _ANY)[0])
    except _Refused:
        raise ValueRejected(field, value, f"{what} takes one value or a list of values, and no object") from None


def word_of(value: Any) -> str:
    """A value as conditions and look-up tables compare it: its text without regard to case."""
    if isinstance(value, str):
        return value.casefold()
    if value is ABSENT or is_blank(value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return shown(value).casefold()


class _Refused(Exception):
    """The rule that says no. `kept`: what becomes of the value all the same."""

    def __init__(self, rule: str, kept: Coerced | None = None) -> None:
        super().__init__(rule)
        self.kept = kept


def _text(value: Any, _: Locale) -> Coerced:
    if isinstance(value, str):
        return value, None
    if isinstance(value, list):
        return ", ".join(_scalar_text(member) for member in value if member is not None), None
    return _scalar_text(value), None


def _scalar_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < EXACT else repr(value)
    if isinstance(value, int):
        return str(value)
    raise _Refused("a text field takes one value or a list of values; map what is inside this one by a longer path")


def _number(value: Any, locale: Locale) -> Coerced:
    if isinstance(value, str):
        if _NUMBER.fullmatch(value):
            value = float(value) if "." in value else int(value)
        else:
            value = read_number(value, locale.country)
    if isinstance(value, bool) or not isinstance(value, _NUMERIC) or not math.isfinite(value):
        raise _Refused("a number field takes one number, such as 150000, 1,50,000 or ₹50000")
    number: int | float | Decimal = value
    if not -EXACT <= number <= EXACT:
        raise _Refused(f"a number field takes numbers up to {EXACT}; map larger ones, such as ids, to a text field")
    return (int(number) if number == int(number) else float(number)), None


def _boolean(value: Any, _: Locale) -> Coerced:
    if isinstance(value, bool):
        return value, None
    word = _scalar_text(value).strip().casefold() if isinstance(value, str | int | float) else ""
    if word in _TRUE:
        return True, None
    if word in _FALSE:
        return False, None
    raise _Refused("a boolean field takes true or false, yes or no, 1 or 0")


def _date(value: Any, locale: Locale) -> Coerced:
    day = read_day(value, locale.zone, order_of(locale), known=locale.known_order)
    if day is None:
        raise _Refused(f"a date field takes a date such as 2026-07-31; {WHICH_ORDER}")
    return (ABSENT, NO_TIME) if day.on.year == 1 else (day.on.isoformat(), day.note)


def _datetime(value: Any, locale: Locale) -> Coerced:
    moment = read_moment(value, locale.zone, order_of(locale), known=locale.known_order)
    if moment is None:
        raise _Refused(f"a date-and-time field takes a time such as 2026-07-31 05:33:50; {WHICH_ORDER}")
    if is_sentinel(moment.at):
        return ABSENT, NO_TIME
    return utc_text(moment.at), moment.note


def _duration(value: Any, locale: Locale) -> Coerced:
    if isinstance(value, str):
        text = value.strip()
        match = _CLOCK.fullmatch(text) or _UNITS.fullmatch(text)
        if match and any(match.groups()):
            hours, minutes, seconds = (int(part or 0) for part in match.groups())
            return hours * 3600 + minutes * 60 + seconds, None
        value = text if _SECONDS.fullmatch(text) else None
    try:
        seconds, _ = _number(value, _ANY)
    except _Refused:
        seconds = -1
    if seconds < 0:
        raise _Refused("a duration takes seconds, or a time such as 00:02:05 or 2 min 5 sec")
    return seconds, None


def _phone(value: Any, locale: Locale) -> Coerced:
    text = _single(value, locale, "phone number")
    number = read_phone(text, locale.country)
    if number.e164 is None:
        note = DIGITS_LOST if digits_lost(text) else BAD_PHONE
        raise _Refused(note, (text, note) if text else (None, None))
    return number.e164, SHARED_PHONE if number.shared else None


def _email(value: Any, locale: Locale) -> Coerced:
    text = _single(value, locale, "e-mail address")
    address = read_email(text)
    if address is None:
        raise _Refused(BAD_EMAIL, (text, BAD_EMAIL) if text else (None, None))
    return address, None


def _single(value: Any, locale: Locale, what: str) -> str:
    """The value as text, the members of a list that say something joined by `, `."""
    if isinstance(value, str):
        return value
    says_nothing = locale.blanks.test()
    members = [member for member in value if not says_nothing(member)] if isinstance(value, list) else [value]
    if any(isinstance(member, bool) or not isinstance(member, str | int | float) for member in members):
        raise _Refused(f"a field for a {what} takes one text or a list; map what is inside this one by a longer path")
    return ", ".join(map(_scalar_text, members))


_RULES: dict[FieldType, Callable[[Any, Locale], Coerced]] = {
    FieldType.TEXT: _text,
    FieldType.NUMBER: _number,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date,
    FieldType.DATETIME: _datetime,
    FieldType.DURATION: _duration,
    FieldType.PHONE: _phone,
    FieldType.EMAIL: _email,
}
