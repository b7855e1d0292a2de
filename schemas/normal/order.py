"""Which day a date means that more than one order fits. In: its readings, an order. Out: the day, with a note.

A date is ambiguous if two orders make different days of it that exist: `05/07/2026` is, `13/01/2026` and `05/05/2026`
are not. Only an ambiguous one asks for the order of its source, and what the order decided is noted:

| order | `05/07/2026` | `26/07/05` |
|---|---|---|
| `dmy` | 5 July | 26 July 2005 |
| `mdy` | 7 May | 26 July 2005: there is no month 26, and the year still comes last |
| `ymd` | 7 May: the month comes before the day | 5 July 2026 |
| `ymd/dmy` | 5 July | 5 July 2026 |
| none | see `Shape` | unreadable |

`ymd/dmy` is no setting: it is the custom where people write the year first, or else the day (South Africa, Sweden).
"""

from __future__ import annotations

from datetime import date
from typing import Literal, NamedTuple

from schemas.normal.locale import DateOrder

Order = DateOrder | Literal["ymd/dmy"]

DAY_FIRST = "day first, by the connector's setting"
MONTH_FIRST = "month first, by the connector's setting"
YEAR_FIRST = "year first, by the connector's setting"
DAY_UNSAID = "day first, by its dashes or dots, as no setting and no country says otherwise"
MONTH_UNSAID = "month first, by its AM or PM, as no setting and no country says otherwise"
ORDER_NOTES = (DAY_FIRST, MONTH_FIRST, YEAR_FIRST, DAY_UNSAID, MONTH_UNSAID)

_SAID: dict[DateOrder, str] = {"dmy": DAY_FIRST, "mdy": MONTH_FIRST, "ymd": YEAR_FIRST}
_UNSAID: dict[DateOrder, str] = {"dmy": DAY_UNSAID, "mdy": MONTH_UNSAID}
_TRIED: dict[Order, tuple[DateOrder, ...]] = {
    "dmy": ("dmy", "mdy", "ymd"),
    "mdy": ("mdy", "dmy", "ymd"),
    "ymd": ("ymd", "mdy", "dmy"),
    "ymd/dmy": ("ymd", "dmy", "mdy"),
}


class Shape(NamedTuple):
    """A date as it is written: the days that exist by each order that fits, one at least.

    `unsaid`: the order where nobody says one. With dashes and dots it is the day's, with slashes the month's if AM or
    PM follows, as .NET writes in en-US; None: nobody can tell.
    """

    days: dict[DateOrder, date]
    unsaid: DateOrder | None = None


def meant(shape: Shape, order: Order | None, *, known: bool) -> tuple[date, str | None] | None:
    """The day that is meant, with a note if an order decided; None if nothing does.

    `known`: the source is known to write in this order, which then needs no note.
    """
    days = shape.days
    one, *others = days.values()
    if all(other == one for other in others):
        return one, None
    if order is not None:
        first = next(each for each in _TRIED[order] if each in days)
        return days[first], None if known else _SAID[first]
    if shape.unsaid is None or shape.unsaid not in days:
        return None
    return days[shape.unsaid], _UNSAID[shape.unsaid]
