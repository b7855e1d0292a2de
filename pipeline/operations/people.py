"""People whom settings name: users of the account, and fields of theirs. In: settings. Out: what does not fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.operations.errors import Problem
from pipeline.store import people, users
from pipeline.store.database import Database
from schemas.access import UserFieldType
from schemas.fields import FieldType, RecordFields
from schemas.joined import with_declared
from schemas.normal.choices import NO_USER
from schemas.normal.people import ANYBODY, People
from schemas.problem import map_row
from schemas.settings import Access, ConnectorSettings, Notify

M = TypeVar("M", bound=BaseModel)


async def people_problems(
    database: Database, account: int, settings: ConnectorSettings, fields: RecordFields
) -> list[Problem]:
    """Whom to notify must be an active user, what opens a connector a boolean user field, and whom the mapping puts
    into a user field a user, of this account."""
    found = await _notify(database, account, settings.notify) if settings.notify else []
    found += await _access(database, account, settings.access) if settings.access else []
    declared = with_declared(fields, settings)
    known = await people.of_account(database, account, declared)
    return [*found, *_mapped(settings, declared, known)]


async def people_named(database: Database, account: int, document: Mapping[str, Any]) -> list[Problem]:
    """The same of a document that is no settings, as far as it says whom to notify and what opens the connector."""
    notify, access = _read(Notify, document.get("notify")), _read(Access, document.get("access"))
    found = await _notify(database, account, notify) if notify else []
    return [*found, *(await _access(database, account, access) if access else [])]


async def _notify(database: Database, account: int, notify: Notify) -> list[Problem]:
    user = await users.by_email(database, account, notify.user.strip().lower())
    if user is not None and user["active"]:
        return []
    what = "no user has this address" if user is None else "this user is inactive"
    return [Problem("notify.user", f"{what}; `leadpipe user list` lists the users", notify.user)]


async def _access(database: Database, account: int, access: Access) -> list[Problem]:
    types = {row["name"]: row["type"] for row in await users.fields(database, account)}
    if access.user_field is None or types.get(access.user_field) == UserFieldType.BOOLEAN:
        return []
    boolean = ", ".join(each for each, type in types.items() if type == UserFieldType.BOOLEAN) or "none yet"
    rule = f"must be a boolean user field of the account; these are {boolean}"
    return [Problem("access.user_field", rule, access.user_field)]


def _read(model: type[M], said: object) -> M | None:
    try:
        return None if said is None else model.model_validate(said)
    except ValidationError:
        return None  # a problem that is told where the document is checked


def _mapped(settings: ConnectorSettings, fields: RecordFields, known: People) -> Iterator[Problem]:
    for number, row in enumerate(settings.map, 1):
        field = fields[row.record].get(row.field)
        if field is None or field.type is not FieldType.USER:
            continue
        for what, value in row.own_values:
            if known.address(value) is None and ANYBODY.address(value) is not None:  # what is no address is told anyway
                yield Problem(map_row(number, row.to), f"its {what} is {value!r}, and {NO_USER}")
