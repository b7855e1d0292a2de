"""What a connector's events are noted with, and what of it is a problem. In: who asks, a connector. Out: counts.

A note is on an event that went on: something was read by a rule, or could not be read. A few of them are how people
write; more than a few in a hundred of one kind are a setting that does not fit the source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from pipeline.operations import masked
from pipeline.operations.access import Actor
from pipeline.operations.visible import visible
from pipeline.store import noted as store
from pipeline.store.database import Database
from schemas.notes import kinds_of

USUAL = timedelta(days=7)
RECENT = timedelta(days=1)  # how far back problems are looked for, and not beyond what was saved last
FEW = 0.03  # the share of events above which a kind is a problem,
ONE = 1  # if it is on more than this one

REMEDIES: Mapping[str, str] = {
    "time_unreadable": "set occurred_at to the path of the time, and occurred_format if it has a format of its own",
    "time_ahead": "set time_zone to the zone of the source's times, or correct the source's clock",
    "phone_digits_lost": "export phone numbers as text, and not as numbers of a spreadsheet",
    "charset_guessed": "make the source name its charset in the header Content-Type",
    "value_left_out": "correct the mapping row, or what the source sends",
    "phone_invalid": "set default_country to the country of numbers without a country code",
    "email_invalid": "map the path that holds an address",
}


@dataclass(frozen=True, slots=True)
class Note:
    """One note: the field or path that it is about, its text and its kind, and on how many events it is."""

    kind: str
    about: str
    text: str
    events: int
    latest: datetime


@dataclass(frozen=True, slots=True)
class Trouble:
    """A kind of note that more than a few events in a hundred have, and what to do."""

    kind: str
    events: int
    of: int
    remedy: str

    def __str__(self) -> str:
        what = self.kind.replace("_", " ")
        return f"{what}: {self.events:,} of {self.of:,} events ({self.events / self.of:.0%}); {self.remedy}"


@dataclass(frozen=True, slots=True)
class Noted:
    """`events` have ended since `since`."""

    connector: str
    since: datetime
    events: int
    notes: list[Note]


async def noted(database: Database, actor: Actor, connector: str, since: datetime | None = None) -> Noted:
    """The notes on the events of a connector, of the last seven whole days and today, or since a time. NotFound."""
    seen = await visible(database, actor)
    id = seen.id_of(connector)
    since = since or datetime.combine(datetime.now(UTC).date() - USUAL, time.min, UTC)
    found = [_note(actor, each) for each in await store.notes(database, actor.account, id, since)]
    return Noted(seen.names[id], since, await store.events(database, actor.account, id, since), found)


async def troubles(database: Database, account: int, connector: int) -> list[Trouble]:
    """What more than a few in a hundred of a connector's events are noted with, under the revision in force.

    Of the last day alone, so that what was mended is soon forgotten.
    """
    saved_at = await store.saved_at(database, connector)
    since = max(datetime.now(UTC) - RECENT, saved_at) if saved_at is not None else datetime.now(UTC) - RECENT
    found = await store.notes(database, account, connector, since)
    by_kind: dict[str, int] = {}
    for each in found:
        for kind in kinds_of(each.note):
            by_kind[kind] = max(by_kind.get(kind, 0), each.events)  # one event may have several of a kind
    suspects = {kind: events for kind, events in by_kind.items() if kind in REMEDIES}
    total = await store.events(database, account, connector, since) if suspects else 0
    return [
        Trouble(kind, events, total, REMEDIES[kind])
        for kind, events in sorted(suspects.items())
        if events > max(FEW * total, ONE)
    ]


def _note(actor: Actor, counted: store.Counted) -> Note:
    about, _, text = masked.note(actor, counted.note).partition(": ")
    kinds = kinds_of(counted.note)
    return Note(kinds[0], about if text else "", text or about, counted.events, counted.latest)
