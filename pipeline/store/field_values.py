"""What is stored in a field, when the field is to change. In: its old and new definition. Out: values converted, or
those that stand in the way. Works through the records in portions, within one transaction, their rows locked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pipeline.store import people
from pipeline.store.database import Connection
from schemas.fields import CHOICES, Field, FieldType
from schemas.keying import LONGEST_KEY, key_text
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

# The keys of leads that were merged into others belong to those.
CLAIM = """
INSERT INTO identity_key (account_id, space, value, lead_id)
SELECT $1, $2, new.value, new.lead FROM unnest($3::text[], $4::uuid[]) AS new (value, lead)
JOIN lead AS l ON l.id = new.lead AND l.merged_into IS NULL
ORDER BY new.value
ON CONFLICT DO NOTHING
"""
LOST = """
SELECT new.value FROM unnest($3::text[], $4::uuid[]) AS new (value, lead)
JOIN lead AS l ON l.id = new.lead AND l.merged_into IS NULL
JOIN identity_key AS k ON k.account_id = $1 AND k.space = $2 AND k.value = new.value
WHERE k.lead_id <> new.lead ORDER BY new.value
"""


@dataclass
class Breaking:
    """Stored values that a change would break: how many, and some of them with the rule."""

    count: int = 0
    shown: list[tuple[str, str]] = field(default_factory=list)  # value, rule

    def add(self, value: object, rule: str) -> None:
        self.count += 1
        if len(self.shown) < SHOWN:
            self.shown.append((shown(value), rule))


async def convert(connection: Connection, account: int, record: str, old: Field, new: Field) -> Breaking:
    """Bring the stored values into the form of the new definition; tells of those for which there is none."""
    breaking = Breaking()
    if not _must_look(old, new):
        return breaking
    users = await people.of_account(connection, account, {record: {new.name: new}})
    coerce = coercer_of(new, f"{record}.{new.name}", replace(NOWHERE, people=users))
    async for rows in _portions(connection, account, record, new):
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
                breaking.add(row["value"], "it says nothing, and a field that says nothing is empty")
            elif says_more(row["value"], new.type, NOWHERE):
                breaking.add(row["value"], f"it holds more than one value, and a {new.type} field takes one")
            elif value != row["value"] or type(value) is not type(row["value"]):
                changed.append((row["id"], value))
        if changed and not breaking.count:
            ids, values = zip(*changed, strict=True)
            await connection.execute(CONVERT[record], account, new.name, list(ids), list(values))
    return breaking


async def claim(connection: Connection, account: int, new: Field) -> Breaking:
    """Make keys of a lead field's stored values; tells of those that two leads have."""
    breaking = Breaking()
    if new.space is None or new.own_space:  # of a source's own ids nobody knows any more whose they were
        return breaking
    coerce = coercer_of(new, f"lead.{new.name}", NOWHERE)
    async for rows in _portions(connection, account, "lead", new):
        sound = (row for row in rows if coerce(row["value"]) == (row["value"], None))
        keys = [(key_text(row["value"]), row["id"]) for row in sound]
        keys = [(value, id) for value, id in keys if 0 < len(value) <= LONGEST_KEY]
        columns = [value for value, _ in keys], [id for _, id in keys]
        await connection.execute(CLAIM, account, new.space, *columns)
        for row in await connection.fetch(LOST, account, new.space, *columns):
            breaking.add(row["value"], "several leads have it, and a unique field belongs to one")
    return breaking


async def disclaim(connection: Connection, account: int, old: Field, others: Mapping[str, Field]) -> None:
    """Forget the keys of a field that is unique no longer, unless another field shares their space."""
    if old.space is None or any(f.space == old.space for f in others.values() if f.name != old.name):
        return
    await connection.execute(
        "DELETE FROM identity_key WHERE account_id = $1 AND (space = $2 OR starts_with(space, $3))",
        account,
        old.space,
        f"{old.space}:",
    )


def _must_look(old: Field, new: Field) -> bool:
    if old.type is not new.type:
        return True
    return new.type in CHOICES and (old.options, old.parent, old.options_by_parent) != (
        new.options,
        new.parent,
        new.options_by_parent,
    )


async def _portions(connection: Connection, account: int, record: str, field: Field) -> AsyncIterator[Sequence[Any]]:
    last = FIRST
    while rows := await connection.fetch(SCAN[record], account, field.name, field.parent or field.name, last):
        yield rows
        last = rows[-1]["id"]
