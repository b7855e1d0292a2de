"""The base of every model that is read from a file or a request: unknown names are refused, values never change."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A frozen model that refuses names it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())  # reads some 600 files


def time_zone(value: str) -> str:
    """The name of a time zone, checked; ValueError if there is none of this name."""
    if value not in _zones():
        raise ValueError(f"{value!r} is not an IANA time zone, such as Asia/Kolkata or UTC")
    return value
