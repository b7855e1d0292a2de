"""Phone numbers. In: what a source calls one. Out: its E.164 form if it is a number that can exist, else None.

The order is vendor-facts §8: percent escapes are decoded, digits of any script become ASCII, a leading `00` becomes
`+`, then libphonenumber parses and validates. Nothing is guessed: a text that holds more than one number, or words,
is no number, and a number without a country code is one only where the connector names a default country.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import NamedTuple
from urllib.parse import unquote

import phonenumbers

REMEMBERED = 100_000  # readings kept; a parse costs about 30 microseconds, a plain number 3, a remembered one a tenth
LONGEST = 40  # characters; the longest number has 15 digits

_ALLOWED = re.compile(r"\+?[0-9 ().\-]+")
_INTERNATIONAL = re.compile(r"\+[0-9][0-9 ().\-]*")
_MARKS = b" ().-"
_TYPES = ("mobile", "fixed_line", "toll_free", "premium_rate", "shared_cost", "voip", "personal_number", "pager", "uan")
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−"), "-")


class Phone(NamedTuple):
    """A parsed number. `e164` is None unless the number is valid; `region` is its ISO 3166 country where known.

    `shared`: a number that people write to write something, so that it identifies nobody, valid or not.
    """

    e164: str | None
    valid: bool
    region: str | None
    shared: bool = False


NO_NUMBER = Phone(None, False, None)

_UP, _DOWN = "01234567890123456789", "98765432109876543210"


def read_phone(text: str, country: str | None) -> Phone:
    """The number that this text is, completed by the default country if it has no country code."""
    if (known := _made.get(text)) is not None:
        return known
    if len(text) > LONGEST:
        return NO_NUMBER
    if len(_made) >= 2 * REMEMBERED:
        _made.clear()
    number = _plainly_valid(_digits(text)) if _INTERNATIONAL.fullmatch(text) else None
    if number is None:
        number = _read(text, country)
    else:
        _made[text] = number
    if number.e164 is not None:
        _made[number.e164] = number
    return number


# Numbers that were read, by their E.164 form, which the next stage reads, and by plain forms with a country code: they
# are the same number in any country.
_made: dict[str, Phone] = {}


@lru_cache(maxsize=REMEMBERED)
def _read(text: str, country: str | None) -> Phone:
    number = _plain(text)
    if not _ALLOWED.fullmatch(number):
        return NO_NUMBER
    if number.startswith("+") and (plain := _plainly_valid(_digits(number))):
        return plain
    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return NO_NUMBER
    region = phonenumbers.region_code_for_number(parsed)
    if not phonenumbers.is_valid_number(parsed):
        return Phone(None, False, region)
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return Phone(e164, True, region, _is_shared(str(parsed.national_number)))


def _digits(number: str) -> str:
    """The number without marks between its digits."""
    return number.encode().translate(None, _MARKS).decode()


def _is_shared(national: str) -> bool:
    """One digit alone, a run up or down (9876543210), or a number that ends in the same digit eight times."""
    tail = national[-8:]
    return not tail.strip(tail[:1]) or national in _UP or national in _DOWN


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
                    return Phone(number, True, region, _is_shared(national))
            return None
    return None


_Plan = tuple[str, re.Pattern[str] | None, re.Pattern[str], tuple[tuple[tuple[int, ...], re.Pattern[str]], ...]]


@cache
def _plan(code: str) -> _Plan | None:
    """The one region of a calling code, its national prefix, and its numbers: of any type, and of each."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code), ()) if code.isdecimal() else ()
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


def _plain(text: str) -> str:
    """The text in ASCII digits, with one leading `+` if it has a country code."""
    if "%" in text:
        text = unquote(text)
    if not text.isascii():
        text = "".join(map(_ascii, unicodedata.normalize("NFKC", text))).translate(_DASHES)
    text = text.replace("\0", "").strip()
    if text.lower().startswith("tel:"):
        text = text[4:].strip()
    if text.startswith("+"):
        return "+" + text.lstrip("+ ")
    if text.startswith("00"):
        return "+" + text[2:].lstrip("- ")
    return text


def _ascii(character: str) -> str:
    """A digit of any script in ASCII (NFKC leaves Devanagari as it is); nothing for marks that only steer writing."""
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    return "" if unicodedata.category(character) == "Cf" else character
