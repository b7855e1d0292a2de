"""An account's fields: listed, added, changed, removed. In: a field as it is to be. Out: done, or why it cannot be.

What is changed, in one transaction: the definition, the stored values if the new type writes them differently, and the
keys if the field becomes unique or ceases to be. Events that were mapped a moment before are stored as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from pipeline.store import connectors, field_keys, field_table, field_values
from pipeline.store.database import Connection, Database
from pipeline.store.field_values import Breaking
from schemas.fields import Field, RecordFields, RecordKind, field_problems
from schemas.standard import STANDARD, completed

Origin = Literal["standard", "changed", "own"]
State = Literal["created", "changed", "unchanged"]


@dataclass(frozen=True, slots=True)
class Listed:
    """One field. `origin`: as it ships, a standard one that the account changed, or one of its own."""

    record: RecordKind
    field: Field
    origin: Origin


class FieldRefused(ValueError):
    """Nothing was changed. `problems` says why, a sentence each; `broken` are connectors by name, and why they would
    stop working; `breaking` tells of stored values that do not fit.

    `itself`: the field cannot be like this whatever is stored, and nothing stands in its way beside that.
    """

    def __init__(
        self,
        problems: list[str],
        broken: Sequence[tuple[str, str]] = (),
        breaking: Breaking | None = None,
        *,
        itself: bool = False,
    ) -> None:
        self.problems = problems
        self.broken = broken
        self.breaking = breaking or Breaking()
        self.itself = itself
        values = [f"{self.breaking.told()}; correct them first"] if self.breaking.count else []
        super().__init__("\n".join([*problems, *(f"connector {name}: {why}" for name, why in broken), *values]))


async def list_all(database: Database, account: int) -> list[Listed]:
    """Every field of the account: of leads, calls, activities, the standard ones first."""
    fields = await field_table.of_account(database, account)
    own = await field_table.names_of(database, account)
    return [Listed(record, f, _origin(record, f.name, own)) for record in _KINDS for f in fields[record].values()]


async def of_account(database: Database | Connection, account: int) -> RecordFields:
    """The account's fields, by record kind and name."""
    return await field_table.of_account(database, account)


async def put(database: Database, account: int, record: RecordKind, field: Field) -> State:
    """Add a field, or change it; FieldRefused if that would break stored values, connectors, or other fields."""
    return await database.transaction(partial(_put, account, record, completed(record, field)))


async def create(database: Database, account: int, record: RecordKind, field: Field) -> bool:
    """Add a field; False: there is one of this name. FieldRefused as `put` says."""

    async def work(connection: Connection) -> bool:
        await field_table.lock(connection, account)
        if field.name in (await field_table.of_account(connection, account))[record]:
            return False
        await _put(account, record, completed(record, field), connection)
        return True

    return await database.transaction(work)


async def relabel(database: Database, account: int, record: RecordKind, name: str, label: str) -> State:
    """Change what people see; LookupError if there is no such field, ValueError if the label is none."""

    async def work(connection: Connection) -> State:
        field = (await field_table.of_account(connection, account))[record].get(name)
        if field is None:
            raise LookupError(f"{record} has no field {name!r}")
        return await _put(account, record, Field(**{**field.model_dump(), "label": label}), connection)

    return await database.transaction(work)


async def remove(database: Database, account: int, record: RecordKind, name: str) -> Literal["removed", "reset", "no"]:
    """Take a field of the account's own away, or have a standard one as it ships; `no`: there is nothing to remove.

    Values that are stored stay stored, and show again if the field comes back. FieldRefused if something needs it.
    """

    async def work(connection: Connection) -> Literal["removed", "reset", "no"]:
        await field_table.lock(connection, account)
        if (record, name) not in await field_table.names_of(connection, account):
            return "no"
        fields = await field_table.of_account(connection, account)
        old, standard = fields[record][name], STANDARD[record].get(name)
        if standard is not None:
            await _put(account, record, standard, connection)
            await field_table.delete(connection, account, record, name)
            return "reset"
        left = {**fields, record: {key: value for key, value in fields[record].items() if key != name}}
        await _refuse(connection, account, fields, left, Breaking())
        await field_keys.disclaim(connection, account, old, left[record])
        await field_table.delete(connection, account, record, name)
        return "removed"

    return await database.transaction(work)


async def _put(account: int, record: RecordKind, field: Field, connection: Connection) -> State:
    await field_table.lock(connection, account)
    fields = await field_table.of_account(connection, account)
    old = fields[record].get(field.name)
    if old == field:
        return "unchanged"
    after: RecordFields = {**fields, record: {**fields[record], field.name: field}}
    if wrong := field_problems(record, field, after[record]):
        raise FieldRefused(wrong, itself=True)
    if old is None:
        breaking = await field_keys.new(connection, account, record, field)
    else:
        breaking = await _fitted(connection, account, record, old, field, after)
    await _refuse(connection, account, fields, after, breaking)
    await field_table.put(connection, account, record, field)
    return "created" if old is None else "changed"


async def _fitted(
    connection: Connection, account: int, record: str, old: Field, field: Field, after: RecordFields
) -> Breaking:
    """Bring values and keys into the form of a field that changes; tells of those that stand in the way."""
    breaking = await field_values.convert(connection, account, record, old, field)
    if old.space != field.space:
        await field_keys.disclaim(connection, account, old, after[record])
    if breaking.count or field.space is None:
        return breaking
    if old.space != field.space:
        return await field_keys.claim(connection, account, field)
    return await field_keys.compare_anew(connection, account, old, field)


async def _refuse(
    connection: Connection, account: int, before: RecordFields, after: RecordFields, breaking: Breaking
) -> None:
    """Raise FieldRefused if the change cannot be."""
    problems = [
        problem
        for record, fields in after.items()
        for field in fields.values()
        for problem in field_problems(record, field, fields)
    ]
    broken = await connectors.broken_by(connection, account, before, after)
    if problems or broken or breaking.count:
        raise FieldRefused(problems, broken, breaking)


def _origin(record: str, name: str, own: set[tuple[str, str]]) -> Origin:
    if (record, name) not in own:
        return "standard"
    return "changed" if name in STANDARD[record] else "own"


_KINDS: tuple[RecordKind, ...] = ("lead", "call", "activity")
