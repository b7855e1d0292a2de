"""Leads: one record per person. In: ids to lock, records to write, or a query. Out: records, or rows to show."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from pipeline.store import activities, bulk, identity, merge
from pipeline.store.database import Collision, Connection, Database
from pipeline.store.ids import canonical
from pipeline.store.merge import Fields
from pipeline.store.record import Record
from schemas.key_text import folded
from schemas.normal.phone import read_phone

LOCK = """
SELECT id, account_id, fields, stamps, version, merged_into FROM lead
WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""

SURVIVORS = """
WITH RECURSIVE way AS (
    SELECT id AS first, id, merged_into FROM lead WHERE account_id = $1 AND id = ANY ($2::uuid[])
    UNION ALL
    SELECT way.first, lead.id, lead.merged_into FROM way JOIN lead ON lead.id = way.merged_into
)
SELECT first AS id, id AS survivor FROM way WHERE merged_into IS NULL
"""

MERGED = """
WITH RECURSIVE way AS (
    SELECT id FROM lead WHERE account_id = $1 AND merged_into = $2
    UNION ALL
    SELECT lead.id FROM way JOIN lead ON lead.merged_into = way.id
)
SELECT id FROM way ORDER BY id
"""

UPDATE = """
UPDATE lead SET
    fields = new.fields, stamps = new.stamps, version = new.version,
    updated_at = CASE WHEN new.visible THEN $6 ELSE lead.updated_at END
FROM unnest($1::uuid[], $2::jsonb[], $3::jsonb[], $4::int[], $5::boolean[])
    AS new (id, fields, stamps, version, visible)
WHERE lead.id = new.id
"""

COLUMNS = "id, account_id, fields, stamps, created_at, updated_at"

BY_KEY = """
SELECT l.id, l.fields, l.created_at, l.updated_at FROM lead AS l
WHERE l.id IN (SELECT lead_id FROM identity_key WHERE account_id = $1 AND value = ANY ($2::text[]))
    AND ($4::uuid IS NULL OR (l.created_at, l.id) < (SELECT created_at, id FROM lead WHERE account_id = $1 AND id = $4))
ORDER BY l.created_at DESC, l.id DESC LIMIT $3
"""

KEYED = "SELECT DISTINCT lead_id FROM identity_key WHERE account_id = $1 AND value = ANY ($2::text[]) LIMIT 100"

COUNTRIES = """
SELECT DISTINCT settings ->> 'default_country' AS country FROM connector
WHERE account_id = $1 AND settings ? 'default_country'
"""

# A lead without a whole name is shown by its first and last one.
BY_TEXT = """
SELECT id, fields, created_at, updated_at FROM lead
WHERE account_id = $1 AND merged_into IS NULL AND (
        $2 = '' OR strpos(lower(concat_ws(' ', fields ->> 'first_name', fields ->> 'last_name')), lower($2)) > 0
        OR EXISTS (SELECT FROM jsonb_each_text(fields) AS field WHERE strpos(lower(field.value), lower($2)) > 0)
    )
    AND ($4::uuid IS NULL OR (created_at, id) < (SELECT created_at, id FROM lead WHERE account_id = $1 AND id = $4))
ORDER BY created_at DESC, id DESC LIMIT $3
"""


COUNT = "SELECT count(*) FROM lead WHERE account_id = $1 AND merged_into IS NULL"


async def lock(connection: Connection, ids: Collection[str]) -> dict[str, Record]:
    """Leads by id, locked until the transaction ends, in the order of their ids.

    Raises LookupError if one does not exist, and Collision if one was merged into another: its keys are with that one
    now, so that who looks again finds it there.
    """
    if not ids:
        return {}
    found = {}
    for row in await connection.fetch(LOCK, sorted(ids)):
        id = str(row["id"])
        if row["merged_into"] is not None:
            raise Collision("a lead was merged into another one")
        found[id] = Record(
            id, row["account_id"], state=Fields.stored(row["fields"], row["stamps"]), version=row["version"]
        )
    if missing := set(ids) - found.keys():
        raise LookupError(f"an identity key names lead {min(missing)}, which does not exist")
    return found


async def survivors(connection: Database | Connection, account: int, ids: Collection[str]) -> dict[str, str]:
    """Per lead the one that it is now: itself, or the one that it was merged into, at last."""
    rows = await connection.fetch(SURVIVORS, account, list(ids))
    return {str(row["id"]): str(row["survivor"]) for row in rows}


