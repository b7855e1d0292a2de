"""From the normal document to fields of records. In: `data.source`. Out: lead, defaults, call, activity and keys.

    data = {
        "sync": {"lead": behaviour, "activity": behaviour},
        "lead": {field: value or null}, "defaults": {field: value},
        "call": {…} or missing, "activity": {…} or missing,
        "call_defaults": {field: value} or missing, "activity_defaults": {field: value} or missing,
        "keys": {"search": [[space, value], …], "also": [[space, value], …]},
        "required": [lead fields that a new lead would need and that are missing] or missing,
        "unsound": [fields whose value is not valid, such as lead.phone] or missing,
        "lead_id": the lead that the source names by its id, or missing,
    }

A field that is missing was absent in the source; null is a blank that clears. `keys.search` are the valid values of
the connector's primary, secondary and further keys; `keys.also` the lead's other valid unique values. Beside a lead's
phone number stands `…_as_sent`, the number as the source wrote it; beside other values only where that says more.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.engine.outcome import DeadLetter, Forward, Outcome
from pipeline.engine.stage import stage
from pipeline.lookup import connectors_of
from pipeline.tools import Tools
from schemas.compiled import Compiled
from schemas.connector import Connector
from schemas.event import Event
from schemas.mapper import Map, mapper
from schemas.normal.values import ValueRejected
from stages.noted import count
from stages.rejection import no_connector, rejected

mappers_of = Compiled(mapper)


@stage(after="normalize", name="map", effects="none")
async def map_fields(batch: Sequence[Event], tools: Tools) -> list[Outcome]:
    """Map each event by the revision of its connector that is in force, and name that revision on it."""
    connectors = await connectors_of(batch, tools.catalog)
    mappers = mappers_of.each(connectors)
    return [_mapped(event, connectors[event.connector], mappers.get(event.connector)) for event in batch]


def _mapped(event: Event, connector: Connector | None, map: Map | None) -> Forward | DeadLetter:
    if connector is None or map is None:
        return no_connector(event)
    try:
        mapped = map(event.data["source"], event.received_at, event.data.get("sent"))
    except ValueRejected as rejection:
        return rejected(rejection, connector)
    if mapped.notes:
        count(mapped.notes)
    return Forward(event.evolve(data=mapped.data, revision=connector.revision, notes=event.notes + mapped.notes))
