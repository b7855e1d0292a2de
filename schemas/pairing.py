"""Dependent dropdowns. In: what an event says of a record. Out: parents and children that go together, or why not."""

from __future__ import annotations

from schemas.connector import Connector
from schemas.fields import Field, Fields, FieldType
from schemas.normal.choices import pair
from schemas.normal.values import ValueRejected
from schemas.said import Said
from schemas.target import Target

UNPAIRED = "its default does not go with"


def pairs_of(connector: Connector, targets: list[Target]) -> list[tuple[str, Field]]:
    """The dependent dropdowns among the targets, parents before their children."""
    found = [(target.record, connector.fields[target.record][target.name]) for target in targets]
    pairs = [(record, field) for record, field in found if field.type is FieldType.DEPENDENT_DROPDOWN]
    return sorted(pairs, key=lambda pair: _depth(pair[1], connector.fields[pair[0]]))


def _depth(field: Field, fields: Fields) -> int:
    """How many dropdowns a field depends on; parents in a circle, which cannot be saved, end somewhere."""
    seen: set[str] = set()
    while field.parent is not None and field.parent in fields and field.name not in seen:
        seen.add(field.name)
        field = fields[field.parent]
    return len(seen)


def settle(record: str, field: Field, said: Said) -> None:
    """Put the option in place that goes with its parent's value; a default that goes with none says nothing."""
    label, values, defaults = f"{record}.{field.name}", said.records[record], said.defaults_of[record]
    parent = values.get(str(field.parent))
    if parent is None:
        parent = defaults.get(str(field.parent))
    if values.get(field.name) is not None:
        try:
            values[field.name] = pair(field, label, parent, values[field.name])
        except ValueRejected:
            if label not in said.stand_ins:
                raise
            values[field.name] = None
            said.notes.append(f"{label}: {UNPAIRED} {field.parent}; left out")
    elif field.name in defaults:
        try:
            defaults[field.name] = pair(field, label, parent, defaults[field.name])
        except ValueRejected:
            del defaults[field.name]
            said.notes.append(f"{label}: {UNPAIRED} {field.parent}; left out")
