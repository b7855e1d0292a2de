"""How the people of a country write dates. In: a country, or a connector's locale. Out: the order, from CLDR.

CLDR (https://cldr.unicode.org) has a short date per language and country, such as `dd/MM/yy` for English in India.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from schemas.normal.locale import Locale
from schemas.normal.order import Order

if TYPE_CHECKING:
    from babel import Locale as Language

_ORDERS: dict[str, Order] = {"dmy": "dmy", "mdy": "mdy", "ymd": "ymd"}


def order_of(locale: Locale) -> Order | None:
    """The order in which a source's dates are read: its setting, else its country's custom; None: neither is known.

    Where the setting is year first, the custom still says whether day or month leads a date that ends in the year.
    """
    if locale.order in ("dmy", "mdy"):
        return locale.order
    custom = custom_order(locale.country) if locale.country else None
    if locale.order is None:
        return custom
    return "ymd/dmy" if custom in ("dmy", "ymd/dmy") else "ymd"


@lru_cache(maxsize=512)
def custom_order(country: str) -> Order | None:
    """The order of a short date in the official language that most people of the country use; None: CLDR knows none.

    `country` is an ISO 3166 alpha-2 code. Where the year comes first, the date with the month's name tells whether
    people put the day before the month or behind it. A language for which CLDR has only what every language has
    (`y-MM-dd`: Guarani, Shona) says nothing of a custom, and the next one is asked.
    """
    patterns = _patterns(country)
    if patterns is None:
        return None
    short, medium = map(_order, patterns)
    return "ymd/dmy" if (short, medium) == ("ymd", "dmy") else short


def _patterns(country: str) -> tuple[str, str] | None:
    """How dates are written there, in digits and with the name of the month."""
    from babel import Locale as Language  # 40 ms, which a command that reads no date does not wait for
    from babel import UnknownLocaleError
    from babel.languages import get_official_languages

    anyone = _dates(Language("root"))
    for language in get_official_languages(country, de_facto=True):  # by how many people use it
        try:
            patterns = _dates(Language.parse(f"{language}_{country.upper()}"))
        except (UnknownLocaleError, ValueError):
            continue
        if patterns != anyone:
            return patterns
    return None


def _dates(language: Language) -> tuple[str, str]:
    formats = language.date_formats
    return formats["short"].pattern, formats["medium"].pattern


def _order(pattern: str) -> Order | None:
    """The order of the letters d, M and y in a pattern."""
    letters = "".join(dict.fromkeys(letter for letter in pattern if letter in "dMy")).lower()
    return _ORDERS.get(letters)
