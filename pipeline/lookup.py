"""The connectors of a batch, one look-up each. In: events. Out: their connectors by id; None for one that is gone."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from pipeline.store.catalog import Catalog, UnknownConnector
from schemas.connector import Connector
from schemas.event import Event


async def connectors_of(batch: Sequence[Event], catalog: Catalog) -> dict[int, Connector | None]:
    """Every connector that the batch names, also disabled ones. Raises DatabaseUnavailable."""
    return {id: await _connector(id, catalog) for id in {event.connector for event in batch}}


async def _connector(id: int, catalog: Catalog) -> Connector | None:
    with suppress(UnknownConnector):
        return await catalog.get(id)
    await catalog.refresh()  # the ingress knew it; the catalog may have looked a moment too early
    with suppress(UnknownConnector):
        return await catalog.get(id)
    return None
