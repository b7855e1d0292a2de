"""From a body to mapped fields without a broker or a database: what the ingress and the first two stages do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import orjson

from pipeline.engine.outcome import Outcome
from pipeline.engine.stage import Stage
from pipeline.store.catalog import Catalog, UnknownConnector
from pipeline.store.database import Database
from pipeline.tools import Tools
from schemas.connector import Connector, ConnectorSettings
from schemas.event import Event
from schemas.presets import preset

ARRIVED = datetime(2026, 8, 10, 12, 0, tzinfo=UTC)


def choices(options: Sequence[str], by_parent: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Two fields: a `product` of these options, and its `model`, whose options depend on it."""
    return [
        {"name": "product", "label": "Product", "type": "dropdown", "options": [*options]},
        {
            "name": "model",
            "label": "Model",
            "type": "dependent_dropdown",
            "parent": "product",
            "options_by_parent": {**by_parent},
        },
    ]


def connector_of(
    preset_name: str, settings: Mapping[str, Any] | None = None, id: int = 7, revision: int = 3
) -> Connector:
    """A connector on a shipped preset."""
    made = ConnectorSettings(**{"name": "a-connector", "preset": preset_name, **(settings or {})})
    return Connector(id=id, account=1, revision=revision, settings=made, preset=preset(preset_name))


def tools_with(*connectors: Connector) -> Tools:
    """Tools whose catalog holds these connectors and whose database must not be asked."""
    return Tools(database=cast(Database, None), catalog=cast(Catalog, StubCatalog(*connectors)))


def event_of(document: Any, connector: int = 7) -> Event:
    """An event as the ingress makes it."""
    return event_of_raw(orjson.dumps(document).decode(), connector)


def event_of_raw(raw: str, connector: int = 7) -> Event:
    """An event with this very JSON text."""
    return Event(id="e-1", account=1, connector=connector, kind="lead", received_at=ARRIVED, raw=raw)


async def outcome_of(stage: Stage, event: Event, *connectors: Connector) -> Outcome:
    """What a stage decides for one event."""
    outcomes = await stage.run([event], tools_with(*connectors))
    assert len(outcomes) == 1
    return outcomes[0]


class StubCatalog:
    """A catalog that counts its look-ups."""

    def __init__(self, *connectors: Connector) -> None:
        self.looked: list[int] = []
        self._connectors = {connector.id: connector for connector in connectors}

    async def refresh(self) -> None:
        """There is nothing newer."""

    async def get(self, id: int) -> Connector:
        self.looked.append(id)
        if id not in self._connectors:
            raise UnknownConnector(f"connector {id} does not exist")
        return self._connectors[id]
