"""Users, and what an account wants to know of them. In: what they are to be. Out: rows; all that is wrong is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.operations.access import Actor
from pipeline.operations.errors import InUse, Invalid, NotFound, Problem
from pipeline.operations.who import by
from pipeline.store import accounts, users
from pipeline.store.database import Database
from pipeline.store.text import storable
from schemas.access import Role, UserField, mailbox
from schemas.names import DIGITS_ALONE

MOST_FIELDS = 100  # of one account's users


async def create(
    database: Database,
    actor: Actor,
    email: str,
    *,
    name: str = "",
    role: Role = Role.VIEWER,
    active: bool = True,
    fields: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A new user. Raises Invalid (address, field values), InUse (the address is taken)."""
    checked = await _checked(database, actor.account, {"email": email, "fields": fields or {}})
    address, values = checked["email"], checked["fields"]
    try:
        return await users.create(
            database, actor.account, address, name or address, role, values, active=active, by=by(actor)
        )
    except users.EmailTaken as error:
        raise _taken(checked["email"]) from error


async def get(database: Database, account: int, id: int) -> dict[str, Any]:
    """One user. Raises NotFound."""
    return _there(await users.get(database, account, id), id)


async def find(database: Database, account: int, email: str) -> dict[str, Any]:
    """The user with this address. Raises NotFound."""
    return _there(await users.by_email(database, account, email.strip().lower()), email)


async def change(database: Database, actor: Actor, id: int, new: Mapping[str, Any]) -> dict[str, Any]:
    """Change what `new` names: email, name, role, active, fields. Of `fields`, those it names; null takes one away.

    Raises NotFound, Invalid, InUse (the address is taken; the last active administrator would be gone).
    """
    old = await get(database, actor.account, id)
    checked = await _checked(database, actor.account, new)
    if "fields" in checked:
        merged = {**old["fields"], **checked["fields"]}
        checked["fields"] = {name: value for name, value in merged.items() if value is not None}
    try:
        return _there(await users.change(database, actor.account, id, checked, by(actor)), id)
    except users.EmailTaken as error:
        raise _taken(checked["email"]) from error
    except users.LastAdmin as error:
        raise InUse("nothing is changed: the account would have no active administrator left") from error


async def fields(database: Database, account: int) -> list[UserField]:
    """The user fields of an account."""
    return [UserField(**row) for row in await users.fields(database, account)]


async def field(database: Database, account: int, name: str) -> UserField:
    """One user field. Raises NotFound."""
    for each in await fields(database, account):
        if each.name == name:
            return each
    raise NotFound(f"no user field {name!r}")


async def add_field(database: Database, actor: Actor, new: UserField) -> UserField:
    """Raises InUse: there is one of this name, or there are a hundred."""
    if len(await users.fields(database, actor.account)) >= MOST_FIELDS:
        raise InUse(f"the account has {MOST_FIELDS} user fields; remove one first")
    try:
        await users.add_field(database, actor.account, new.name, new.label, new.type, by(actor))
    except users.FieldTaken as error:
        raise InUse(f"the account has a user field {new.name!r} already") from error
    return new


async def relabel_field(database: Database, actor: Actor, name: str, label: str) -> UserField:
    """Give it another label. Raises NotFound."""
    if not await users.relabel_field(database, actor.account, name, label, by(actor)):
        raise NotFound(f"no user field {name!r}")
    return await field(database, actor.account, name)


async def remove_field(database: Database, actor: Actor, name: str) -> None:
    """Take it away, and its values; connectors that it opens are closed to those who had it. Raises NotFound."""
    if not await users.remove_field(database, actor.account, name, by(actor)):
        raise NotFound(f"no user field {name!r}")


async def create_account(database: Database, name: str) -> dict[str, Any]:
    """A new account. Raises Invalid (a name that nobody can read), InUse (the name is taken)."""
    if not name.strip() or not name.isprintable():
        rule = "must have at least one character, and only printable ones"
        raise Invalid("no account is made", [Problem("name", rule, name)])
    if name.strip().isdecimal():
        raise Invalid("no account is made", [Problem("name", DIGITS_ALONE, name)])
    id = await accounts.add(database, name)
    row = None if id is None else await accounts.get(database, id)
    if row is None:
        raise InUse(f"an account {name!r} exists already")
    return row


async def _checked(database: Database, account: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values with address and fields in normal form; Invalid lists everything that is wrong with them."""
    checked, problems = dict(given), list[Problem]()
    if "email" in given:
        try:
            checked["email"] = mailbox(given["email"])
        except ValueError as error:
            problems.append(Problem("email", str(error), given["email"]))
    if given.get("fields"):
        known = {each.name: each for each in await fields(database, account)}
        checked["fields"] = {}
        for name, value in given["fields"].items():
            try:
                if name not in known:
                    raise ValueError(f"the account has no user field of this name; it has {_list(known)}")
                checked["fields"][name] = storable(known[name].checked(value))
            except ValueError as error:
                problems.append(Problem(f"fields.{name}", str(error), value))
    if problems:
        raise Invalid("the user is not saved", problems)
    return checked


def _list(known: Mapping[str, Any]) -> str:
    return ", ".join(sorted(known)) or "none"


def _there(row: dict[str, Any] | None, what: object) -> dict[str, Any]:
    if row is None:
        raise NotFound(f"no user {what}; see the list of users")
    return row


def _taken(email: str) -> InUse:
    return InUse(f"a user with the address {email} exists already")
