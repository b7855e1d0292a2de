"""Leads that were chosen, not looked up. In: events. Out: the lead of each that has one, as it is now.

A person decides a conflict (`data.decision`); a source may name a lead by its id here (`data.lead_id`), which it was
told before. One that the account does not have counts as not named.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.store import leads
from pipeline.store.database import Connection, Database
from pipeline.store.matching import Match
from schemas.event import Event

BY_ID = "lead_id"  # how a lead was found that the source named by its id


async def chosen(database: Database | Connection, events: Sequence[Event]) -> dict[str, Match]:
    """Per event the lead that was chosen for it, or that this one was merged into since; of most events none."""
    named: dict[int, dict[str, tuple[str, str | None]]] = {}
    for event in events:
        if (decision := event.data.get("decision")) is not None:
            named.setdefault(event.account, {})[event.id] = decision["lead"], None
        elif (lead := event.data.get("lead_id")) is not None:
            named.setdefault(event.account, {})[event.id] = lead, BY_ID
    found: dict[str, Match] = {}
    for account, by_event in named.items():
        now = await leads.survivors(database, account, {lead for lead, _ in by_event.values()})
        found |= {event: Match(now[lead], by) for event, (lead, by) in by_event.items() if lead in now}
    return found
