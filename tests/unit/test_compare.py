"""A draft compared on real events: what differs is named, event by event, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.operations.compare import Comparison, compare
from pipeline.operations.connectors import drafted, parsed
from pipeline.operations.errors import Invalid
from pipeline.store.database import Database
from schemas.connector import Connector
from tests.support.events import ACCOUNT
from tests.support.journalled import TOPOLOGY, saved, through

LIVE: dict[str, Any] = {
    "name": "web",
    "preset": "generic-json",
    "default_country": "IN",
    "fields": [{"name": "budget", "label": "Budget"}, {"name": "size", "label": "Size", "type": "number"}],
    "map": [{"from": "budget", "to": "lead.budget"}, {"from": "size", "to": "lead.size"}],
}


async def compared(database: Database, live: Connector, **changes: Any) -> Comparison:
    draft = await drafted(database, ACCOUNT, parsed({**LIVE, **changes}))
    return await compare(database, TOPOLOGY, live, draft)


def rows(*more: dict[str, Any]) -> dict[str, Any]:
    return {"map": [*LIVE["map"], *more]}


async def test_a_thousand_events_name_exactly_those_that_change(database: Database) -> None:
    """The draft breaks one field: it takes the budget for the size, which is a number."""
    live = await saved(database, LIVE)
    words = {n: "maybe" if n % 97 == 13 else str(n) for n in range(1000)}
    people = [
        {
            "event_id": f"e{n}",
            "phone": f"+9198{n + 11_122_233}",
            "name": f"P {n}",
            "budget": words[n],
            "size": words[n].strip("maybe") or 0,
        }
        for n in range(1000)
    ]
    ids = await through(database, live, people)
    await through(database, live, [{"event_id": "no key at all", "name": "who?"}])
    broken = await compared(database, live, map=[LIVE["map"][0], {"from": "budget", "to": "lead.size"}])
    assert set(broken.ids) == {ids[n] for n in range(1000) if words[n] == "maybe"}
    assert (broken.compared, broken.same, len(broken.ids)) == (1000, 989, 11)
    [(kind, place)] = broken.groups
    assert kind == "failed" and place.startswith("lead.size: ") and "number" in place
    assert broken.outcomes["live"] == {"found": 999, "failed": 1}
    assert broken.outcomes["draft"] == {"found": 988, "failed": 12}
    assert len(broken.first) == 10 and [each.kind for each in broken.first[0].departures] == ["failed"]
    same = await compared(database, live)
    assert (same.compared, same.same, same.ids) == (1000, 1000, [])


CHANGES: list[tuple[str, dict[str, Any], set[tuple[str, str]]]] = [
    ("a constant", rows({"to": "lead.country", "transforms": [{"constant": "India"}]}), {("set", "lead.country")}),
    ("a default", rows({"from": "town", "to": "lead.city", "default": "Pune"}), {("set", "default of lead.city")}),
    ("a row off", rows({"from": "name", "to": "lead.name", "on": False}), {("not set", "lead.name")}),
    ("a transform", rows({"from": "name", "to": "lead.name", "transforms": ["lower"]}), {("other value", "lead.name")}),
    ("blanks clear", {"blank": "clear"}, {("set", "lead.company")}),
    ("a behaviour", {"sync": {"lead": "update"}}, {("other value", "sync.lead")}),
    ("one more id", {"id": ["event_id", "name"]}, {("other value", "id")}),
    (
        "another first key",
        {"primary_key": "email", "secondary_key": "phone"},
        {("other value", "match.by"), ("other value", "keys")},
    ),
    (
        "another country",
        {"default_country": "US"},
        {
            *(("other value", place) for place in ("lead.phone", "keys", "match.by")),
            ("not set", "default of lead.time_zone"),
        },
    ),
    (
        "required",
        {"required": ["company"]},
        {("failed", "company: the source must send a value here, and it is blank")},
    ),
]


async def test_every_kind_of_difference_has_its_name(database: Database) -> None:
    live = await saved(database, LIVE)
    ann = {"event_id": "1", "phone": "09811122233", "email": "ann@example.com", "name": "Ann B", "company": ""}
    [id] = await through(database, live, [ann])
    for what, changes, groups in CHANGES:
        found = await compared(database, live, **changes)
        assert set(found.groups) == groups, what
        assert found.ids == [id], what
        shown = found.shown()
        assert (shown["compared"], shown["different"], shown["ids"]) == (1, 1, [id])
    with pytest.raises(Invalid, match="1 to 100000"):
        await compare(database, TOPOLOGY, live, live, last=0)


async def test_the_last_events_of_this_connector_and_no_other(database: Database) -> None:
    live = await saved(database, LIVE)
    other = await saved(database, {**LIVE, "name": "other"})
    await through(database, other, [{"phone": "+919811100000"}] * 3)
    ids = []
    for n in range(3):
        ids += await through(database, live, [{"phone": f"+91981110000{n}"}])
    draft = await drafted(database, ACCOUNT, parsed({**LIVE, "lead_source": "Web"}))
    found = await compare(database, TOPOLOGY, live, draft, last=2, show=1)
    assert (found.compared, found.ids, [each.id for each in found.first]) == (2, ids[:0:-1], [ids[-1]])
