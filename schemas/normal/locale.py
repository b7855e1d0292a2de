"""How a source writes its values. In: a country, a zone, an order of dates. Out: what readers of values are told.

What a country's people are used to (the order of a date, the marks in a number, the signs of its currency) is read
from CLDR (https://cldr.unicode.org), as Babel ships it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from zoneinfo import ZoneInfo

from schemas.normal.blank import Blanks
from schemas.normal.people import ANYBODY, People

DateOrder = Literal["dmy", "mdy", "ymd"]


@dataclass(frozen=True, slots=True)
class Locale:
    """How a source's values are to be read.

    `country`: ISO 3166 alpha-2, of numbers without a country code, and of the marks in numbers. `zone`: of times
    without an offset. `people`: whom the values of user fields can name. `order`: of a date that more than one order
    fits; None: the custom of the country. `known_order`: the source is known to write so, and a date read by it needs
    no note. `blanks`: what says as much as a blank.
    """

    country: str | None
    zone: ZoneInfo
    people: People = ANYBODY
    order: DateOrder | None = None
    known_order: bool = False
    blanks: Blanks = field(default_factory=Blanks)
