"""Phone numbers. In: what a source calls one. Out: its E.164 form if it is a number that can exist, else None.

The order is vendor-facts §8: percent escapes are decoded, digits of any script become ASCII, then libphonenumber
parses and validates; whatever it calls valid in the given country is a number, but for what is plainly a date or
the like. What it does not read is looked through (`phone_search`). A number without a country code is one only where
a country is given, and one of another country needs its plus or its international prefix.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

import phonenumbers

from schemas.normal.phone_parsed import NO_NUMBER, Phone, is_shared, parsed
from schemas.normal.phone_search import FEWEST, numbers_in, one_number
from schemas.normal.phone_text import is_date, tidy

__all__ = ["NO_NUMBER", "Phone", "facts_of", "read_phone"]

REMEMBERED = 100_000  # readings kept; a parse costs about 30 microseconds, a plain number 3, a remembered one a tenth
USUAL = 40  # characters; the longest number has 15 digits
LONGEST = 300  # characters that are looked through

_ALLOWED = re.compile(r"\+?[0-9 ().\-]+")
_BARE = re.compile(r"[^\w+(]*(?:[A-Za-z]{1,10}[ .:\-]+)?[^\w+(]*(\(?\+?[0-9][0-9 ()\-]*)[^\w+]*")  # p:(+91)98450 77051,
_INTERNATIONAL = re.compile(r"\+[0-9][0-9 ().\-]*")
_MARKS = b" ().-"
_TYPES = ("mobile", "fixed_line", "toll_free", "premium_rate", "shared_cost", "voip", "personal_number", "pager", "uan")


def read_phone(text: str, country: str | None) -> Phone:
    """The number that this text is, completed by the country (ISO 3166) if it has no country code.

    Of several numbers it is the first valid one, with the others.
    """
    if (known := _made.get(text)) is not None:
        return known
    if len(text) > USUAL:
        return NO_NUMBER if len(text) > LONGEST else _read_long(text, country)
    if len(_made) >= 2 * REMEMBERED:
        _made.clear()
    number = _plainly_valid(_digits(text)) if _INTERNATIONAL.fullmatch(text) else None
    if number is None:
        number = _read(text, country)
    else:
        _made[text] = number
    if number.e164 is not None:
        _made[number.e164] = number if number.extension is None and not number.others else _alone(number)
    return number


# Numbers that were read, by their E.164 form, which the next stage reads, and by plain forms with a country code: they
# are the same number in any country.
_made: dict[str, Phone] = {}


@lru_cache(maxsize=REMEMBERED)
def _read(text: str, country: str | None) -> Phone:
    """A text of usual length, most often one number in some common way of writing."""
    if (bare := _BARE.fullmatch(text)) and (plain := _plainly(bare[1], country)):
        return plain
    number = tidy(text)
    if not _ALLOWED.fullmatch(number) or is_date(number):
        return _searched(text, country)
    if number.startswith("00") and country is None:
        number = f"+{number[2:].lstrip('- ')}"
    if plain := _plainly(number, country):
        return plain
    known = parsed(number, country)
    if known.valid:
        return known
    if len(_digits(number)) < 2 * FEWEST:  # in digits and marks alone there is no second number
        meant = one_number(number, country)
        return meant if meant.valid else known
    return _searched(text, country, known)


@lru_cache(maxsize=REMEMBERED // 10)
def _read_long(text: str, country: str | None) -> Phone:
    return _searched(text, country)


def _searched(text: str, country: str | None, known: Phone = NO_NUMBER) -> Phone:
    """The first valid number of a text, with the others; else what is known of it."""
    found = numbers_in(text, country)
    if not found:
        return known
    first = found[0]
    others = dict.fromkeys(str(number.e164) for number in found if number.e164 != first.e164)
    return first._replace(others=tuple(others))


def _alone(number: Phone) -> Phone:
    """The number as it is read from its E.164 form."""
    return number._replace(extension=None, others=())


def _digits(number: str) -> str:
    """The number without marks between its digits."""
    return number.encode().translate(None, _MARKS).decode()


def facts_of(text: str) -> dict[str, str | bool | None]:
    """What can be told of a number in E.164: valid, region (ISO 3166), type (mobile, fixed_line, …), national form."""
    number = read_phone(text, None)
    if number.e164 is None:
        return {"valid": False, "region": number.region, "type": None, "national": None, "shared": False}
    parsed = phonenumbers.parse(number.e164, None)
    type = phonenumbers.PhoneNumberType.to_string(phonenumbers.number_type(parsed))
    return {
        "valid": True,
        "region": number.region,
        "type": type.lower(),
        "national": phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL),
        "shared": number.shared,
    }


def _plainly(number: str, country: str | None) -> Phone | None:
    """What libphonenumber would say of digits and marks between them, where that needs no parsing; None: ask it."""
    digits = _digits(number)
    if is_date(number):
        return None
    return _plainly_valid(digits) if digits.startswith("+") else _plainly_national(digits, country)


def _plainly_valid(number: str) -> Phone | None:
    """What libphonenumber would say of `+` and digits, where that needs no parsing; None: ask it.

    That is so where the calling code belongs to one region, nothing at the beginning of the rest can be meant as a
    national prefix, and the rest is a number of some type in the region's own metadata.
    """
    for length in (2, 3, 1):
        plan = _plan(number[1 : 1 + length])
        if plan is not None:
            region, prefix, general, types = plan
            national = number[1 + length :]
            if prefix is not None and prefix.match(national):
                return None
            if not general.fullmatch(national):
                return None
            for lengths, pattern in types:
                if len(national) in lengths and pattern.fullmatch(national):
                    return Phone(number, True, region, is_shared(national))
            return None
    return None


def _plainly_national(digits: str, country: str | None) -> Phone | None:
    """The same of digits in a country, where they begin neither with its calling code nor like a number abroad."""
    code, abroad = _beginnings(country) if country else ("", None)
    if not code or digits.startswith(code) or (abroad is not None and abroad.match(digits)):
        return None
    return _plainly_valid(f"+{code}{digits}")


@lru_cache(maxsize=512)
def _beginnings(country: str) -> tuple[str, re.Pattern[str] | None]:
    """The calling code of a country, or nothing, and what numbers abroad begin with there."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(country, None)
    if metadata is None or metadata.country_code is None:
        return "", None
    prefix = metadata.international_prefix
    return str(metadata.country_code), None if prefix is None else re.compile(prefix)


_Plan = tuple[str, re.Pattern[str] | None, re.Pattern[str], tuple[tuple[tuple[int, ...], re.Pattern[str]], ...]]


@cache
def _plan(code: str) -> _Plan | None:
    """The one region of a calling code, its national prefix, and its numbers: of any type, and of each."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code), ()) if code.isdecimal() and code[0] != "0" else ()
    if len(regions) != 1 or regions[0] == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY:
        return None
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(regions[0], None)
    general = None if metadata is None else metadata.general_desc
    if metadata is None or general is None or not general.national_number_pattern or metadata.leading_digits:
        return None
    prefix = metadata.national_prefix_for_parsing
    types = [getattr(metadata, name) for name in _TYPES]
    return (
        regions[0],
        None if prefix is None else re.compile(prefix),
        re.compile(general.national_number_pattern),
        tuple(
            (tuple(type.possible_length), re.compile(type.national_number_pattern))
            for type in types
            if type is not None and type.national_number_pattern
        ),
    )
