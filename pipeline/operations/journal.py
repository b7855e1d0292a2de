"""What came in, what became of it, and why. In: who asks, and a filter. Out: rows of the connectors that they see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from pipeline.operations import masked
from pipeline.operations.access import Actor
from pipeline.operations.chain import Chain
from pipeline.operations.errors import InUse, Invalid, NotFound, Problem, Refused
from pipeline.operations.outcomes import Sent
from pipeline.operations.replay import replay_one, start
from pipeline.operations.runs import numbered
from pipeline.operations.visible import Visible, visible
from pipeline.store import dead_letters, journal, leads, versions
from pipeline.store.database import Database
from pipeline.store.ids import canonical
from pipeline.store.journal import Filter, Page
from pipeline.store.person import sought
from schemas.event import Event

FAILURE = (
    "id",
    "stage",
    "kind",
    "reason",
    "field",
    "value",
    "rule",
    "error",
    "attempts",
    "replay",
    "died_at",
    "status",
)  # what is told of one
OUTCOMES = ("created", "updated", "unchanged", "dropped", "failed")


class Which(NamedTuple):
    """Which rows, as somebody asks for them."""

    connector: str | None = None
    outcome: str | Sequence[str] | None = None
    lead_source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    search: str | None = None


@dataclass(slots=True)
class Retried:
    """How many events were sent through again, and which were not, and why."""

    events: int = 0
    refused: list[tuple[str, Refused]] = field(default_factory=list)


async def page(
    database: Database,
    actor: Actor,
    *,
    connector: str | None = None,
    outcome: str | Sequence[str] | None = None,
    lead_source: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    search: str | None = None,
    after: str | None = None,
    limit: int = 50,
    total: bool = False,
) -> Page:
    """The rows that the caller may see, the newest first, each with its connector's name.

    `outcome`: one, or any of several. `total`: count all that match, too. A search for a person, by their number or
    address, finds the events of their lead, and those whose request says it, however it is written.

    The id of a lead also finds the rows of those that were merged into it: they keep the ids that they were written
    with, and each of those shows the lead that it is now.

    Without `leads:read` the rows are masked, and only the id of an event can be searched for.

    Raises NotFound (the connector), Forbidden (a search), Invalid (`after` is not what a page ended with).
    """
    seen = await visible(database, actor)
    event = canonical((search or "").strip())
    which = Which(connector, outcome, lead_source, since, until, search)
    wanted = await filtered(database, actor, seen, which)
    try:
        found = await journal.page(database, actor.account, wanted, after, limit)
    except ValueError as error:
        rule = f"{after!r} is not the end of a page; take `next` of the page before"
        raise Invalid("the events are not listed", [Problem("after", rule, after)]) from error
    rows = [seen.named(row) for row in found.rows if masked.sees_people(actor) or event in (None, row["event_id"])]
    count = None
    if total:
        hidden = event is not None and not masked.sees_people(actor)  # they would learn how many events a lead has
        count = len(rows) if hidden else await journal.count(database, actor.account, wanted)
    return Page(masked.rows(actor, rows), found.next, count)


async def filtered(database: Database, actor: Actor, seen: Visible, which: Which) -> Filter:
    """The filter as the store takes it, of what the caller may see. Raises NotFound (the connector), Forbidden."""
    outcomes = (which.outcome,) if isinstance(which.outcome, str) else which.outcome or ()
    wanted = Filter(outcomes=outcomes, since=which.since, until=which.until, search=which.search, connectors=seen.ids)
    event = canonical((which.search or "").strip())
    if which.search and event is None:
        masked.need_people(actor, "a search for a text")
        wanted = replace(wanted, sought=await sought(database, actor.account, which.search))
    if which.lead_source is not None:
        masked.need_people(actor, "a search for a lead source")
        wanted = replace(wanted, lead_source=which.lead_source)
    if event is not None and masked.sees_people(actor):
        wanted = replace(wanted, merged=await leads.merged_into(database, actor.account, event))
    return wanted if which.connector is None else replace(wanted, connector=seen.id_of(which.connector))


async def show(database: Database, actor: Actor, event: str) -> dict[str, Any]:
    """The whole row of one event, with its connector's name. Raises NotFound.

    `failures` are its failures, the oldest first, as FAILURE names it; `versions` the other versions of the
    thing that it is about, the latest first: event_id, received_at, outcome. Each of its `stages` has the number of its
    `replay`, see `pipeline.operations.runs`. Without `leads:read` it is masked.
    """
    return masked.row(actor, await _whole(database, actor, event))


async def _whole(database: Database, actor: Actor, event: str) -> dict[str, Any]:
    seen = await visible(database, actor)
    row = await journal.show(database, actor.account, event)
    if row is None or not seen.holds(row):
        raise NotFound(f"no event {event!r} in the journal; if it was just accepted, it may still be under way")
    letters = await dead_letters.of_event(database, actor.account, row["event_id"])
    ends = {letter["replay"]: letter["stage"] for letter in letters}
    return {
        **seen.named(row),
        "stages": numbered(row["stages"], ends, row["replay"]),
        "failures": [{name: letter[name] for name in FAILURE} for letter in letters],
        "versions": await versions.others(database, actor.account, row["event_id"]),
    }


async def retry(database: Database, chain: Chain, actor: Actor, event: str, note: Sent | None = None) -> int | None:
    """Send an event that failed or was dropped through again; returns the id of its dead letter, if it had one.

    What was sent is put down in `note`, from which `pipeline.operations.outcomes` tells what became of it.

    What was dropped begins at the first stage, so that a behaviour that was changed since counts; what failed where
    `pipeline.operations.reentry` says. Raises NotFound, InUse (it reached the records, was sent again already, or a
    later version of the same thing took its place).
    """
    row = await _whole(database, actor, event)
    if row["outcome"] == "dropped":
        await start(database, chain, _anew(row), note)
        return None
    if row["outcome"] != "failed":
        raise InUse(
            f"event {event} was {row['outcome']}; only events that failed or were dropped can be sent through again"
        )
    letters = await dead_letters.of_event(database, actor.account, row["event_id"])
    waiting = [letter["id"] for letter in letters if letter["status"] == "dead"]
    letter = await dead_letters.letter(database, waiting[-1], actor.account) if waiting else None
    if letter is None:
        raise InUse(_not_waiting(event, letters))
    await replay_one(database, chain, letter, note=note)
    return letter.id


async def retry_each(
    database: Database, chain: Chain, actor: Actor, events: Iterable[str], note: Sent | None = None
) -> Retried:
    """Send several events through again, as `retry` does one; one that cannot be sent does not stop the others."""
    done = Retried()
    for event in dict.fromkeys(events):
        try:
            await retry(database, chain, actor, event, note)
            done.events += 1
        except Refused as error:
            done.refused.append((event, error))
    return done


def _not_waiting(event: str, letters: Sequence[dict[str, Any]]) -> str:
    """Why an event that failed has no dead letter to send again, and what to do."""
    superseded = [letter["id"] for letter in letters if letter["status"] == "superseded"]
    if superseded:
        return (
            f"a later version of event {event} has reached the records since; "
            f"`leadpipe dead replay {superseded[-1]}` sends this one anyway"
        )
    return f"event {event} has no dead letter to send: it was sent already or discarded, or is not stored yet"


def _anew(row: dict[str, Any]) -> Event:
    """The event of a journal row as it came, one replay later."""
    return Event(
        id=row["event_id"],
        account=row["account_id"],
        connector=row["connector_id"],
        kind=row["kind"],
        received_at=row["received_at"],
        raw=row["request"],
        replay=row["replay"] + 1,
        notes=tuple(row["notes"]),
    )
