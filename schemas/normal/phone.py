"""Phone numbers. In: what a source calls one. Out: its E.164 form if it is a number that can exist, else None.

The order is vendor-facts §8: percent escapes are decoded, digits of any script become ASCII, a leading `00` becomes
`+`, then libphonenumber parses and validates. Nothing is guessed: a text that holds more than one number, or words,
is no number, and a number without a country code is one only where the connector names a default country.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

import phonenumbers

REMEMBERED = 100_000  # parses kept; one costs about 50 microseconds, a remembered one a tenth of one
LONGEST = 40  # characters; the longest number has 15 digits

_ALLOWED = re.compile(r"\+?[0-9 ().\-]+")
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−"), "-")


class Phone(NamedTuple):
    """A parsed number. `e164` is None unless the number is valid; `region` is its ISO 3166 country where known."""

    e164: str | None
    valid: bool
    region: str | None


NO_NUMBER = Phone(None, False, None)


def read_phone(text: str, country: str | None) -> Phone:
    """The number that this text is, completed by the default country if it has no country code."""
    return _read(text, country) if len(text) <= LONGEST else NO_NUMBER


@lru_cache(maxsize=REMEMBERED)
def _read(text: str, country: str | None) -> Phone:
    number = _plain(text)
    if not _ALLOWED.fullmatch(number):
        return NO_NUMBER
    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return NO_NUMBER
    region = phonenumbers.region_code_for_number(parsed)
    if not phonenumbers.is_valid_number(parsed):
        return Phone(None, False, region)
    return Phone(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164), True, region)


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
