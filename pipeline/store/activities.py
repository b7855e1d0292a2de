"""Activities: what happened with a lead, in one line of time. In: records in hand. Out: rows, and a lead's latest."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pipeline.store import attached, bulk
from pipeline.store.database import Collision, Connection, Database
from pipeline.store.ids import derived_id
from pipeline.store.merge import FILLS, Fields, event_of, told
from pipeline.store.record import Record

LOAD = """
SELECT id, account_id, connector_id, lead_id, occurred_at, fields, stamps, version
FROM activity WHERE id = ANY ($1::uuid[])
"""

COLUMNS = "id, account_id, connector_id, lead_id, type, external_id, occurred_at, fields, stamps, event_id, version"

UPDATE = """
UPDATE activity SET
    lead_id = new.lead_id, type = new.type, external_id = new.external_id, occurred_at = new.occurred_at,
    fields = new.fields, stamps = new.stamps, version = new.version
FROM unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::jsonb[], $7::jsonb[], $8::int[]
) AS new (id, lead_id, type, external_id, occurred_at, fields, stamps, version)
WHERE activity.id = new.id AND activity.version = new.version - 1
RETURNING activity.id
"""

# By the index on the leads' activities: ids at a source have none, for the sake of what each new activity costs.
ELSEWHERE = """
SELECT DISTINCT ON (sought.lead_id, sought.name, sought.is_call) sought.lead_id, sought.name, sought.is_call, a.id
FROM unnest($1::uuid[], $2::text[], $3::boolean[]) AS sought (lead_id, name, is_call)
JOIN activity AS a ON a.lead_id = sought.lead_id LEFT JOIN call AS c ON c.id = a.id
WHERE CASE WHEN sought.is_call THEN c.call_id = sought.name ELSE c.id IS NULL AND a.external_id = sought.name END
ORDER BY sought.lead_id, sought.name, sought.is_call, a.occurred_at DESC, a.id
"""

OF_LEAD = """
SELECT a.id, a.type, a.external_id, a.occurred_at, a.connector_id, a.event_id, a.fields, c.fields AS call
FROM activity AS a LEFT JOIN call AS c USING (id)
WHERE a.lead_id = $2 AND a.account_id = $1 AND ($4::bigint[] IS NULL OR a.connector_id = ANY ($4))
ORDER BY a.occurred_at DESC, a.id
LIMIT $3
"""


class Sought(NamedTuple):
    """A call or an activity, by its lead and by its id at a source."""

    lead: str
    name: str
    is_call: bool


def id_of(account: int, connector: int, external_id: str) -> str:
    """The id of the activity that the source calls `external_id`."""
    return derived_id("activity", account, connector, external_id)


async def load(connection: Connection, ids: Collection[str]) -> dict[str, Record]:
    """Those of these activities that are stored, by id."""
    if not ids:
        return {}
    rows = await connection.fetch(LOAD, list(ids))
    return {str(row["id"]): _in_hand(row) for row in rows}


def _in_hand(row: Any) -> Record:
    """A stored one. Versions before kept the earliest time, as a default; here one that a source told is set."""
    record = attached.in_hand(row, **{attached.AT: attached.text_of(row["occurred_at"])})
    stamp = record.state.stamps[attached.AT]
    if stamp.startswith(FILLS) and row["fields"].get("type") != "call":
        when = told(stamp)
        if when.received_at not in (None, when.occurred_at):
            stamps = {**record.state.stamps, attached.AT: stamp.removeprefix(FILLS)}
            record.state = Fields(record.state.values, stamps)
    return record


async def elsewhere(connection: Connection, sought: Collection[Sought]) -> dict[Sought, str]:
    """The activities that are with these leads under these names, whichever connector brought them; the latest of
    several."""
    if not sought:
        return {}
    ordered = sorted(sought)
    rows = await connection.fetch(ELSEWHERE, *map(list, zip(*ordered, strict=True)))
    return {Sought(str(row["lead_id"]), row["name"], row["is_call"]): str(row["id"]) for row in rows}


async def save(connection: Connection, records: Sequence[Record]) -> None:
    """Write the records; raises Collision if another transaction changed one since it was loaded."""
    if not records:
        return
    ordered = sorted(records, key=lambda record: record.id)
    await bulk.add(connection, "activity", COLUMNS, (_line(record) for record in ordered if record.version == 0))
    if stored := [record for record in ordered if record.version]:
        await _update(connection, stored)


def _line(record: Record) -> str:
    """A new activity as COPY takes it, in the order of COLUMNS."""
    fields = attached.values_of(record)
    return bulk.line(
        record.id,
        record.account,
        record.connector,
        attached.lead_of(record),
        bulk.text(str(fields.get("type", "activity"))),
        None if (id := fields.get("external_id")) is None else bulk.text(str(id)),
        record.state.values[attached.AT],
        bulk.document(fields),
        bulk.document(record.state.grouped()),
        event_of(record.state.stamps[attached.AT]),
        1,
    )


async def _update(connection: Connection, ordered: Sequence[Record]) -> None:
    values = [attached.values_of(record) for record in ordered]
    written = await connection.fetch(
        UPDATE,
        [record.id for record in ordered],
        [attached.lead_of(record) for record in ordered],
        [str(fields.get("type", "activity")) for fields in values],
        [None if (id := fields.get("external_id")) is None else str(id) for fields in values],
        [datetime.fromisoformat(record.state.values[attached.AT]) for record in ordered],
        values,
        [record.state.grouped() for record in ordered],
        [record.version + 1 for record in ordered],
    )
    if len(written) < len(ordered):
        raise Collision("an activity was changed by another transaction")


async def of_lead(
    database: Database, account: int, lead: str, limit: int = 50, *, connectors: Collection[int] | None = None
) -> list[dict[str, Any]]:
    """A lead's activities, the latest first; `call` holds the fields of a call. `connectors`: by these alone."""
    these = None if connectors is None else list(connectors)
    return [dict(row) for row in await database.fetch(OF_LEAD, account, lead, limit, these)]