async def merged_into(database: Database, account: int, id: str) -> list[str]:
    """The leads that were made one with this one, and go by its id now."""
    return [str(row["id"]) for row in await database.fetch(MERGED, account, id)]


async def save(connection: Connection, records: Sequence[Record], now: datetime) -> None:
    """Write new leads, and locked ones that were touched."""
    new = sorted((record for record in records if record.version == 0), key=lambda record: record.id)
    created = str(now)
    await bulk.add(connection, "lead", COLUMNS, (_line(record, created) for record in new))
    old = sorted((record for record in records if record.version and record.touched), key=lambda record: record.id)
    if old:
        await connection.execute(
            UPDATE,
            [record.id for record in old],
            [record.state.present() for record in old],
            [record.state.grouped() for record in old],
            [record.version + 1 for record in old],
            [record.visible for record in old],
            now,
        )


def _line(record: Record, created: str) -> str:
    """A new lead as COPY takes it, in the order of COLUMNS."""
    fields, stamps = bulk.document(record.state.present()), bulk.document(record.state.grouped())
    return bulk.line(record.id, record.account, fields, stamps, created, created)


async def find(
    database: Database, account: int, query: str, limit: int = 50, after: str | None = None
) -> list[dict[str, Any]]:
    """Leads with this id, else with this key, else with this text in a field or in the name that they are shown by.

    An empty query finds the newest leads.

    A phone number may be written as people do, also without a country code where a connector has a default country.
    `after`: the id of the last lead of the page before; a lead that was merged is found as the one it is now.
    """
    sent, query = query.strip(), " ".join(query.split())
    if lead := await _row(database, account, query):
        return [] if after else [_shown(lead)]
    keys = [*await keys_of(database, account, query), sent, folded(sent)] if query else []
    if keys and (rows := await database.fetch(BY_KEY, account, keys, limit, after)):
        return [_shown(row) for row in rows]
    if after and keys and await database.fetch(BY_KEY, account, keys, 1, None):
        return []  # the page before was found by key, and was the last
    return [_shown(row) for row in await database.fetch(BY_TEXT, account, query, limit, after)]


async def show(
    database: Database, account: int, id: str, *, connectors: Collection[int] | None = None
) -> dict[str, Any] | None:
    """A lead with its keys, latest activities, and per field which event set it and when; None: no such lead.

    `connectors`: activities that came by these alone.

    A lead that was merged is shown as the one it is now, with `redirected_from`, the id that was asked for.
    """
    row = await _row(database, account, id)
    if row is None:
        return None
    shown = _shown(row)
    return {
        **shown,
        "redirected_from": None if shown["id"] == canonical(id) else id,
        "version": row["version"],
        "keys": await identity.of_lead(database, account, shown["id"]),
        "provenance": merge.explain(row["fields"], row["stamps"]),
        "activities": await activities.of_lead(database, account, shown["id"], connectors=connectors),
    }


async def count(database: Database, account: int) -> int:
    """How many leads the account has, without those that were merged into others."""
    return int(await database.fetchval(COUNT, account))


async def _row(database: Database, account: int, id: str) -> Any:
    """The lead with this id, or the one that it was merged into."""
    wanted = canonical(id)
    if wanted is None:
        return None
    row = await database.fetchrow("SELECT * FROM lead WHERE account_id = $1 AND id = $2", account, wanted)
    if row is None or row["merged_into"] is None:
        return row
    [survivor] = (await survivors(database, account, [wanted])).values()
    return await database.fetchrow("SELECT * FROM lead WHERE account_id = $1 AND id = $2", account, survivor)


async def keyed(database: Database, account: int, keys: Sequence[str]) -> list[str]:
    """The ids of leads that have one of these keys, and of those that were merged into them."""
    rows = await database.fetch(KEYED, account, list(keys))
    found = [str(row["lead_id"]) for row in rows]
    for lead in tuple(found):
        found += await merged_into(database, account, lead)
    return found


async def keys_of(database: Database, account: int, query: str) -> list[str]:
    """What the query may be as a key in normal form."""
    digits = "".join(character for character in query if character.isdigit())
    if not digits:
        return [query, query.lower()]
    countries = [None, *(row["country"] for row in await database.fetch(COUNTRIES, account))]
    numbers = [read_phone(query, country).e164 for country in countries]
    return [query, query.lower(), f"+{digits}", *(number for number in numbers if number is not None)]


def _shown(row: Any) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "fields": row["fields"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }
