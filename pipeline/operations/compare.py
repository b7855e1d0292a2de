"""What a draft would do differently. In: a connector, a draft of it, its latest events. Out: what
differs.

The journalled requests go through the real stages twice, as far as these promise to change nothing (`effects="none"`),
on transactions that can only read: normal form, mapping and the look-up of the lead, and whatever stage of one's own
promises the same. Events are in hand a page at a time; of those that differ, the ids are kept, and the first few whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import orjson

from pipeline.engine.outcome import DeadLetter, Drop, Retry
from pipeline.engine.stage import Effects
from pipeline.engine.topology import Topology
from pipeline.operations.errors import Invalid
from pipeline.operations.masked import NOBODYS, stranger, told
from pipeline.operations.walk import Way, tools_of, walk
from pipeline.store import requests
from pipeline.store.database import Database
from pipeline.store.rehearsal import rehearsal
from schemas.connector import Connector
from schemas.cutting import producer_id
from schemas.event import Event

MOST = 100_000  # events of one comparison
ENDED = ("failed", "dropped", "retried")
HARMLESS: tuple[Effects, ...] = ("none",)


@dataclass(frozen=True, slots=True)
class Departure:
    """One thing that the draft does differently with one event. `place`: a field, `match`, `sync.lead`, `failure`, …"""

    kind: str  # failed, no longer failed, failed with another reason, set, not set, other value, …
    place: str
    live: Any = None
    draft: Any = None


@dataclass(frozen=True, slots=True)
class Differing:
    """One event that the draft takes differently, field by field."""

    id: str
    received_at: datetime
    departures: list[Departure]


@dataclass(slots=True)
class Comparison:
    """All that differs. `groups`: how many events differ, by kind and place; one event can be in several."""

    compared: int = 0
    same: int = 0
    outcomes: dict[str, Counter[str]] = field(default_factory=lambda: {"live": Counter(), "draft": Counter()})
    groups: Counter[tuple[str, str]] = field(default_factory=Counter)
    ids: list[str] = field(default_factory=list)  # of all the events that differ, the newest first
    first: list[Differing] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "compared": self.compared,
            "same": self.same,
            "different": len(self.ids),
            "outcomes": self.outcomes,
            "groups": [{"kind": k, "place": place, "events": n} for (k, place), n in self.groups.most_common()],
            "ids": self.ids,
            "first": [asdict(each) for each in self.first],
        }


async def compare(
    database: Database,
    topology: Topology,
    live: Connector,
    draft: Connector,
    *,
    last: int = 1_000,
    show: int = 10,
    people: bool = True,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Comparison:
    """The last events of `live` through both, the newest first; `show` of those that differ are kept whole.

    `people`: whether the caller may see people. If not, the events are compared with made-up values in the place of
    people's, as those of somebody whom the account does not know, and no single event is shown.

    Raises Invalid if `last` is out of bounds. A secret or a token is never asked for: the events are past the door.
    """
    if not 1 <= last <= MOST:
        raise Invalid(f"a comparison takes 1 to {MOST} events")
    found = Comparison()
    account = live.account
    live, draft = (each if people else replace(each, account=NOBODYS) for each in (live, draft))
    async for page in requests.latest(database, account, live.id, last):
        page = page if people else [stranger(event, live) for event in page]
        ways = []
        async with rehearsal(database, read_only=True) as trial:
            for connector in (live, draft):
                events = [event.evolve(connector=connector.id) for event in page]
                ways.append(await walk(topology, tools_of(trial, connector), trial, events, HARMLESS))
        for event, one, other in zip(page, *ways, strict=True):
            before, after = _said(live, event, one), _said(draft, event, other)
            if not people:
                before, after = _of_a_stranger(before), _of_a_stranger(after)
            _count(found, event, before, after, show if people else 0)
        on_progress(len(page))
    return found


def _said(connector: Connector, event: Event, way: Way) -> dict[str, Any]:
    """What becomes of an event, place by place, as far as it can be said without writing."""
    said: dict[str, Any] = {"id": producer_id(orjson.loads(event.raw), connector.id_paths)}
    match way.end:
        case DeadLetter() as end:
            return said | {"outcome": "failed", "failure": f"{end.field}: {end.rule}" if end.field else end.reason}
        case Drop(reason):
            return said | {"outcome": "dropped", "failure": reason}
        case Retry(reason):
            return said | {"outcome": "retried", "failure": reason}
    data = way.event.data
    match_ = data.get("match") or {}
    said |= {
        "outcome": "found" if match_.get("lead") else "new",
        "kind": way.event.kind,
        "occurred_at": None if way.event.occurred_at is None else way.event.occurred_at.astimezone(UTC).isoformat(),
        "match": match_.get("lead"),
        "match.by": match_.get("by"),
        "keys": data.get("keys"),
    }
    for part, shown in (("sync", "sync"), ("lead", "lead"), ("defaults", "default of lead")):
        said |= {f"{shown}.{name}": value for name, value in (data.get(part) or {}).items()}
    for record in ("call", "activity"):
        said |= {f"{record}.{name}": value for name, value in (data.get(record) or {}).items()}
    return said


def _of_a_stranger(said: Mapping[str, Any]) -> dict[str, Any]:
    """Without whom it finds; a failure without what may quote a value."""
    left = {name: value for name, value in said.items() if not name.startswith("match")}
    failure = {"failure": told(said["failure"])} if "failure" in said else {}
    return left | failure | {"outcome": "goes on" if said["outcome"] in ("found", "new") else said["outcome"]}


def _count(found: Comparison, event: Event, live: Mapping[str, Any], draft: Mapping[str, Any], show: int) -> None:
    found.compared += 1
    found.outcomes["live"][live["outcome"]] += 1
    found.outcomes["draft"][draft["outcome"]] += 1
    departures = _departures(live, draft)
    if not departures:
        found.same += 1
        return
    found.ids.append(event.id)
    found.groups.update({(each.kind, each.place) for each in departures})
    if len(found.first) < show:
        found.first.append(Differing(event.id, event.received_at, departures))


def _departures(live: Mapping[str, Any], draft: Mapping[str, Any]) -> list[Departure]:
    before, after = live["outcome"], draft["outcome"]
    if before in ENDED or after in ENDED:
        if (before, live.get("failure")) == (after, draft.get("failure")):
            return []
        kind = f"{after} with another reason" if before == after else after if after in ENDED else f"no longer {before}"
        place = str(draft.get("failure") if after in ENDED else live.get("failure"))
        return [Departure(kind, place, live.get("failure", before), draft.get("failure", after))]
    return [
        Departure(_kind(place, live, draft), place, live.get(place), draft.get(place))
        for place in dict.fromkeys((*live, *draft))
        if place != "outcome" and (place in live, live.get(place)) != (place in draft, draft.get(place))
    ]


def _kind(place: str, live: Mapping[str, Any], draft: Mapping[str, Any]) -> str:
    if place == "match":
        return (
            "finds nobody" if draft[place] is None else "finds a lead" if live[place] is None else "finds another lead"
        )
    if place not in live:
        return "set"
    if place not in draft:
        return "not set"
    return "cleared" if draft[place] is None and place != "id" else "other value"
