"""upsert: the versions of one thing have one call and one activity between them, in any order and across an upgrade."""

from __future__ import annotations

import asyncio
from itertools import permutations
from typing import Any

import pytest

from pipeline.ingress.identity import event_id
from pipeline.store import activities, versions
from pipeline.store.database import Database
from pipeline.store.ids import derived_id, new_id
from schemas.event import Event
from stages.log import log
from stages.upsert import upsert
from tests.support.events import ACCOUNT, CONNECTOR, at, mapped, results, run

PHONE = "+919611795983"
BEFORE = derived_id(ACCOUNT, CONNECTOR, "k")  # the event id that the version of the program before gave


def version(number: int, key: str = "k", **changes: Any) -> Event:
    """The version of a thing that arrives at this minute and says this number, with an activity of no name."""
    changes = {"activity": {"message": f"number {number}"}, **changes}
    id = event_id(ACCOUNT, CONNECTOR, key, {"n": number})
    return mapped({"phone": PHONE, "name": f"N{number}"}, id=id, minute=number, received_at=at(number), **changes)


async def told(database: Database) -> list[dict[str, Any]]:
    """Every activity there is."""
    [lead] = [row["id"] for row in await database.fetch("SELECT id FROM lead")]
    return await activities.of_lead(database, ACCOUNT, str(lead))


@pytest.mark.parametrize("order", list(permutations((1, 2, 3))))
async def test_versions_in_any_order_are_one_activity_with_the_latest_words(
    database: Database, order: tuple[int, ...]
) -> None:
    found = [(await results(upsert, database, version(number)))[0] for number in order]
    assert len({result["activity"] for result in found}) == 1
    [activity] = await told(database)
    assert (activity["fields"], str(activity["id"])) == ({"message": "number 3"}, found[0]["activity"])


async def test_versions_of_one_batch_are_one_activity(database: Database) -> None:
    first, second = await results(upsert, database, version(2), version(1))
    assert first["activity"] == second["activity"]
    assert [activity["fields"]["message"] for activity in await told(database)] == ["number 2"]


async def test_the_same_version_again_changes_nothing(database: Database) -> None:
    [first] = await results(upsert, database, version(1))
    [again] = await results(upsert, database, version(1).evolve(received_at=at(9)))
    assert again == {**first, "duplicate": True, "then": again["then"]}
    assert len(await told(database)) == 1


async def test_versions_that_meet_in_two_processes_are_one_activity(database: Database) -> None:
    await results(upsert, database, mapped({"phone": PHONE}))
    await asyncio.gather(*(results(upsert, database, version(number)) for number in range(1, 9)))
    assert [activity["fields"]["message"] for activity in await told(database)] == ["number 8"]


async def test_two_things_are_two_activities_and_the_same_words_without_an_id_are_one(database: Database) -> None:
    await results(upsert, database, version(1, "k"), version(1, "l"))
    await results(upsert, database, *(version(1).evolve(id=new_id()) for _ in range(2)))
    assert len(await told(database)) == 3


async def test_the_time_that_a_version_before_has_stored_stays_against_a_late_event(database: Database) -> None:
    """It kept the earliest time, as a default."""
    said = {"external_id": "e", "type": "visit", "message": "number 1"}
    [first] = await results(upsert, database, mapped({"phone": PHONE}, minute=-5, activity=said))
    await database.execute(
        """
        UPDATE activity SET stamps = (
            SELECT jsonb_build_object(stamp, names - '@at', '-' || stamp, '["@at"]'::jsonb)
            FROM jsonb_each(stamps) AS each (stamp, names) WHERE names ? '@at'
        )
        """
    )
    before = await database.fetchrow("SELECT occurred_at, fields FROM activity")
    [late] = await results(upsert, database, mapped({"phone": PHONE}, minute=-9, activity=said))
    assert (late["outcome"], late["activity"]) == ("unchanged", first["activity"])
    assert await database.fetchrow("SELECT occurred_at, fields FROM activity") == before


async def test_an_activity_that_the_source_names_is_found_by_that_name(database: Database) -> None:
    named = {"activity": {"external_id": "e", "message": "named"}}
    [first] = await results(upsert, database, version(1, **named))
    [second] = await results(upsert, database, version(2, "other thing", **named))
    assert first["activity"] == second["activity"] == activities.id_of(ACCOUNT, CONNECTOR, "e")


async def test_a_version_adds_to_the_activity_that_the_program_before_has_made(database: Database) -> None:
    """That one has the id of its event, which was derived from the key alone."""
    await results(upsert, database, version(1).evolve(id=BEFORE))
    await database.execute("UPDATE activity SET id = event_id")
    await database.execute("UPDATE applied_event SET activity_id = event_id")
    [later] = await results(upsert, database, version(2))
    assert later["activity"] == BEFORE
    [again] = await results(upsert, database, version(3))
    assert again["activity"] == BEFORE
    assert [activity["fields"]["message"] for activity in await told(database)] == ["number 3"]


async def test_a_call_without_an_id_is_one_for_all_versions(database: Database) -> None:
    call = {"call": {"status": "missed"}, "activity": None}
    answered = {"call": {"status": "answered", "duration": 12}, "activity": None}
    [first] = await results(upsert, database, version(1, **call))
    [second] = await results(upsert, database, version(2, **answered))
    assert first["call"] == second["call"] == second["activity"]
    [activity] = await told(database)
    assert activity["call"] == {"status": "answered", "duration": 12}


async def test_a_version_adds_to_the_call_that_the_program_before_has_made(database: Database) -> None:
    before = derived_id("call of", BEFORE)
    await results(upsert, database, version(1, call={"status": "missed"}, activity=None).evolve(id=BEFORE))
    await database.execute("UPDATE call SET id = $1", before)
    await database.execute("UPDATE activity SET id = $1", before)
    await database.execute("UPDATE applied_event SET call_id = $1, activity_id = $1", before)
    [later] = await results(upsert, database, version(2, call={"status": "answered"}, activity=None))
    assert (later["call"], later["activity"]) == (before, before)
    assert [activity["call"] for activity in await told(database)] == [{"status": "answered"}]


async def test_where_activities_are_only_made_a_later_version_changes_none(database: Database) -> None:
    only = {"lead": "capture", "activity": "create"}
    for number in (1, 2):
        event = version(number)
        await results(upsert, database, event.evolve(data={**event.data, "sync": only}))
    assert [activity["fields"]["message"] for activity in await told(database)] == ["number 1"]


async def test_an_activity_outlives_what_is_known_of_its_versions(database: Database) -> None:
    await results(upsert, database, version(1))
    await database.execute("DELETE FROM applied_event")
    await results(upsert, database, version(2))
    assert [activity["fields"]["message"] for activity in await told(database)] == ["number 2"]


async def test_the_other_versions_of_a_thing_are_told_the_latest_first(database: Database) -> None:
    events = [version(number) for number in (1, 2, 3)]
    for event in [*events, version(4, "another thing"), version(5).evolve(id=new_id())]:
        [result] = await results(upsert, database, event)
        await run(log, database, event.evolve(result=result))
    told = await versions.others(database, ACCOUNT, events[1].id)
    assert [(row["event_id"], row["received_at"], row["outcome"]) for row in told] == [
        (events[2].id, at(3), "updated"),
        (events[0].id, at(1), "created"),
    ]
    assert await versions.others(database, ACCOUNT + 1, events[1].id) == []
    assert await versions.others(database, ACCOUNT, new_id()) == []
