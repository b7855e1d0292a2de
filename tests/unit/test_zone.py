"""The time zone of a lead, from its number and country: one, or none."""

from __future__ import annotations

from zoneinfo import available_timezones

import phonenumbers
import pytest

from schemas.normal.zone import of_country, zone_of


@pytest.mark.parametrize(
    ("number", "country", "zone"),
    [
        ("+919811122233", None, "Asia/Kolkata"),
        ("+919811122233", "US", "Asia/Kolkata"),  # the number says enough
        ("+12025550123", None, "America/New_York"),
        ("+442079460958", None, "Europe/London"),  # its prefix has four zones, its country one
        ("+79161234567", None, "Europe/Moscow"),
        ("+18005550199", None, None),
        ("+18005550199", "US", None),
        (None, "IN", "Asia/Kolkata"),
        (None, "india", "Asia/Kolkata"),
        (None, "US", None),
        (None, "Nowhere", None),
        (None, "", None),
        (None, 91, None),
        (None, None, None),
    ],
)
def test_a_zone_follows_if_only_one_fits(number: str | None, country: object, zone: str | None) -> None:
    assert zone_of(number, country) == zone


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_every_zone_that_follows_is_one_that_there_is(region: str) -> None:
    example = phonenumbers.example_number(region)
    text = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    zone = zone_of(text, region)
    assert zone is None or zone in available_timezones()
    assert of_country(region) <= available_timezones()
