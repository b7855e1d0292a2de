"""From the source's document to one in normal form. In: `raw`. Out: `data.source`, `kind`, `occurred_at`.

    data = {"source": {path or key: value…}, "sent": {normal form: the value as the source wrote it} or missing}

The document is unwrapped, percent-decoded, trimmed; phone numbers are E.164, times ISO 8601 in UTC, e-mail addresses
lower-case where the preset or the connector gives a path a type. What cannot be read stays as it is, for the field
that it is mapped to to judge. An event whose source names no time happened when it arrived, and none happened later.
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
from schemas.normal.values import ValueRejected
from schemas.reader import Read, reader
from stages.noted import count
from stages.rejection import no_connector, rejected

readers_of = Compiled(reader)


@stage(effects="none")
async def normalize(batch: Sequence[Event], tools: Tools) -> list[Outcome]:
    """Read each event as its connector says."""
    connectors = await connectors_of(batch, tools.catalog)
    readers = readers_of.each(connectors)
    return [_normalized(event, connectors[event.connector], readers.get(event.connector)) for event in batch]


def _normalized(event: Event, connector: Connector | None, read: Read | None) -> Forward | DeadLetter:
    if connector is None or read is None:
        return no_connector(event)
    try:
        reading = read(event.raw, event.received_at)
    except ValueRejected as rejection:
        return rejected(rejection, connector)
    if event.notes and not event.replay:  # the door's; with a replay they come again
        count(event.notes)
    if reading.notes:
        count(reading.notes)
    return Forward(
        event.evolve(
            kind=connector.preset.kind,
            occurred_at=reading.occurred_at or event.received_at,
            data={"source": reading.document, "sent": reading.sent} if reading.sent else {"source": reading.document},
            notes=event.notes + reading.notes,
        )
    )
