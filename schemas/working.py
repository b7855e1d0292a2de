"""What a connector cannot work without. In: its joined settings. Out: nothing, or a ValueError that names the row.

Less than `schemas.checking` asks before something is saved: what was saved by an earlier version, or before the
account changed a field, goes on as far as it can.
"""

from __future__ import annotations

from dataclasses import replace

from schemas.fields import Field
from schemas.joined import Joined
from schemas.mapping import MapRow
from schemas.nearest import suggestion
from schemas.normal.choices import coercer_of


def check_rows(joined: Joined) -> None:
    """Every row leads to a field that there is, and what it puts there itself is something that the field can hold."""
    locale = replace(joined.locale, people=joined.people.lenient())
    for row in joined.rows:
        field = joined.fields[row.record].get(row.field)
        if field is None:
            raise ValueError(f"map row to {row.to!r}: {unknown_field(joined, row)}")
        coerce = coercer_of(field, f"map row to {row.to!r}", locale)
        for _, value in row.own_values:
            coerce(value)


def check_keys(joined: Joined) -> None:
    """Every search key is a unique field."""
    for key in joined.keys:
        if not is_key(joined.fields["lead"].get(key)):
            raise ValueError(f"{key!r} cannot be a search key: it must be one of {able(joined)}")


def is_key(field: Field | None) -> bool:
    """Whether leads can be searched for by this field."""
    return field is not None and field.space is not None


def able(joined: Joined) -> str:
    """The names of the fields that can be search keys."""
    return ", ".join(sorted(name for name, field in joined.fields["lead"].items() if is_key(field)))


def unknown_field(joined: Joined, row: MapRow) -> str:
    """What is wrong with a row that leads nowhere."""
    return f"a {row.record} has no field {row.field!r}{suggestion(row.field, joined.fields[row.record])}"
