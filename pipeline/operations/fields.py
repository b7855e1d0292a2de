"""The fields of an account's records. In: what one is to be. Out: it, in force; what would break others is refused."""

from __future__ import annotations

from pipeline.operations.access import Actor
from pipeline.operations.errors import InUse, Invalid, NotFound, Problem
from pipeline.operations.visible import visible
from pipeline.store import fields
from pipeline.store.database import Database
from pipeline.store.fields import FieldRefused, Listed, State
from schemas.fields import Field, RecordKind

CLOSED = "connectors that are closed to you would stop working; ask an administrator"


async def page(database: Database, account: int, record: RecordKind | None = None) -> list[Listed]:
    """Every field of the account, or of one record kind; the standard ones first."""
    return [each for each in await fields.list_all(database, account) if record in (None, each.record)]


async def get(database: Database, account: int, record: RecordKind, name: str) -> Listed:
    """One field. Raises NotFound."""
    for each in await page(database, account, record):
        if each.field.name == name:
            return each
    raise _no_field(record, name)


async def create(database: Database, actor: Actor, record: RecordKind, field: Field) -> Listed:
    """A new field. Raises Invalid; InUse: there is one of this name, or stored values stand in its way."""
    try:
        made = await fields.create(database, actor.account, record, field)
    except FieldRefused as refused:
        raise await _in_the_way(database, actor, field.name, refused) from refused
    if not made:
        raise InUse(f"a {record} has a field {field.name!r} already; change that one, or choose another name")
    return await get(database, actor.account, record, field.name)


async def put(database: Database, actor: Actor, record: RecordKind, field: Field) -> State:
    """A field as it is to be: a new one, or one that is there in another form.

    Raises Invalid (it can never be like this), InUse, with the stored values, connectors and fields that the change
    would break.
    """
    try:
        return await fields.put(database, actor.account, record, field)
    except FieldRefused as refused:
        raise await _in_the_way(database, actor, field.name, refused) from refused


async def replace(database: Database, actor: Actor, record: RecordKind, name: str, field: Field) -> Listed:
    """A field that is there, in another form. Raises NotFound, Invalid (another name), InUse as `put` does."""
    await get(database, actor.account, record, name)
    if field.name != name:
        raise Invalid(
            "the field is not changed", [Problem("name", f"must stay {name!r}: a connector keeps its name", field.name)]
        )
    await put(database, actor, record, field)
    return await get(database, actor.account, record, name)


async def relabel(database: Database, account: int, record: RecordKind, name: str, label: str) -> Listed:
    """Change what people see. Raises NotFound."""
    try:
        await fields.relabel(database, account, record, name, label)
    except LookupError as error:
        raise _no_field(record, name) from error
    return await get(database, account, record, name)


async def remove(database: Database, actor: Actor, record: RecordKind, name: str) -> str:
    """Take a field of the account's own away, or have a standard one as it ships: `removed` or `reset`.

    Raises NotFound; InUse: something needs it, or it is a standard one as it ships.
    """
    await get(database, actor.account, record, name)
    try:
        done = await fields.remove(database, actor.account, record, name)
    except FieldRefused as refused:
        raise await _in_the_way(database, actor, name, refused) from refused
    if done == "no":
        raise InUse(f"{record}.{name} is a standard field; it can be changed, but not removed")
    return done


def _no_field(record: str, name: str) -> NotFound:
    return NotFound(f"a {record} has no field {name!r}; see the list of fields")


async def _in_the_way(database: Database, actor: Actor, name: str, refused: FieldRefused) -> Invalid | InUse:
    """Why it cannot be. Of connectors that are closed to the caller it says only that they are in the way."""
    problems = [Problem(name, message) for message in refused.problems]
    if refused.itself:
        return Invalid("the field is not saved", problems)
    seen = set((await visible(database, actor)).live.values())
    problems += [Problem(name, f"connector {each}: {why}") for each, why in refused.broken if each in seen]
    if any(each not in seen for each, _ in refused.broken):
        problems.append(Problem(name, CLOSED))
    if refused.breaking.count:
        problems.append(Problem(name, f"{refused.breaking.told()}; correct them first", stored=True))
    problems += [Problem(name, rule, value, stored=True) for value, rule in refused.breaking.shown]
    return InUse("the field is not changed, because what uses it would no longer work", problems)
