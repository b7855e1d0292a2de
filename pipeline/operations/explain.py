"""Why a lead says what it says. In: a lead. Out: per field its value, what set it and by which row, what it replaced.

The mapping row is not stored with every value: it follows from the journalled request, the revision of the connector
that the event was processed with, and the account's fields and the preset as they are today.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.operations.access import Actor
from pipeline.operations.errors import NotFound
from pipeline.operations.rows import origins
from pipeline.operations.visible import visible
from pipeline.store import fields, history, leads, origin, people
from pipeline.store.database import Database
from pipeline.store.merge import told
from pipeline.store.origin import Origin
from schemas.connector import Connector, ConnectorSettings
from schemas.fields import AS_SENT, Field, FieldType, RecordFields
from schemas.mapper import mapper
from schemas.normal.people import People
from schemas.normal.phone import facts_of
from schemas.presets import preset
from schemas.reader import reader

Rows = Mapping[str, dict[str, Any]]  # mapping rows, by `record.field`


async def lead_of(database: Database, actor: Actor, id: str) -> dict[str, Any]:
    """The lead with this id, or the one that it was merged into. Raises NotFound.

    The lead is the account's; its activities are those that came by connectors which are open to the caller.
    """
    seen = await visible(database, actor)
    lead = await leads.show(database, actor.account, id, connectors=seen.ids)
    if lead is None:
        raise NotFound(f"no lead {id!r}; `leadpipe lead find` finds them by number, address or text")
    return lead


async def explain(database: Database, actor: Actor, id: str, field: str | None = None) -> dict[str, Any]:
    """Where each field of a lead comes from, or one of them.

    `lead`, `redirected_from` (the id that was asked for, if that lead was merged into this one), and `fields`. Of each
    field: `field`, `value` (None: it was cleared), `as_sent` (as the source wrote it, where that says more), `number`
    (its `valid`, `region`, `type`, `national` form, and whether it is `shared`, so that it identifies nobody), `event`,
    `received_at`, `sound` (it is a valid value), `connector`,
    `revision` and `row`, the mapping row, `occurred_at`, `applied_at`, `default` (it fills a gap, and gives way), and
    `replaced`: `value`, `event`, `connector` and `occurred_at` of what it took the place of. What is not known any
    more is None, and so is what a connector did that is closed to the caller: `connector`, `revision`, `row` and
    `applied_at`. Raises NotFound (the lead, or the field).
    """
    lead = await lead_of(database, actor, id)
    rows = {row["field"]: row for row in lead["provenance"]}
    if field is not None and field not in rows:
        raise NotFound(f"lead {lead['id']} has never had a value in {field!r}; it has had one in {', '.join(rows)}")
    replaced = await history.last(database, actor.account, lead["id"])
    events = {row["event"] for row in rows.values()} | {told(each["old_stamp"]).event for each in replaced.values()}
    seen = await visible(database, actor)
    found = await origin.of_events(database, actor.account, events)
    known = {event: each for event, each in found.items() if seen.holds({"connector_id": each.connector})}
    account_fields = await fields.of_account(database, actor.account)
    users = (await people.of_account(database, actor.account, account_fields)).lenient()  # they may have changed since
    mapped = {event: _rows(actor.account, each, account_fields, users) for event, each in known.items()}
    explained = [
        {
            **row,
            **_sent(row["value"], rows.get(f"{name}{AS_SENT}"), account_fields["lead"].get(name)),
            **_told(known.get(row["event"])),
            "row": mapped.get(row["event"], {}).get(f"lead.{name}"),
            "replaced": _replaced(replaced.get(name), known),
        }
        for name, row in rows.items()
        if field in (None, name) and not (name.endswith(AS_SENT) and field is None)
    ]
    return {"lead": lead["id"], "redirected_from": lead["redirected_from"], "fields": explained}


def _rows(account: int, event: Origin, account_fields: RecordFields, users: People) -> Rows:
    """The mapping rows that decided about this event's fields; none where request and settings do not tell any more."""
    if event.request is None or event.settings is None or event.received_at is None or event.revision is None:
        return {}
    try:
        settings = ConnectorSettings(**event.settings)
        connector = Connector(
            event.connector, account, event.revision, settings, preset(settings.preset), account_fields, users
        )
        reading = reader(connector)(event.request, event.received_at)
        data = mapper(connector)(reading.document, event.received_at, reading.sent).data
    except (ValueError, LookupError):  # what was in force then does not fit what is there today
        return {}
    return {to: each.shown() for to, each in origins(connector, reading.document, event.received_at, data).items()}


def _sent(value: Any, as_sent: Mapping[str, Any] | None, field: Field | None) -> dict[str, Any]:
    """How the source wrote a value, where that is kept, and what can be told of a number."""
    is_number = as_sent is not None and value is not None and field is not None and field.type is FieldType.PHONE
    return {
        "as_sent": None if as_sent is None else as_sent["value"],
        "number": facts_of(str(value)) if is_number else None,
    }


def _told(event: Origin | None) -> dict[str, Any]:
    if event is None:
        return {"connector": None, "revision": None, "applied_at": None}
    return {"connector": event.name, "revision": event.revision, "applied_at": event.at}


def _replaced(change: dict[str, Any] | None, known: Mapping[str, Origin]) -> dict[str, Any] | None:
    if change is None:
        return None
    stamp = told(change["old_stamp"])
    setter = known.get(stamp.event)
    return {
        "value": change["value"],
        "event": stamp.event,
        "connector": None if setter is None else setter.name,
        "occurred_at": stamp.occurred_at,
    }
