"""Which mapping row a field's value came by. In: a connector, and an event's normal document. Out: rows, by field.

The mapper does not keep this, since every event would pay for it. Here each of several rows to one field is tried
alone, in their order: the first one that brings a value is the one that counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

from schemas.connector import Connector
from schemas.mapper import mapper
from schemas.mapping import MapRow
from schemas.normal.path import find, is_absent, is_blank
from schemas.normal.values import ValueRejected

# Where the mapper's data holds the defaults of each record.
DEFAULTS: Mapping[str, str] = {"lead": "defaults", "call": "call_defaults", "activity": "activity_defaults"}


@dataclass(frozen=True, slots=True)
class Origin:
    """A mapping row, as a person finds it again: the `row`th of the connector's own rows, or of its preset's.

    `row` is None for the lead source, which the settings name by itself. `path` is the one of the row's paths that the
    document has a value at; None for a constant, and for a default.
    """

    of: Literal["connector", "preset", "lead_source"]
    row: int | None
    source: str | list[str] | None
    to: str
    default: Any = None
    path: str | None = None

    def shown(self) -> dict[str, Any]:
        """For JSON: the member `from` as a file calls it."""
        values = asdict(self)
        return {("from" if name == "source" else name): value for name, value in values.items()}


def origins(
    connector: Connector, document: Mapping[str, Any], received_at: datetime, data: Mapping[str, Any]
) -> dict[str, Origin]:
    """Per `record.field` that `data` speaks of, the row that decided. `data`: what the mapper made of the document."""
    fields = {f"{record}.{name}" for record in ("lead", "call", "activity") for name in data.get(record) or {}}
    fields |= {f"{record}.{name}" for record, place in DEFAULTS.items() for name in data.get(place) or {}}
    rows: dict[str, list[MapRow]] = {}
    for row in connector.rows:
        if row.to in fields:
            rows.setdefault(row.to, []).append(row)
    return {
        to: _origin(
            connector, them[0] if len(them) == 1 else _deciding(connector, them, document, received_at), document
        )
        for to, them in rows.items()
    }


def _deciding(connector: Connector, rows: list[MapRow], document: Mapping[str, Any], received_at: datetime) -> MapRow:
    """The first row that brings a value alone; else the first whose default counts; else the first with a blank."""
    bare = [row.model_copy(update={"default": None}) for row in rows]
    blank: MapRow | None = None
    for row, alone in zip(rows, bare, strict=True):
        try:
            said = _alone(connector, alone, document, received_at)
        except ValueRejected:
            return row
        if said.get(row.field) is not None:
            return row
        if row.field in said and blank is None:
            blank = row
    for row in rows:
        if row.default is not None and _alone(connector, row, document, received_at).get(row.field) is not None:
            return row
    return blank or rows[0]


def _alone(connector: Connector, row: MapRow, document: Mapping[str, Any], received_at: datetime) -> dict[str, Any]:
    """What the mapping says of a row's record if it has no other row. Raises ValueRejected."""
    only = replace(
        connector,
        settings=connector.settings.model_copy(update={"map": [], "lead_source": None}),
        preset=connector.preset.model_copy(update={"map": [row]}),
    )
    data = mapper(only)(dict(document), received_at).data
    return {**(data.get(DEFAULTS[row.record]) or {}), **(data.get(row.record) or {})}


def _origin(connector: Connector, row: MapRow, document: Mapping[str, Any]) -> Origin:
    path = next((path for path in row.paths if not is_absent(v := find(document, path)) and not is_blank(v)), None)
    for number, each in enumerate(connector.settings.map, 1):
        if each is row:
            return Origin("connector", number, row.source, row.to, row.default, path)
    for number, each in enumerate(connector.preset.map, 1):
        if each is row:
            return Origin("preset", number, row.source, row.to, row.default, path)
    return Origin("lead_source", None, None, row.to)
