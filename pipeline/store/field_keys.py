"""The keys that follow from a field of leads. In: the field, before and after a change. Out: keys given or taken.

Works through the rows in portions, within one transaction. Keys are compared as `schemas.key_text` says; `fold` brings
those that an earlier version, or another setting, had kept as they were sent into that form.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from pipeline.store import field_table
from pipeline.store.database import Connection
from pipeline.store.field_values import NOWHERE, Breaking, convert, portions
from pipeline.store.identity import MOST_OTHERS
from schemas.fields import Field
from schemas.key_text import folded, key_text
from schemas.keying import LONGEST_KEY, junk_of
from schemas.normal.choices import coercer_of

PORTION = 5_000  # keys
SEVERAL = "several leads have it, and a value of a unique field belongs to one lead"
ALIKE = "it differs by case alone from that of another lead, and would be one key with it"

# The keys of leads that were merged into others belong to those.
CLAIM = """
INSERT INTO identity_key (account_id, space, value, lead_id)
SELECT $1, $2, new.value, new.lead FROM unnest($3::text[], $4::uuid[]) AS new (value, lead)
JOIN lead AS l ON l.id = new.lead AND l.merged_into IS NULL
ORDER BY new.value
ON CONFLICT DO NOTHING
"""
LOST = """
SELECT new.value, new.lead FROM unnest($3::text[], $4::uuid[]) AS new (value, lead)
JOIN lead AS l ON l.id = new.lead AND l.merged_into IS NULL
JOIN identity_key AS k ON k.account_id = $1 AND k.space = $2 AND k.value = new.value
WHERE k.lead_id <> new.lead ORDER BY new.value
"""
OF_SPACE = "account_id = $1 AND (space = $2 OR starts_with(space, $2 || ':'))"  # also where each source has its own
UNFOLDED = f"""
SELECT space, value, lead_id, others FROM identity_key
WHERE {OF_SPACE} AND (space, value) > ($3, $4)
    AND (value <> lower(value COLLATE "C") OR value <> btrim(value) OR value ~ '[^\\x01-\\x7f]')
ORDER BY space, value LIMIT {PORTION}
"""
THERE = """
SELECT k.space, k.value, k.lead_id, k.others FROM identity_key AS k
JOIN (SELECT DISTINCT * FROM unnest($2::text[], $3::text[]) AS n (space, value)) AS n USING (space, value)
WHERE k.account_id = $1
"""
AGES = "SELECT id, created_at FROM lead WHERE account_id = $1 AND id = ANY ($2::uuid[])"
TAKE = """
DELETE FROM identity_key AS k USING unnest($2::text[], $3::text[]) AS gone (space, value)
WHERE k.account_id = $1 AND k.space = gone.space AND k.value = gone.value
"""
GIVE = """
INSERT INTO identity_key (account_id, space, value, lead_id, others)
SELECT $1, space, value, lead_id, NULLIF(string_to_array(others, ',')::uuid[], '{}')
FROM unnest($2::text[], $3::text[], $4::uuid[], $5::text[]) AS new (space, value, lead_id, others)
"""
UNFOLD = f"""
UPDATE identity_key SET value = new.exact
FROM unnest($3::text[], $4::text[], $5::uuid[]) AS new (folded, exact, lead)
WHERE {OF_SPACE} AND value = new.folded AND lead_id = new.lead
"""
MERGES = "SELECT id, keys FROM lead_merge WHERE account_id = $1 AND undone_at IS NULL"


async def new(connection: Connection, account: int, record: str, field: Field) -> Breaking:
    """Have what is stored under a new field's name be its values and keys; tells of values that do not fit.

    Values are stored where a field of that name was removed.
    """
    breaking = await convert(connection, account, record, None, field)
    return breaking if breaking.count or record != "lead" else await claim(connection, account, field)


async def claim(connection: Connection, account: int, new: Field) -> Breaking:
    """Make keys of a lead field's stored values; tells of those that two leads have."""
    breaking = Breaking()
    if new.space is None or new.own_space:  # of a source's own ids nobody knows any more whose they were
        return breaking
    async for claims in _claims(connection, account, new):
        columns = [key for key, _ in claims], [lead for _, lead in claims]
        await connection.execute(CLAIM, account, new.space, *columns)
        for row in await connection.fetch(LOST, account, new.space, *columns):
            breaking.add(claims[row["value"], row["lead"]], SEVERAL)
    return breaking


async def disclaim(connection: Connection, account: int, old: Field, others: Mapping[str, Field]) -> None:
    """Forget the keys of a field that is unique no longer, unless another field shares their space."""
    if old.space is None or any(f.space == old.space for f in others.values() if f.name != old.name):
        return
    await connection.execute(f"DELETE FROM identity_key WHERE {OF_SPACE}", account, old.space)


