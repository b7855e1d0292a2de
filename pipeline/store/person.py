"""A person as somebody searches for them. In: a number, an address or a text. Out: their leads, and how it was sent.

A source may have sent a number with or without its country, with blanks, or percent-encoded (`%2b91…`), and an address
in any case of letters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, quote_plus, unquote

import phonenumbers

from pipeline.store import leads
from pipeline.store.database import Database
from pipeline.store.text import storable

# What stands between the digits of a number as people write it; digits of other scripts are read as they are.
BETWEEN: Final = " -.()/\u00a0\u2009\u202f\u2010\u2011\u2012\u2013\u200b\u200e\u200f\u202a\u202c"
FOREIGN: Final = "".join(chr(zero + digit) for zero in (0x660, 0x6F0, 0x966, 0xFF10) for digit in range(10))
SHORTEST = 6  # digits of a number that a text is searched for


@dataclass(frozen=True, slots=True)
class Sought:
    """What rows a search finds: of these leads; with one of these texts (in lower case), or one of these numbers."""

    leads: tuple[str, ...]
    texts: tuple[str, ...]
    numbers: tuple[str, ...]


async def sought(database: Database, account: int, search: str) -> Sought:
    """How requests may say what is searched for, and whose key it is."""
    plain = str(storable(" ".join(unquote(search).split())))
    keys = await leads.keys_of(database, account, plain) if plain else []
    numbers = {_national(key) for key in keys if key.startswith("+")} - {None}
    found = await leads.keyed(database, account, keys) if keys else []
    texts = {search, plain, quote(plain, safe=""), quote_plus(plain), plain.replace('"', '\\"')} - {""}
    return Sought(
        tuple(found),
        tuple(sorted(text.lower() for text in texts)),
        tuple(sorted(number for number in numbers if number is not None and len(number) >= SHORTEST)),
    )


def _national(number: str) -> str | None:
    """The digits of a valid number without its country's; None: it is not one."""
    try:
        read = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.national_significant_number(read) if phonenumbers.is_valid_number(read) else None
