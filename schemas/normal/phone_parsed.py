"""One phone number, as libphonenumber reads it. In: a text, a country. Out: its E.164 form if it is valid."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import phonenumbers

RECENT = 1_000  # texts: a search asks about the same part again and again


class Phone(NamedTuple):
    """A number that was read. `e164` is None unless it is valid; `region` is its ISO 3166 country where known.

    `shared`: a number that people write to write something, so that it identifies nobody, valid or not.
    `extension`: the digits behind the number that a switchboard asks for. `others`: the further valid numbers of the
    same text, in E.164, in their order, none twice.
    """

    e164: str | None
    valid: bool
    region: str | None
    shared: bool = False
    extension: str | None = None
    others: tuple[str, ...] = ()


NO_NUMBER = Phone(None, False, None)

_UP, _DOWN = "01234567890123456789", "98765432109876543210"


@lru_cache(maxsize=RECENT)
def parsed(text: str, country: str | None) -> Phone:
    """What libphonenumber makes of a text: `country` completes a number without a country code."""
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return NO_NUMBER
    region = phonenumbers.region_code_for_number(number)
    if not phonenumbers.is_valid_number(number):
        return Phone(None, False, region)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return Phone(e164, True, region, is_shared(str(number.national_number)), number.extension or None)


def is_shared(national: str) -> bool:
    """One digit alone, a run up or down (9876543210), or a number that ends in the same digit eight times."""
    tail = national[-8:]
    return not tail.strip(tail[:1]) or national in _UP or national in _DOWN
