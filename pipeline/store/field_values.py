"""What is stored in a field, when the field is to change. In: its old and new definition. Out: values converted, or
those that stand in the way. Works through the records in portions, within one transaction, their rows locked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pipeline.store import people
from pipeline.store.database import Connection
from schemas.fields import CHOICES, Field, FieldType
from schemas.normal.choices import coercer_of, pair
from schemas.normal.locale import Locale
from schemas.normal.path import ABSENT
from schemas.normal.values import ValueRejected, says_more, shown

PORTION = 5_000  # records
SHOWN = 10  # values that are named
NOWHERE = Locale(None, ZoneInfo("UTC"))  # stored values are in normal form: no country, no zone of a source
FIRST = UUID(int=0)

SCAN = {
    record: f"""
SELECT id, fields -> $2 AS value, fields -> $3 AS parent FROM {record}
WHERE account_id = $1 AND fields ? $2 AND id > $4 ORDER BY id LIMIT {PORTION} FOR UPDATE
"""
    for record in ("lead", "call", "activity")
}
CONVERT = {
    record: f"""
UPDATE {record} AS r SET fields = jsonb_set(r.fields, ARRAY[$2], new.value), version = r.version + 1
FROM unnest($3::uuid[], $4::jsonb[]) AS new (id, value) WHERE r.account_id = $1 AND r.id = new.id
"""
    for record in ("lead", "call", "activity")
}


@dataclass
class Breaking:
    """Stored values that a change would break: how many, and some of them with the rule."""

    count: int = 0
    shown: list[tuple[str, str]] = field(default_factory=list)  # value, rule

    def add(self, value: object, rule: str) -> None:
        self.count += 1
        if len(self.shown) < SHOWN:
            self.shown.append((shown(value), rule))

    def told(self) -> str:
        """How many there are, and some of them."""
        few = ", ".join(f"{value!r} ({rule})" for value, rule in self.shown)
        more = f" and {self.count - len(self.shown)} more" if self.count > len(self.shown) else ""
        return f"{self.count} stored value(s) do not fit: {few}{more}"


async def convert(connection: Connection, account: int, record: str, old: Field | None, new: Field) -> Breaking:
    """Bring the stored values into the form of the new definition; tells of those for which there is none.

    `old` is None for a new field: values may be stored of one that had its name and was removed.
    """
    breaking = Breaking()
    if not _must_look(old, new):
        return breaking
    users = await people.of_account(connection, account, {record: {new.name: new}})
    coerce = coercer_of(new, f"{record}.{new.name}", replace(NOWHERE, people=users))
    async for rows in portions(connection, account, record, new):
        changed: list[tuple[UUID, Any]] = []
        for row in rows:
            try:
                value = coerce(row["value"])[0]
                if new.type is FieldType.DEPENDENT_DROPDOWN:
                    value = pair(new, f"{record}.{new.name}", row["parent"], value)
            except ValueRejected as rejection:
                breaking.add(row["value"], rejection.rule)
                continue
            if value is ABSENT:
                breaking.add(row["value"], "it stands for no time at all")
            elif value is None:
                breaking.add(row["value"], "it counts as blank, and a blank is not stored")
            elif says_more(row["value"], new.type, NOWHERE):
                breaking.add(row["value"], f"it holds more than one value, and a {new.type} field takes one")
            elif value != row["value"] or type(value) is not type(row["value"]):
                changed.append((row["id"], value))
        if changed and not breaking.count:
            ids, values = zip(*changed, strict=True)
            await connection.execute(CONVERT[record], account, new.name, list(ids), list(values))
    return breaking


def _must_look(old: Field | None, new: Field) -> bool:
    if old is None or old.type is not new.type:
        return True
    return new.type in CHOICES and (old.options, old.parent, old.options_by_parent) != (
        new.options,
        new.parent,
        new.options_by_parent,
    )


async def portions(connection: Connection, account: int, record: str, field: Field) -> AsyncIterator[Sequence[Any]]:
    """The records that have a value in this field, and the value of its parent: id, value, parent."""
    last = FIRST
    while rows := await connection.fetch(SCAN[record], account, field.name, field.parent or field.name, last):
        yield rows
        last = rows[-1]["id"]
