"""What an event that is tried would change, field by field. In: its way through the stages. Out: old, new, and by what.

What is stored is read beside the rehearsal, which holds the locks on the records, so that it is exact; what earlier
events of the same try would have left is remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.operations.rows import Origin, origins
from pipeline.operations.walk import Way
from pipeline.store.database import Database
from pipeline.store.rehearsal import Rehearsal
from pipeline.store.snapshot import snapshot
from schemas.connector import Connector
from schemas.fields import AS_SENT

RECORDS = ("lead", "call", "activity")
DONE = ("created", "updated", "unchanged")


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that the event speaks of, or that would change. `new` is what would be stored in the end.

    `how`: `sent`, `cleared` or `default` where the event says something; `effect`: `set`, `changed`, `cleared`, `same`
    (it has that value already), or `kept` (what is stored is newer, or the behaviour leaves it alone).
    """

    record: str
    field: str
    old: Any
    new: Any
    said: Any
    how: str | None
    effect: str
    row: dict[str, Any] | None


class Records:
    """The records of one try, as they are stored and as its events would leave them."""

    def __init__(self, database: Database, trial: Rehearsal, connector: Connector) -> None:
        self._database = database
        self._trial = trial
        self._connector = connector
        self._left: dict[tuple[str, str], dict[str, Any]] = {}

    async def changes(self, way: Way, result: Mapping[str, Any]) -> list[FieldChange]:
        """Every field that the event speaks of, or that would change; empty where it would do nothing."""
        if result.get("outcome") not in DONE or result.get("duplicate"):
            return []
        data = way.event.data
        read = [seen.event.data["source"] for seen in way.seen if "source" in seen.event.data]
        rows = origins(self._connector, read[-1] if read else {}, way.event.received_at, data)
        before, after = await self._around(result)
        return [
            change
            for record in RECORDS
            for change in _of_record(record, data, before.get(record, {}), after.get(record, {}), rows)
        ]

    async def _around(self, result: Mapping[str, Any]) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
        """The fields per record kind, before and after."""
        ids = {record: result.get(record) for record in RECORDS}
        before = await snapshot(self._database, self._connector.account, *ids.values())
        after = await snapshot(self._trial, self._connector.account, *ids.values())
        for record, id in ids.items():
            before[record] = self._left.get((record, str(id)), before.get(record, {}))
            self._left[record, str(id)] = after.get(record, {})
        return before, after


def _of_record(
    record: str,
    data: Mapping[str, Any],
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    rows: Mapping[str, Origin],
) -> list[FieldChange]:
    sent = data.get(record) or {}
    defaults = data.get("defaults", {}) if record == "lead" else {}
    differing = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    found = []
    for name in sorted({*sent, *defaults, *differing}):
        how = _how(name, sent, defaults)
        said = sent.get(name, defaults.get(name))
        effect = _effect(old.get(name), new.get(name), said, how)
        row = rows.get(f"{record}.{name.removesuffix(AS_SENT)}")  # a number as it was sent comes by the number's row
        shown = None if row is None else row.shown()
        found.append(FieldChange(record, name, old.get(name), new.get(name), said, how, effect, shown))
    return found


def _how(name: str, sent: Mapping[str, Any], defaults: Mapping[str, Any]) -> str | None:
    if name in sent:
        return "cleared" if sent[name] is None else "sent"
    return "default" if name in defaults else None


def _effect(old: Any, new: Any, said: Any, how: str | None) -> str:
    if old != new:
        return "set" if old is None else "cleared" if new is None else "changed"
    return "same" if how is None or said == new else "kept"
