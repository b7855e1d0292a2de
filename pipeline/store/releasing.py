"""Keys that a lead gives up. In: what its fields said before, and say now. Out: keys that are free, or another's.

A lead has the keys that its fields say. When a value is replaced or blanked, its key goes to the first of the other
leads that say the same, or is free: whoever comes with it next is somebody else. Keys that came with a merge, and that
no field says, stay until they are released by hand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from pipeline.store import leads
from pipeline.store.database import Connection
from pipeline.store.matching import Key
from pipeline.store.record import Record
from schemas.fields import Fields
from schemas.keying import key_of

OWN_SPACE = ":"  # what follows it in a key space is the connector within which the values mean something

LOCK = """
SELECT k.account_id, k.space, k.value, k.lead_id, k.others FROM identity_key AS k
JOIN unnest($1::bigint[], $2::text[], $3::text[]) AS wanted (account_id, space, value)
    ON (k.account_id, k.space, k.value) = (wanted.account_id, wanted.space, wanted.value)
ORDER BY k.account_id, k.space, k.value FOR UPDATE OF k
"""
OF_LEADS = "SELECT account_id, space, value, lead_id FROM identity_key WHERE lead_id = ANY ($1::uuid[])"
GIVE = """
UPDATE identity_key AS k SET lead_id = new.lead_id, others = string_to_array(new.others, ',')::uuid[]
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::uuid[], $5::text[])
    AS new (account_id, space, value, lead_id, others)
WHERE (k.account_id, k.space, k.value) = (new.account_id, new.space, new.value)
"""
DELETE = """
DELETE FROM identity_key AS k USING unnest($1::bigint[], $2::text[], $3::text[]) AS gone (account_id, space, value)
WHERE (k.account_id, k.space, k.value) = (gone.account_id, gone.space, gone.value)
"""


async def settle(
    connection: Connection, records: Collection[Record], claims: Mapping[Key, str], fields: Mapping[int, Fields]
) -> None:
    """Let these leads, which are locked, keep of their keys what they say, in the transaction that changed them.

    `claims`: the keys that the same transaction gave away; `fields`: of leads, by account.
    """
    by_id = {record.id: record for record in records}
    gone = {
        (key, lead) for key, lead in claims.items() if lead in by_id and not says(by_id[lead], key, fields[key.account])
    }
    before = [(record, name, value) for record in records for name, value, _, _ in record.replaced]
    replaced = [each for each in before if (field := fields[each[0].account].get(each[1])) is not None and field.space]
    if replaced:
        owned = await _of_leads(connection, {record.id for record, _, _ in replaced})
        for record, name, value in replaced:
            field = fields[record.account][name]
            own = {key for key in owned.get(record.id, ()) if space_of(key) == field.space}
            said = Key(record.account, str(field.space), key_of(field, value))
            gone |= {
                (key, record.id)
                for key in (*own, said)
                if key.value == said.value and not says(record, key, fields[record.account])
            }
    if gone:
        await release(connection, gone)


def says(record: Record, key: Key, fields: Fields) -> bool:
    """Whether one of the fields of a lead says this key."""
    return bool(said_by(record.state.values, key, fields))


def said_by(values: Mapping[str, Any], key: Key, fields: Fields) -> list[str]:
    """The fields that say this key, of a lead with these values."""
    return [
        name
        for name, field in fields.items()
        if field.space == space_of(key)
        and (value := values.get(name)) is not None
        and key_of(field, value) == key.value
    ]


def space_of(key: Key) -> str:
    """The key space as the fields name it."""
    return key.space.partition(OWN_SPACE)[0]


async def release(connection: Connection, gone: Iterable[tuple[Key, str]]) -> None:
    """Take these keys from these leads, and give each to the first other lead that says the same; else it is free."""
    from_leads: dict[Key, set[str]] = {}
    for key, lead in gone:
        from_leads.setdefault(key, set()).add(lead)
    rows = await connection.fetch(LOCK, *_columns(sorted(from_leads)))
    free: list[Key] = []
    given: list[tuple[Key, str, Sequence[str]]] = []
    sharing: dict[int, set[str]] = {}
    for row in rows:
        sharing.setdefault(row["account_id"], set()).update(map(str, row["others"] or ()))
    now: dict[str, str] = {}
    for account, ids in sharing.items():
        now |= await leads.survivors(connection, account, ids) if ids else {}
    for row in rows:
        key = Key(row["account_id"], row["space"], row["value"])
        owner, others = str(row["lead_id"]), [str(lead) for lead in row["others"] or ()]
        others = list(dict.fromkeys(now[lead] for lead in others if lead in now))
        left = [lead for lead in dict.fromkeys([owner, *others]) if lead not in from_leads[key]]
        if not left:
            free.append(key)
        elif left != [owner, *others]:
            given.append((key, left[0], left[1:]))
    if free:
        await connection.execute(DELETE, *_columns(free))
    if given:
        await connection.execute(
            GIVE,
            *_columns([key for key, _, _ in given]),
            [lead for _, lead, _ in given],
            [",".join(others) or None for _, _, others in given],
        )


async def _of_leads(connection: Connection, ids: Collection[str]) -> dict[str, list[Key]]:
    owned: dict[str, list[Key]] = {}
    for row in await connection.fetch(OF_LEADS, sorted(ids)):
        owned.setdefault(str(row["lead_id"]), []).append(Key(row["account_id"], row["space"], row["value"]))
    return owned


def _columns(keys: Sequence[Key]) -> tuple[list[int], list[str], list[str]]:
    return [key.account for key in keys], [key.space for key in keys], [key.value for key in keys]
