"""Whether what identifies a record comes from the source. In: mapping rows and fields. Out: the rows that make it up.

A value that the mapping itself writes is the same for everybody. In a field that identifies a lead it would make one
lead of strangers; in the id of an activity or a call, one record of many.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from schemas.fields import Field
from schemas.joined import LEAD_SOURCE, Joined
from schemas.key_text import key_text
from schemas.mapping import MapRow
from schemas.normal.blank import IsBlank
from schemas.normal.choices import coercer_of
from schemas.normal.locale import Locale
from schemas.normal.path import ABSENT
from schemas.normal.values import Coerce, ValueRejected, shown
from schemas.transform import Constant, LookUp, Scalar
from schemas.transforming import Step, run, steps_of

MADE_UP = "written by the mapping and not sent by the source; it fills the field, and identifies nobody"
SAME = "the same for everybody"
RULE = "what identifies a record must come from the source"

IDS = {"call.call_id": "a call", "activity.external_id": "an activity"}  # beside the unique fields of a lead


class MadeUp(NamedTuple):
    """A row that writes into a field that identifies: where it stands, the value, what is wrong and what to do."""

    row: MapRow
    place: str
    value: Scalar
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


def identifies(record: str, field: Field) -> str | None:
    """What values of this field identify, as a noun; None: nothing."""
    if record == "lead":
        return "a lead" if field.space is not None else None
    return IDS.get(f"{record}.{field.name}")


def made_up(joined: Joined) -> Iterator[MadeUp]:
    """The rows in force that write into a field that identifies, one for each value that they write."""
    for row in joined.rows:
        field = joined.fields[row.record].get(row.field)
        if field is None or (what := identifies(row.record, field)) is None:
            continue
        for part, value, why in _written(row, field, joined.locale):
            message = (
                f"its {part} is {shown(value)!r}, {why}, and {row.to} identifies {what}: {RULE}. "
                f"Take the {part.partition(' ')[0]} out, or map to a field that identifies nobody"
            )
            yield MadeUp(row, place_of(joined, row), value, message)


def has_constant(row: MapRow) -> bool:
    """Whether whatever comes by this row is one value that the mapping writes."""
    return any(isinstance(transform, Constant) for transform in row.transforms)


def made_up_results(row: MapRow, field: Field, locale: Locale) -> dict[str, str]:
    """The entries of the row's look-ups that make a key of what is none, or one key of several: by the key, why.

    A look-up that only renames is none of them: it tells apart whom the source tells apart.
    """
    found: dict[str, str] = {}
    for place, transform in enumerate(row.transforms):
        if isinstance(transform, LookUp):
            then = steps_of(row.transforms[place + 1 :], row.to).each
            found |= _of_table(transform, then, field, coercer_of(field, row.to, locale), locale.blanks.test())
    return found


def _of_table(table: LookUp, then: tuple[Step, ...], field: Field, coerce: Coerce, is_blank: IsBlank) -> dict[str, str]:
    by_key: dict[str, list[str]] = {}
    for said, meant in table.look_up.items():
        if (key := _key(meant, then, field, coerce)) is not None:
            by_key.setdefault(key, []).append(said)
    found: dict[str, str] = {}
    for key, words in by_key.items():
        if len(words) > 1:
            found[key] = f"one value for {', '.join(map(repr, words))}"
        elif is_blank(words[0]) or _key(words[0], (), field, coerce) is None:
            found[key] = f"a value made of {words[0]!r}, which identifies nobody"
    return found


def _key(value: Any, then: tuple[Step, ...], field: Field, coerce: Coerce) -> str | None:
    """The value in normal form, if it can be a key."""
    try:
        made = run(then, value, [])
        normal, note = (ABSENT, None) if made is ABSENT else coerce(made)
    except ValueRejected:
        return None
    return None if normal is None or normal is ABSENT or note is not None else key_text(normal, field.folds)


def _written(row: MapRow, field: Field, locale: Locale) -> Iterator[tuple[str, Scalar, str]]:
    """What a row itself writes into its field: as what, the value, and what is wrong with it as a key."""
    if row.default is not None:
        yield "default", row.default, SAME
    for transform in row.transforms:
        if isinstance(transform, Constant):
            yield "constant", transform.constant, SAME
    for key, why in made_up_results(row, field, locale).items():
        yield "look-up result", key, why


def place_of(joined: Joined, row: MapRow) -> str:
    """Where a person finds a row: in the settings by its number, else in the preset, or in another setting."""
    for number, own in enumerate(joined.settings.map, 1):
        if own is row:
            return f"map row {number} (to {row.to})"
    if row.to == LEAD_SOURCE and joined.settings.lead_source is not None:
        return "lead_source"
    return f"the preset's row to {row.to}"
