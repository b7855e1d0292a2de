"""Identity keys: which lead has which key. In: keys. Out: leads. A key moves only when leads are merged.

A key belongs to the lead that had it first. Others that say the same value (a number that two people share) are kept
beside it, so that whoever is found by it can be told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pipeline.store import bulk
from pipeline.store.database import Connection, Database
from pipeline.store.matching import Key

# LATERAL and LIMIT: each key goes by the primary key. A plan made while the table was small would read all of it, and
# is kept for as long as nobody analyses the table.
FIND = """
SELECT wanted.account_id, wanted.space, wanted.value, k.lead_id, k.others
FROM unnest($1::bigint[], $2::text[], $3::text[]) AS wanted (account_id, space, value)
CROSS JOIN LATERAL (
    SELECT lead_id, others FROM identity_key
    WHERE account_id = wanted.account_id AND space = wanted.space AND value = wanted.value LIMIT 1
) AS k
"""

COLUMNS = "account_id, space, value, lead_id"

CLAIM = """
INSERT INTO identity_key (account_id, space, value, lead_id)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::uuid[])
ON CONFLICT DO NOTHING
RETURNING account_id, space, value
"""


SHARE = """
UPDATE identity_key AS k SET others = array_append(others, new.lead_id)
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::uuid[]) AS new (account_id, space, value, lead_id)
WHERE (k.account_id, k.space, k.value) = (new.account_id, new.space, new.value) AND k.lead_id <> new.lead_id
    AND (k.others IS NULL OR cardinality(k.others) < $5 AND NOT new.lead_id = ANY (k.others))
"""
MOST_OTHERS = 20  # leads that are kept beside a key; a number that more people share says nothing any more


class Owners(dict[Key, str]):
    """The leads that have keys. `shared`: of some keys the other leads that say the same value."""

    def __init__(self) -> None:
        super().__init__()
        self.shared: dict[Key, list[str]] = {}


async def find(database: Database | Connection, keys: Collection[Key]) -> Owners:
    """The leads that have these keys."""
    owners = Owners()
    for row in await database.fetch(FIND, *_columns(keys)) if keys else ():
        key = Key(row["account_id"], row["space"], row["value"])
        owners[key] = str(row["lead_id"])
        if row["others"]:
            owners.shared[key] = [str(lead) for lead in row["others"]]
    return owners


async def share(connection: Connection, claims: Mapping[Key, str]) -> None:
    """Keep that these leads say values which are keys of others."""
    if claims:
        ordered = sorted(claims)
        await connection.execute(SHARE, *_columns(ordered), [claims[key] for key in ordered], MOST_OTHERS)


async def claim(connection: Connection, claims: Mapping[Key, str], *, hopeful: bool = False) -> set[Key]:
    """Give keys to leads; returns those that another transaction gave away first.

    Waits for a transaction that is just giving one away. The order is that of the keys, the same everywhere, so
    that two batches never wait for each other. The hopeful way costs the server half, and raises Collision where the
    other returns a key.
    """
    if not claims:
        return set()
    ordered = sorted(claims)
    if hopeful:
        await bulk.add(connection, "identity_key", COLUMNS, (_line(key, claims[key]) for key in ordered))
        return set()
    rows = await connection.fetch(CLAIM, *_columns(ordered), [claims[key] for key in ordered])
    return set(ordered) - {Key(row["account_id"], row["space"], row["value"]) for row in rows}


async def of_lead(database: Database, account: int, lead: str) -> list[tuple[str, str]]:
    """The keys of one lead: (space, value)."""
    rows = await database.fetch(
        "SELECT space, value FROM identity_key WHERE lead_id = $2 AND account_id = $1 ORDER BY space, value",
        account,
        lead,
    )
    return [(row["space"], row["value"]) for row in rows]


def _line(key: Key, lead: str) -> str:
    """As COPY takes it, in the order of COLUMNS."""
    return f"{key.account}\t{bulk.text(key.space)}\t{bulk.text(key.value)}\t{lead}"


def _columns(keys: Collection[Key]) -> tuple[list[int], list[str], list[str]]:
    return [key.account for key in keys], [key.space for key in keys], [key.value for key in keys]
