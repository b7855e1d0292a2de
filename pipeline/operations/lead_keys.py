"""The keys of a lead: which values it is found by, and taking one from it. In: who asks, a lead, a key. Out: keys."""

from __future__ import annotations

from functools import partial
from typing import Any

from pipeline.operations import masked
from pipeline.operations.access import Actor
from pipeline.operations.errors import NotFound
from pipeline.operations.explain import lead_of
from pipeline.operations.who import by
from pipeline.store import account_changes, fields, identity, releasing
from pipeline.store.database import Connection, Database
from pipeline.store.matching import Key
from schemas.key_text import folded
from schemas.normal.phone import read_phone


async def page(database: Database, actor: Actor, id: str) -> list[dict[str, Any]]:
    """The keys of a lead. Each: `key` (its key space), `value`, `fields` (the lead's fields that say it; none: it came
    with a merge) and `others` (the other leads that say the same). Raises NotFound.
    """
    lead = await lead_of(database, actor, id)
    keys = [Key(actor.account, space, value) for space, value in lead["keys"]]
    owners = await identity.find(database, keys)
    lead_fields = (await fields.of_account(database, actor.account))["lead"]
    return [
        {
            "key": key.space,
            "value": key.value,
            "fields": releasing.said_by(lead["fields"], key, lead_fields),
            "others": owners.shared.get(key, []),
        }
        for key in keys
    ]


async def release(database: Database, actor: Actor, id: str, key: str, value: str) -> dict[str, Any]:
    """Take a key from a lead: who comes with it next is the first other lead that says the same, else somebody new.

    The lead's fields stay. It gets the key back when it is sent the value once more while nobody else has it. Returns
    `lead`, `key`, `value` and `owner`, the lead that has the key now, or None. Raises NotFound.
    """
    lead = await lead_of(database, actor, id)
    wanted = await _named(database, actor, lead, key, value)
    work = partial(_released, wanted=wanted, lead=lead["id"], actor=actor)
    owner = await database.transaction(work)
    return masked.row(actor, {"lead": lead["id"], "key": wanted.space, "value": wanted.value, "owner": owner})


async def _named(database: Database, actor: Actor, lead: dict[str, Any], key: str, value: str) -> Key:
    """The lead's key that a person means, who may write the value as they are used to."""
    written = {value, value.strip(), folded(value), read_phone(value, None).e164}
    found = next((has for space, has in lead["keys"] if space == key and has in written), None)
    if found is None:
        known = ", ".join(sorted({space for space, _ in lead["keys"]})) or "no key space"
        raise NotFound(
            f"lead {lead['id']} has no key {key!r} with this value; it has keys in {known}; "
            "`leadpipe lead key list` shows them"
        )
    return Key(actor.account, key, found)


async def _released(connection: Connection, *, wanted: Key, lead: str, actor: Actor) -> str | None:
    await releasing.release(connection, [(wanted, lead)])
    details = {"key": wanted.space, "lead": lead}
    await account_changes.note(connection, wanted.account, by(actor), "lead key released", lead, details=details)
    return (await identity.find(connection, [wanted])).get(wanted)
