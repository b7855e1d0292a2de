"""Countries. In: what a person or a system calls one. Out: its ISO 3166 alpha-2 code, or None: nothing is guessed.

Known are the codes of ISO 3166 with two and three letters, the English names of tzdata and CLDR, some that people use
besides (UAE, England, Ivory Coast), and a calling code with its plus that belongs to one country alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.resources import files

import phonenumbers

from schemas.normal.wrapping import unwrapped

REMEMBERED = 10_000
LONGEST = 80  # characters; the longest name has less

_CALLING_CODE = re.compile(r"\+[ ]?([1-9]\d{0,2})", re.ASCII)
_ALIASES = {  # as `_plain` writes them
    "america": "US",
    "bharat": "IN",
    "britain": "GB",
    "brunei darussalam": "BN",
    "burma": "MM",
    "cabo verde": "CV",
    "cape verde": "CV",
    "czech republic": "CZ",
    "democratic peoples republic of korea": "KP",
    "democratic republic of congo": "CD",
    "democratic republic of the congo": "CD",
    "drc": "CD",
    "east timor": "TL",
    "emirates": "AE",
    "england": "GB",
    "great britain": "GB",
    "holland": "NL",
    "hong kong": "HK",
    "islamic republic of iran": "IR",
    "ivory coast": "CI",
    "kingdom of saudi arabia": "SA",
    "korea": "KR",
    "korea democratic peoples republic of": "KP",
    "korea republic of": "KR",
    "ksa": "SA",
    "lao peoples democratic republic": "LA",
    "macao": "MO",
    "macau": "MO",
    "macedonia": "MK",
    "northern ireland": "GB",
    "palestine": "PS",
    "peoples republic of china": "CN",
    "prc": "CN",
    "republic of congo": "CG",
    "republic of india": "IN",
    "republic of ireland": "IE",
    "republic of korea": "KR",
    "republic of the congo": "CG",
    "russian federation": "RU",
    "saudi": "SA",
    "scotland": "GB",
    "swaziland": "SZ",
    "syrian arab republic": "SY",
    "taiwan roc": "TW",
    "taiwan province of china": "TW",
    "turkiye": "TR",
    "uae": "AE",
    "uk": "GB",
    "united kingdom of great britain and northern ireland": "GB",
    "united republic of tanzania": "TZ",
    "united states of america": "US",
    "vatican": "VA",
    "viet nam": "VN",
    "wales": "GB",
}
_SHORT = {"st": "saint", "is": "islands", "rep": "republic", "dem": "democratic"}
_SEVERAL = frozenset({"congo", "korea", "virgin islands"})  # what stands behind the comma tells them apart


def country_of(text: str) -> str | None:
    """The country that this text names, without regard to case, dots, accents and outer blanks; None: none known."""
    return _known(text) if len(text) <= LONGEST else None


@lru_cache(maxsize=REMEMBERED)
def _known(text: str) -> str | None:
    word = unwrapped(text)
    if calling := _CALLING_CODE.fullmatch(word):
        return _of_calling_code(int(calling[1]))
    name = _plain(word)
    if name.upper() in _of_tzdata()[0]:
        return name.upper()
    head, _, tail = word.partition(",")
    if found := _ALIASES.get(name) or _of_tzdata()[1].get(name) or _of_cldr().get(name):
        return found
    return _known(head) if tail.casefold().endswith(" of") and _plain(head) not in _SEVERAL else None


def _plain(name: str) -> str:
    """A name as it is compared: lower case, no accents, no marks, no article, `saint` and `and` in one spelling."""
    apart = unicodedata.normalize("NFKD", name.casefold().replace("&", " and "))
    text = "".join(c for c in apart if not unicodedata.combining(c) and c not in ".'’ʻ`")
    words = re.sub(r"[^\w]+", " ", text).split()
    if len(words) == 1:
        return words[0]
    whole = [_SHORT.get(word, word) for word in words]
    return " ".join(whole[1:] if whole[:1] == ["the"] else whole)


def _of_calling_code(code: int) -> str | None:
    regions = [r for r in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code, ()) if len(r) == 2]
    return regions[0] if len(regions) == 1 else None


def _named(names: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The codes by name, also without what follows in brackets (`Myanmar (Burma)`) where that is one country's name."""
    known = list(names)
    short = [(_plain(name.partition("(")[0]), code) for name, code in known]
    alone = Counter(name for name, _ in short)
    return {name: code for name, code in short if alone[name] == 1} | {_plain(name): code for name, code in known}


@cache
def _of_tzdata() -> tuple[frozenset[str], dict[str, str]]:
    """All codes, and the names with theirs, as https://www.iana.org/time-zones has them."""
    table = files("tzdata.zoneinfo").joinpath("iso3166.tab").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines() if line and not line.startswith("#")]
    return frozenset(code for code, _ in rows) | {"XK"}, _named((name, code) for code, name in rows)


@cache
def _of_cldr() -> dict[str, str]:
    """The English names and the codes with three letters, as https://cldr.unicode.org has them."""
    from babel import Locale  # a process that only ever meets plain names goes without it
    from babel.core import get_global

    codes = _of_tzdata()[0]
    names = _named((name, code) for code, name in Locale.parse("en").territories.items() if code in codes)
    aliases = get_global("territory_aliases").items()
    threes = {alias.lower(): new[0] for alias, new in aliases if len(alias) == 3 and alias.isalpha() and len(new) == 1}
    return {**{three: code for three, code in threes.items() if code in codes}, **names}