async def compare_anew(connection: Connection, account: int, old: Field, new: Field) -> Breaking:
    """Have a field's keys compared as its new definition says; tells of values that would be one key of several leads.

    Where case begins to count, what a lead shows is its key as it is shown; a value that it had before stays as it is.
    """
    breaking = Breaking()
    if old.space is None or old.space != new.space or old == new:
        return breaking
    if old.type is not new.type:
        return await claim(connection, account, new)
    if new.folds and not old.folds:
        for value in await fold(connection, account, new.space):
            breaking.add(value, ALIKE)
    elif old.folds and not new.folds:
        await _unfold(connection, account, new)
    return breaking


async def fold(connection: Connection, account: int, space: str) -> list[str]:
    """Bring the keys of a space into the form in which text is compared; returns those that now belong to another lead.

    Of leads whose keys become one, the one that was made first has it; the others stand beside it.
    """
    lost: list[str] = []
    last = ("", "")
    while rows := await connection.fetch(UNFOLDED, account, space, *last):
        last = rows[-1]["space"], rows[-1]["value"]
        changed = [row for row in rows if folded(row["value"]) != row["value"]]
        if changed:
            lost += await _fold(connection, account, changed)
    await _fold_merges(connection, account, space)
    return lost


async def fold_all(connection: Connection) -> None:
    """What migration 21 does: the keys of every account's text fields, in the form in which they are compared."""
    for row in await connection.fetch("SELECT id FROM account ORDER BY id"):
        fields = (await field_table.of_account(connection, row["id"]))["lead"].values()
        for space in sorted({field.space for field in fields if field.space is not None and field.folds}):
            await fold(connection, row["id"], space)


async def _claims(connection: Connection, account: int, new: Field) -> AsyncIterator[dict[tuple[str, UUID], Any]]:
    """The keys that leads' stored values are, in portions: by key and lead the value."""
    coerce, junk = coercer_of(new, f"lead.{new.name}", NOWHERE), junk_of(new, NOWHERE)
    async for rows in portions(connection, account, "lead", new):
        sound = (row for row in rows if coerce(row["value"]) == (row["value"], None))
        keys = ((key_text(row["value"], new.folds), row["id"], row["value"]) for row in sound)
        yield {(key, lead): value for key, lead, value in keys if 0 < len(key) <= LONGEST_KEY and key not in junk}


async def _fold(connection: Connection, account: int, rows: Sequence[Any]) -> list[str]:
    spaces, keys = [row["space"] for row in rows], [folded(row["value"]) for row in rows]
    there = await connection.fetch(THERE, account, spaces, keys)
    claimants: dict[tuple[str, str], list[Any]] = {}
    for row in (*there, *rows):
        claimants.setdefault((row["space"], folded(row["value"])), []).append(row)
    leads = {row["lead_id"] for each in claimants.values() if len(each) > 1 for row in each}
    ages = {row["id"]: row["created_at"] for row in await connection.fetch(AGES, account, list(leads))}
    lost: list[str] = []
    given: list[tuple[str, str, UUID, str]] = []
    for (space, key), each in sorted(claimants.items()):
        if len(each) > 1:
            each.sort(key=lambda row: (row["lead_id"] not in ages, ages.get(row["lead_id"]), row["lead_id"]))
        owner = each[0]["lead_id"]
        named = [lead for row in each for lead in (row["lead_id"], *(row["others"] or ()))]
        others = [lead for lead in dict.fromkeys(named) if lead != owner][:MOST_OTHERS]
        lost += [row["value"] for row in each if row["lead_id"] != owner]
        if len(key) <= LONGEST_KEY:
            given.append((space, key, owner, ",".join(map(str, others))))
    gone = [(row["space"], row["value"]) for each in claimants.values() for row in each]
    await connection.execute(TAKE, account, *map(list, zip(*gone, strict=True)))
    if given:
        await connection.execute(GIVE, account, *map(list, zip(*given, strict=True)))
    return lost


async def _unfold(connection: Connection, account: int, new: Field) -> None:
    async for claims in _claims(connection, account, new):
        exact, leads = [key for key, _ in claims], [lead for _, lead in claims]
        await connection.execute(UNFOLD, account, new.space, [folded(key) for key in exact], exact, leads)
        if not new.own_space:  # a lead that stood beside another one's key has one of its own now
            await connection.execute(CLAIM, account, new.space, exact, leads)


async def _fold_merges(connection: Connection, account: int, space: str) -> None:
    """The keys that a merge moved, so that they still go back when it is undone."""
    for row in await connection.fetch(MERGES, account):
        keys = [[of, folded(key) if of.partition(":")[0] == space else key] for of, key in row["keys"]]
        if keys != row["keys"]:
            await connection.execute("UPDATE lead_merge SET keys = $2 WHERE id = $1", row["id"], keys)
