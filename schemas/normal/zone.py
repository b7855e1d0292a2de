"""The time zone that a person lives in. In: a phone number in E.164, a country. Out: an IANA name, if only one fits.

libphonenumber knows the zones of number prefixes, tzdata those of countries. Several that fit are narrowed by the
country of the number, then by the country that was named; what stays ambiguous is nobody's zone.
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files

import phonenumbers

from schemas.normal.country import country_of
from schemas.normal.phone import read_phone

REMEMBERED = 10_000


def zone_of(number: str | None, country: object) -> str | None:
    """The zone. `number` is valid or None, `country` a code or an English name, or anything else."""
    if number:
        alone = _alone()
        for length in (2, 3, 1):  # no calling code begins another one
            if zone := alone.get(number[1 : 1 + length]):
                return zone
    zones = _of_prefix(number) if number else frozenset()
    if len(zones) != 1 and number and (region := read_phone(number, None).region):
        zones = _narrowed(zones, of_country(region))
    if len(zones) != 1 and isinstance(country, str) and country:
        zones = _narrowed(zones, of_country(country))
    return next(iter(zones)) if len(zones) == 1 else None


@lru_cache(maxsize=REMEMBERED)
def of_country(country: str) -> frozenset[str]:
    """The zones of a country, by any name that it has; none if there is no such country."""
    return _countries().get(country_of(country) or "", frozenset())


def _narrowed(zones: frozenset[str], others: frozenset[str]) -> frozenset[str]:
    """Those in both; where one side says nothing, the other's."""
    return (zones & others or zones) if zones else others


def _of_prefix(number: str) -> frozenset[str]:
    prefixes, longest = _prefixes()
    for length in range(min(longest, len(number) - 1), 0, -1):
        zones = prefixes.get(number[1 : 1 + length])
        if zones is not None:
            return _canonical(zones)
    return frozenset()


@cache
def _prefixes() -> tuple[dict[str, tuple[str, ...]], int]:
    from phonenumbers.tzdata import TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX  # 10 ms, and not every process needs it

    return TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX


@cache
def _alone() -> dict[str, str]:
    """The calling codes whose numbers are all in one zone, as most are, with it."""
    prefixes, _ = _prefixes()
    found: dict[str, set[str]] = {}
    codes = {str(code) for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE}
    for prefix, zones in prefixes.items():
        code = next((prefix[:length] for length in (2, 3, 1) if prefix[:length] in codes), prefix)
        found.setdefault(code, set()).update(_canonical(zones))
    return {code: next(iter(zones)) for code, zones in found.items() if len(zones) == 1}


@lru_cache(maxsize=REMEMBERED)
def _canonical(zones: tuple[str, ...]) -> frozenset[str]:
    """Names that tzdata has outlived (Asia/Calcutta) as they are now."""
    return frozenset(_links().get(zone, zone) for zone in zones)


@cache
def _countries() -> dict[str, frozenset[str]]:
    zones: dict[str, set[str]] = {}
    for code, _, zone, *_ in _table("zone.tab"):
        zones.setdefault(code, set()).add(zone)
    return {code: frozenset(names) for code, names in zones.items()}


@cache
def _links() -> dict[str, str]:
    """Old names. A name that a country has of its own is no old one, even where it is a link (Europe/Jersey)."""
    current = {zone for zones in _countries().values() for zone in zones}
    lines = _text("tzdata.zi").splitlines()
    links = (line.split() for line in lines if line.startswith("L "))
    return {old: new for _, new, old in links if old not in current}


def _table(name: str) -> list[list[str]]:
    return [line.split("\t") for line in _text(name).splitlines() if line and not line.startswith("#")]


def _text(name: str) -> str:
    return files("tzdata.zoneinfo").joinpath(name).read_text(encoding="utf-8")
