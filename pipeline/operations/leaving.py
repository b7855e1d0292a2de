"""What is asked before something is removed. In: what is to go. Out: a question that names what goes with it.

Each raises NotFound as the removal would, so that nobody is asked about what is not there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pipeline.operations import dead, fields, keys, secrets, users
from pipeline.operations.access import Actor
from pipeline.operations.errors import InUse, NotFound
from pipeline.operations.visible import named
from pipeline.store import connectors, key_tree, tokens
from pipeline.store import users as stored_users
from pipeline.store.database import Database
from schemas.fields import RecordKind

FEW = 5  # names in a question


async def connector(database: Database, actor: Actor, given: str) -> str:
    """About a connector: its webhook URLs end, its journal stays."""
    name = await named(database, actor, given)
    row = await connectors.listed(database, actor.account, name)
    if row is None:
        raise NotFound(f"no connector {name!r}; `leadpipe connector list` lists the connectors")
    working = len(await tokens.in_force(database, row["id"]))
    urls = "Its webhook URL stops" if working == 1 else f"Its {working} webhook URLs stop"
    return (
        f"Remove the connector {name!r} ({row['preset']}, revision {row['revision']})? "
        f"{urls} working at once; its journal and its leads stay."
    )


async def field(database: Database, actor: Actor, record: RecordKind, name: str) -> str:
    """About a field of a record: its values stay stored."""
    found = await fields.get(database, actor.account, record, name)
    if found.origin == "standard":
        raise InUse(f"{record}.{name} is a standard field; it can be changed, but not removed")
    if found.origin == "changed":
        return f"Reset the standard field {record}.{name} to what it was when it shipped? Its stored values stay."
    about = f"{found.field.type}{', a search key' if found.field.unique else ''}"
    return (
        f"Remove the field {record}.{name} ({about})? "
        "Its stored values stay stored, and show again when a field of this name is made again."
    )


async def user_field(database: Database, actor: Actor, name: str) -> str:
    """About a field of users: its values go, and connectors that it opens are closed to the users who had it."""
    await users.field(database, actor.account, name)
    having = [row["email"] for row in await _every_user(database, actor) if row["fields"].get(name) is not None]
    opens = [
        each["name"]
        for each in await connectors.opened_to(database, actor.account)
        if each["removed_at"] is None and isinstance(each["access"], dict) and each["access"].get("user_field") == name
    ]
    closed = f" Users who have it lose the access that it gives them to {_names(opens)}." if opens else ""
    return f"Remove the user field {name!r}, with its values of {_count(len(having), 'user')}?{closed}"


async def secret(database: Database, actor: Actor, name: str) -> str:
    """About a secret. Raises InUse where removing it would."""
    await secrets.check_unused(database, actor, name)
    return f"Remove the secret {name!r}? No connector names it; its value cannot be brought back."


async def key(database: Database, actor: Actor, id: int) -> str:
    """About a key of the API."""
    row = await keys.get(database, actor, id)
    what = f" {row['name']!r}" if row["name"] else ""
    below = await key_tree.count_below(database, id)
    those = f" So is {_count(below, 'key')} that {'was' if below == 1 else 'were'} made with it." if below else ""
    return (
        f"Revoke key {id}{what} ({row['prefix']}… of {row['user_email']})? "
        f"Whatever uses it is refused at once, and it cannot be brought back.{those}"
    )


async def letters(database: Database, actor: Actor, ids: Sequence[int]) -> str:
    """About dead letters."""
    rows = [await dead.show(database, actor, id, unreadable=True) for id in ids]
    by_stage = ", ".join(f"{stage} {count}" for stage, count in Counter(row["stage"] for row in rows).items())
    return (
        f"Discard {_count(len(rows), 'dead letter')} ({by_stage})? "
        "They stay in the store, are not replayed any more, and stay failed in the journal."
    )


async def _every_user(database: Database, actor: Actor) -> list[dict[str, Any]]:
    return await stored_users.page(database, actor.account, 0, 1_000_000)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:FEW])
    return f"{shown} and {len(names) - FEW} more" if len(names) > FEW else shown
