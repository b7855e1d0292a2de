"""How the people of a country write numbers. In: a country. Out: its marks and the signs of its currency, from CLDR.

CLDR (https://cldr.unicode.org) has them per language and country; Babel ships it. Every official language of a country
counts, and English as people write it anywhere: a point before decimals, commas between groups.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from babel import Locale as Language

POINT, COMMA = ".", ","


class Marks(NamedTuple):
    """The marks in numbers of a country. `main`: the decimal mark of the language that most people there use.

    `beside_point` and `beside_comma`: what stands between groups where that mark stands before decimals; the latter
    is None where nobody puts a comma there. `signs`: of the country's currency, as `sign_of` writes them.
    """

    main: str = POINT
    beside_point: frozenset[str] = frozenset(COMMA)
    beside_comma: frozenset[str] | None = None
    signs: frozenset[str] = frozenset()


NOWHERE = Marks()


@lru_cache(maxsize=512)
def marks_of(country: str) -> Marks:
    """The marks and signs of a country, by its ISO 3166 alpha-2 code; those of English where CLDR knows none."""
    languages = _languages(country)
    main = ""
    beside: dict[str, set[str]] = {POINT: {COMMA}}
    for language in languages:
        symbols = language.number_symbols["latn"]
        decimal, group = symbols["decimal"], symbols["group"]
        if decimal in (POINT, COMMA):
            main = main or decimal
            beside.setdefault(decimal, set()).update(_plain(mark) for mark in (group, symbols.get("currencyGroup", "")))
    comma = beside.get(COMMA)
    return Marks(
        main or POINT,
        frozenset(beside[POINT] - {""}),
        None if comma is None else frozenset(comma - {""}),
        _signs(country, languages),
    )


def sign_of(word: str) -> str:
    """A sign or an abbreviation as it is compared: lower case, no points, nothing that cannot be seen."""
    return "".join(c for c in word.casefold() if c != "." and (c.isprintable() and not c.isspace()))


@cache
def currency_codes() -> frozenset[str]:
    """The codes of currencies, ISO 4217: those in use, and those that were."""
    from babel import Locale as Language

    return frozenset(Language.parse("en").currencies)


def _languages(country: str) -> list[Language]:
    """The official languages, by how many people use them; where CLDR has nothing of one there, without it."""
    from babel import Locale as Language  # 40 ms, which a process that meets plain numbers only goes without
    from babel import UnknownLocaleError
    from babel.languages import get_official_languages

    found = []
    for name in get_official_languages(country.upper(), de_facto=True):
        try:
            language = Language.parse(f"{name}_{country.upper()}")
        except (UnknownLocaleError, ValueError):
            continue
        if "latn" in language.number_symbols:
            found.append(language)
    return found


def _signs(country: str, languages: list[Language]) -> frozenset[str]:
    from babel.core import UnknownLocaleError
    from babel.numbers import get_territory_currencies

    try:
        currencies = get_territory_currencies(country.upper())
    except (UnknownLocaleError, KeyError):
        return frozenset()
    signs = {sign_of(language.currency_symbols.get(code, "")) for language in languages for code in currencies}
    return frozenset(signs | {code.casefold() for code in currencies}) - {""}


def _plain(mark: str) -> str:
    """A group mark as numbers are compared with it: one kind of space, one kind of apostrophe."""
    return " " if mark.isspace() else "'" if mark in "'’" and mark else mark
