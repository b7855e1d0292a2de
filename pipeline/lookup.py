"""The connectors of a batch, one look-up each. In: events. Out: their connectors by id; None for one that is gone.

An event names the newest revision of its connector that somebody knew on its way; an older one is never used for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from pipeline.store.catalog import Catalog, UnknownConnector
from schemas.connector import Connector
from schemas.event import Event


async def connectors_of(batch: Sequence[Event], catalog: Catalog) -> dict[int, Connector | None]:
    """Every connector that the batch names, also disabled ones. Raises DatabaseUnavailable."""
    newest: dict[int, int] = {}
    for id, revision in {(event.connector, event.revision) for event in batch}:
        newest[id] = max(revision, newest.get(id, 0))
    return {id: await _connector(id, revision, catalog) for id, revision in newest.items()}


async def _connector(id: int, revision: int, catalog: Catalog) -> Connector | None:
    with suppress(UnknownConnector):
        if (found := await catalog.get(id)).revision >= revision:
            return found
    await catalog.refresh()  # others knew it; the catalog may have looked a moment too early
    with suppress(UnknownConnector):
        return await catalog.get(id)
    return None
