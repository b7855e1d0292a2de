"""Dead letters in the store: kept to the letter and once, found, grouped, replayed, discarded."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pipeline.store import dead_letters
from pipeline.store.database import Database
from pipeline.store.dead_letters import Filter
from schemas.event import Event, Failure
from tests.support.events import ACCOUNT, NOON, mapped


def dead(
    stage: str = "map", *, minute: int = 0, rule: str | None = "a number", error: str | None = None, **changes: Any
) -> Event:
    at = NOON + timedelta(minutes=minute)
    kind = "rejected" if error is None else "poison"
    failure = Failure(stage, kind, f"no: {rule or error}", 3, at, field="lead.score", value="x", rule=rule, error=error)
    return mapped({"phone": "+919611795983"}, failure=failure, **changes)


async def keep(database: Database, *events: Event) -> None:
    for event in events:
        assert event.failure is not None
        await dead_letters.keep(database, event.failure.stage, [event], [])


async def test_what_died_is_kept_to_the_letter(database: Database) -> None:
    event = dead(raw='{"a": "\\u0000"}', notes=("\x00", "n"))
    await dead_letters.keep(database, "map", [event], [])
    [shown] = await dead_letters.page(database)
    assert (shown["event_id"], shown["stage"], shown["kind"], shown["attempts"]) == (event.id, "map", "rejected", 3)
    assert (shown["field"], shown["value"], shown["rule"], shown["died_at"]) == ("lead.score", "x", "a number", NOON)
    letter = await dead_letters.letter(database, shown["id"])
    assert letter is not None and letter.event == event and letter.stage == "map"


async def test_a_letter_that_comes_twice_is_kept_once(database: Database) -> None:
    event = dead()
    await dead_letters.keep(database, "map", [event, event], [b"junk", b"junk"])
    await dead_letters.keep(database, "map", [event], [b"junk"])
    assert await dead_letters.count(database) == 2
    await keep(database, event.evolve(replay=1))
    assert await dead_letters.count(database) == 3


async def test_a_frame_that_cannot_be_read_is_kept_as_it_is(database: Database) -> None:
    body = b"\x00\xff not JSON"
    await dead_letters.keep(database, "map", [], [body])
    [row] = await dead_letters.page(database)
    shown = await dead_letters.show(database, row["id"])
    assert shown is not None
    assert (shown["kind"], shown["unreadable"], shown["event"]) == ("unreadable", body, None)
    assert await dead_letters.letter(database, row["id"]) is None
    assert [letters async for letters in dead_letters.matching(database)] == []


async def test_an_event_that_did_not_fail_is_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="no failure"):
        await dead_letters.keep(database, "map", [mapped()], [])


async def test_letters_are_found_by_stage_connector_error_and_time(database: Database) -> None:
    await keep(
        database,
        dead("map", minute=1),
        dead("upsert", minute=2, rule=None, error="KeyError: 'x'"),
        dead("map", minute=3, connector=9),
        dead("map", minute=4, account=7),
    )

    async def minutes(**wanted: Any) -> list[int]:
        rows = await dead_letters.page(database, Filter(**{"account": ACCOUNT, **wanted}))
        return [(row["died_at"] - NOON).seconds // 60 for row in rows]

    assert await minutes() == [3, 2, 1]
    assert await minutes(account=7) == [4]
    assert await minutes(stage="map") == [3, 1]
    assert await minutes(connector=9) == [3]
    assert await minutes(error="keyerror") == [2]
    assert await minutes(error="A NUMBER") == [3, 1]
    assert await minutes(error="100%_") == []
    assert await minutes(since=NOON + timedelta(minutes=2), until=NOON + timedelta(minutes=3)) == [2]


async def test_pages_neither_repeat_nor_lose_a_letter(database: Database) -> None:
    await dead_letters.keep(database, "map", [dead() for _ in range(7)], [])
    seen: list[int] = []
    while rows := await dead_letters.page(database, after=seen[-1] if seen else None, limit=3):
        seen += [row["id"] for row in rows]
    assert seen == sorted(seen, reverse=True) and len(set(seen)) == 7


async def test_groups_say_how_many_died_of_what(database: Database) -> None:
    await keep(database, dead(minute=1), dead(minute=2), dead("upsert", rule=None, error="KeyError: 'x'"))
    groups = await dead_letters.groups(database)
    assert [(g["stage"], g["cause"], g["letters"]) for g in groups] == [
        ("map", "a number", 2),
        ("upsert", "KeyError", 1),
    ]
    assert groups[0]["oldest"] < groups[0]["newest"]
    assert await dead_letters.by_stage(database) == {"map": 2, "upsert": 1}


async def test_matching_letters_come_in_pages_without_those_that_come_meanwhile(database: Database) -> None:
    await dead_letters.keep(database, "map", [dead() for _ in range(5)], [b"junk"])
    ids: list[int] = []
    async for letters in dead_letters.matching(database, size=2):
        ids += [letter.id for letter in letters]
        await dead_letters.keep(database, "map", [dead()], [])
        await dead_letters.mark(database, [letter.id for letter in letters], "replayed")
    assert ids == sorted(ids) and len(ids) == 5


async def test_a_letter_is_replayed_or_discarded_once(database: Database) -> None:
    await keep(database, dead(), dead())
    one, two = [row["id"] for row in await dead_letters.page(database)]
    assert await dead_letters.mark(database, [one, one], "replayed") == 1
    assert await dead_letters.mark(database, [one, two], "discarded") == 2
    assert await dead_letters.mark(database, [one, two], "discarded") == 0
    assert await dead_letters.count(database) == 0
    assert await dead_letters.count(database, Filter(status="discarded")) == 2
    assert await dead_letters.count(database, Filter(status=None)) == 2


def test_a_revived_event_goes_through_as_a_replay() -> None:
    event = dead(result={"outcome": "dropped", "reason": "x"})
    revived = dead_letters.revived(event)
    assert (revived.failure, revived.replay, revived.trail, revived.result) == (None, 1, (), None)
    assert (revived.id, revived.raw, revived.data) == (event.id, event.raw, event.data)


async def test_an_account_sees_no_other_letters(database: Database) -> None:
    await keep(database, dead(account=7))
    [row] = await dead_letters.page(database, Filter(account=7))
    assert await dead_letters.show(database, row["id"], ACCOUNT) is None
    assert await dead_letters.letter(database, row["id"], ACCOUNT) is None
    assert await dead_letters.show(database, row["id"], 7) is not None
