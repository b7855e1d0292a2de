"""The order in which the people of a country write dates, and that of a connector."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import phonenumbers
import pytest

from schemas.normal.custom import custom_order, order_of
from schemas.normal.locale import DateOrder, Locale
from schemas.normal.order import Order


@pytest.mark.parametrize(
    ("country", "order"),
    [
        ("IN", "dmy"),
        ("GB", "dmy"),
        ("AU", "dmy"),
        ("AE", "dmy"),  # CLDR writes marks of direction between the digits
        ("SA", "dmy"),
        ("BR", "dmy"),
        ("MX", "dmy"),
        ("DE", "dmy"),
        ("CH", "dmy"),  # four languages, one custom
        ("KE", "dmy"),
        ("SG", "dmy"),
        ("US", "mdy"),
        ("PH", "mdy"),
        ("PR", "mdy"),
        ("CA", "ymd"),
        ("JP", "ymd"),
        ("CN", "ymd"),
        ("TW", "ymd"),  # two of its languages are unknown to CLDR
        ("KR", "ymd"),
        ("HU", "ymd"),
        ("SE", "ymd/dmy"),
        ("ZA", "ymd/dmy"),
        ("PY", "dmy"),  # of Guarani CLDR has no date of its own
        ("ZW", "dmy"),
        ("PW", "dmy"),
        ("AC", None),
        ("ZZ", None),
        ("", None),
    ],
)
def test_the_custom_of_a_country(country: str, order: Order | None) -> None:
    assert custom_order(country) == order
    assert custom_order(country.lower()) == order


def test_every_country_that_a_connector_can_name_is_known_or_none() -> None:
    customs = {country: custom_order(country) for country in phonenumbers.SUPPORTED_REGIONS}
    assert set(customs.values()) == {"dmy", "mdy", "ymd", "ymd/dmy", None}
    assert {country for country, order in customs.items() if order is None} == {"AC", "TA"}  # two islands


@pytest.mark.parametrize(
    ("country", "setting", "order"),
    [
        ("IN", None, "dmy"),
        ("US", None, "mdy"),
        ("ZA", None, "ymd/dmy"),
        (None, None, None),
        ("IN", "mdy", "mdy"),
        ("US", "dmy", "dmy"),
        (None, "mdy", "mdy"),
        ("IN", "ymd", "ymd/dmy"),  # the setting says nothing of a date that ends in its year
        ("US", "ymd", "ymd"),
        ("JP", "ymd", "ymd"),
        (None, "ymd", "ymd"),
    ],
)
def test_a_setting_goes_before_the_custom(country: str | None, setting: DateOrder | None, order: Order | None) -> None:
    assert order_of(Locale(country, ZoneInfo("UTC"), order=setting)) == order
