"""Valid numbers in a text that is not simply one. In: the text, a country. Out: all of them, in their order.

libphonenumber is asked about a whole part first, then about what marks divide in it. What it does not read may be
digits in a way that systems and people write them (`_ways`): that counts where exactly one valid number comes of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import phonenumbers

from schemas.normal import phone_text
from schemas.normal.phone_parsed import NO_NUMBER, RECENT, Phone, parsed
from schemas.normal.renumbered import new_numbers

FEWEST = 7  # digits of what counts as a number beside others: libphonenumber takes shorter ones only as a whole text
LONGEST_EXTENSION = 6  # digits; what is longer and follows a number is another number

_CONTEXT = ";phone-context="  # RFC 3966 §5.1.5: what a local number is to be read in

_Found = list[Phone]


def numbers_in(text: str, country: str | None) -> _Found:
    """The valid numbers in a text, in their order."""
    text = phone_text.tidy(text)
    if _CONTEXT in text:
        return _valid([parsed(text, country)])
    text = phone_text.without_others(text)
    parts = phone_text.strong_parts(text)
    found: _Found = []
    for part in parts:
        if len(parts) == 1 or _is_long(part):
            found += _in_part(part, country)
    return found or _valid([_by_library(phone_text.grouped(text) or text, country)])


def _in_part(text: str, country: str | None) -> _Found:
    """The numbers in a text that only marks divide which may stand in a number too."""
    if len(parts := phone_text.slashed(text)) > 1 and (found := _each(parts, country)):
        return found
    if found := _valid([one_number(text, country)]):
        return found
    if found := [number for part in phone_text.weak_parts(text) for number in _enough([part], country)]:
        return found
    for parts in phone_text.spaced(text):
        if found := _each(parts, country):
            return found
    return _enough(phone_text.runs(text), country)


def _each(parts: Sequence[str], country: str | None) -> _Found:
    """A number of every part, or none at all."""
    found = _enough(parts, country)
    return found if len(found) == len(parts) else []


def _enough(parts: Sequence[str], country: str | None) -> _Found:
    return _valid([one_number(part, country) for part in parts if _is_long(part)])


def _is_long(text: str) -> bool:
    return sum(map(str.isdigit, text)) >= FEWEST


def _valid(numbers: Sequence[Phone]) -> _Found:
    return [number for number in numbers if number.e164 is not None]


@lru_cache(maxsize=RECENT)
def one_number(text: str, country: str | None) -> Phone:
    """The one number that this text is, by libphonenumber or by one of the ways that it does not know."""
    number = _by_library(text, country)
    if number.e164 is not None:
        return number
    digits = phone_text.core(text)
    if digits is None or len(digits) < FEWEST:
        return NO_NUMBER
    ways = {way.e164: way for meant in _ways(digits, country) if (way := parsed(meant, country)).e164 is not None}
    return next(iter(ways.values())) if len(ways) == 1 else NO_NUMBER


def _by_library(text: str, country: str | None) -> Phone:
    """What libphonenumber makes of a text, unless it takes words for digits, or a second number for an extension."""
    number = parsed(text, country) if phone_text.spells(text) else NO_NUMBER
    return number if len(number.extension or "") <= LONGEST_EXTENSION else NO_NUMBER


def _ways(digits: str, country: str | None) -> Iterator[str]:
    """What digits can be meant to be, with or without a plus, where they are not a number as they are written."""
    yield digits
    if digits.startswith("+0"):  # a national number, or an international prefix, behind a plus
        digits = digits[1:]
        yield digits
    if digits.startswith("+"):
        yield from _international(digits[1:])
        return
    if digits.startswith("00"):
        yield from _international(digits.lstrip("0"))
    code = str(phonenumbers.country_code_for_region(country)) if country else "0"
    if code == "0":
        return
    rest = digits.lstrip("0")
    if rest.startswith(code):  # the country's own code without its plus, behind a zero or not
        yield from _international(rest)
    yield from (f"+{code}{new}" for new in new_numbers(int(code), digits))


def _international(digits: str) -> Iterator[str]:
    """A number behind its calling code: as it is, with zeros between or the code again, and by a newer plan."""
    yield f"+{digits}"
    code = next((digits[:n] for n in (1, 2, 3) if int(digits[:n] or 0) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), "")
    if not code:
        return
    national = digits.removeprefix(code)
    yield f"+{code}{national.lstrip('0')}"
    if national.lstrip("0").startswith(code):
        yield f"+{national.lstrip('0')}"
    yield from (f"+{code}{new}" for new in new_numbers(int(code), national))
