"""Calls. In: records in hand. Out: rows, found again by an id that follows from the source's own call id."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pipeline.store import attached
from pipeline.store.database import Collision, Connection
from pipeline.store.ids import derived_id
from pipeline.store.record import Record

LOAD = "SELECT id, account_id, connector_id, lead_id, fields, stamps, version FROM call WHERE id = ANY ($1::uuid[])"

SAVE = """
INSERT INTO call (id, account_id, connector_id, call_id, lead_id, fields, stamps, started_at, version)
SELECT * FROM unnest(
    $1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::uuid[],
    $6::jsonb[], $7::jsonb[], $8::timestamptz[], $9::int[]
)
ON CONFLICT (id) DO UPDATE SET
    lead_id = excluded.lead_id, fields = excluded.fields, stamps = excluded.stamps,
    started_at = excluded.started_at, version = excluded.version
WHERE call.version = excluded.version - 1
RETURNING id
"""


def id_of(account: int, connector: int, call_id: str) -> str:
    """The id of the call that the source calls `call_id`."""
    return derived_id("call", account, connector, call_id)


async def load(connection: Connection, ids: Collection[str]) -> dict[str, Record]:
    """Those of these calls that are stored, by id."""
    if not ids:
        return {}
    rows = await connection.fetch(LOAD, list(ids))
    return {str(row["id"]): attached.in_hand(row) for row in rows}


async def save(connection: Connection, records: Sequence[Record]) -> None:
    """Write the records; raises Collision if another transaction changed one since it was loaded."""
    if not records:
        return
    ordered = sorted(records, key=lambda record: record.id)
    values = [attached.values_of(record) for record in ordered]
    written = await connection.fetch(
        SAVE,
        [record.id for record in ordered],
        [record.account for record in ordered],
        [record.connector for record in ordered],
        [None if (id := fields.get("call_id")) is None else str(id) for fields in values],
        [attached.lead_of(record) for record in ordered],
        values,
        [record.state.grouped() for record in ordered],
        [attached.time_of(fields.get("started_at")) for fields in values],
        [record.version + 1 for record in ordered],
    )
    if len(written) < len(ordered):
        raise Collision("a call was changed by another transaction")
