"""A call that sends events through again may wait, and tells how they ended; and a misspelt stage over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

from pipeline.api import ended
from tests.api.conftest import World
from tests.support.api import Answered
from tests.support.stock import arrived, saved, settings_of, through
from tests.support.until import until

GOOD = {"name": "default two", "phone": "+919822012346", "budget": 7}
NOTHING = {"created": 0, "updated": 0, "unchanged": 0, "dropped": 0, "failed": 0, "pending": 0, "unheard": 0}


async def waited(world: World, path: str, body: Any = None) -> Answered:
    """Call a path that waits, while what it sends is worked on."""
    call = asyncio.create_task(world.api.ask("POST", path, body))
    await until(lambda: _worked(world, call), "the events")
    return await call


async def _worked(world: World, call: asyncio.Task[Answered]) -> bool:
    return await arrived(world.api) > 0 or call.done()


async def test_an_edited_letter_is_told_to_have_made_a_lead(world: World) -> None:
    answer = await waited(world, f"/dead-letters/{world.ours.letter}/edit?wait=30", {"document": GOOD})
    assert answer.status == 200
    assert answer.json == {"letters": 1, **NOTHING, "created": 1, "failures": []}


async def test_a_replay_tells_what_failed_again_and_why_grouped(world: World) -> None:
    answer = await waited(world, "/dead-letters/replay?wait=30", {"kind": "rejected"})
    assert (answer.status, answer.json["letters"], answer.json["failed"]) == (200, 1, 1)
    [failure] = answer.json["failures"]
    assert (failure["events"], failure["stage"], failure["field"]) == (1, "map", "lead.budget")
    assert failure["example"] == world.ours.event and "number" in failure["cause"]


async def test_a_retry_and_a_decision_tell_how_the_event_ended(world: World) -> None:
    answer = await waited(world, f"/journal/{world.ours.event}/retry?wait=30")
    assert (answer.status, answer.json["letter"], answer.json["failed"]) == (200, world.ours.letter, 1)
    decided = await waited(world, f"/conflicts/{world.ours.conflict}/resolve?wait=30", {"use": world.ours.lead})
    assert (decided.status, decided.json["lead"], decided.json["failed"]) == (200, world.ours.lead, 0)
    assert decided.json["updated"] + decided.json["unchanged"] == 1


async def test_a_refused_request_that_is_sent_in_tells_how_its_events_ended(world: World) -> None:
    answer = await waited(world, f"/refused/{world.ours.refused}/send?wait=30")
    assert (answer.status, len(answer.json["events"]), answer.json["failures"][0]["field"]) == (200, 1, "phone")
    again = await waited(world, "/refused/send?wait=30", {"ids": [world.ours.refused]})
    assert (again.status, again.json["requests"], again.json["failed"]) == (200, 1, 1)


async def test_without_wait_nothing_is_told_of_the_outcome(world: World) -> None:
    answer = await world.api.ask("POST", f"/dead-letters/{world.ours.letter}/replay")
    assert (answer.status, answer.json) == (202, {"letters": 1})


async def test_what_has_not_ended_in_time_is_pending(world: World) -> None:
    answer = await world.api.ask("POST", f"/dead-letters/{world.ours.letter}/replay?wait=0.1")
    assert (answer.status, answer.json) == (202, {"letters": 1, **NOTHING, "pending": 1, "failures": []})
    for wrong in ("0", "-1", "61", "x", "nan", ""):
        answer = await world.api.ask("POST", f"/dead-letters/{world.ours.letter}/replay?wait={wrong}")
        assert (answer.status, answer.error["field"]) == (422, "wait"), wrong


async def test_a_letter_that_is_sent_again_after_it_failed_again_is_a_run_of_its_own(world: World) -> None:
    path = f"/dead-letters/{world.ours.letter}/replay?wait=30"
    assert [(await waited(world, path)).json["failed"] for _ in range(3)] == [1, 1, 1]
    row = await world.api.done("GET", f"/journal/{world.ours.event}")
    assert (row["replay"], [each["replay"] for each in row["failures"]]) == (3, [0, 1, 2, 3])


async def test_nothing_is_sent_while_too_many_wait(world: World) -> None:
    ended._waiting += ended.MOST
    try:
        answer = await world.api.ask("POST", f"/dead-letters/{world.ours.letter}/replay?wait=1")
    finally:
        ended._waiting -= ended.MOST
    assert answer.status == 429 and answer.headers["Retry-After"]
    assert (await world.api.done("GET", f"/dead-letters/{world.ours.letter}"))["status"] == "dead"


async def test_what_a_behaviour_leaves_out_is_told_as_dropped(world: World) -> None:
    connector = await saved(world.api, world.api.ours, "quiet", sync={"lead": "update"})
    [event] = await through(world.api, connector, [{"event_id": "q", "phone": "+919822012399", "budget": "x"}])
    fields = settings_of("quiet", sync={"lead": "update"}, map=[])
    await world.api.done("PUT", "/connectors/quiet", fields)
    answer = await waited(world, f"/journal/{event}/retry?wait=30")
    assert (answer.json["dropped"], answer.json["failed"]) == (1, 0)


async def test_a_misspelt_stage_is_named_with_the_nearest(world: World) -> None:
    for method, path, body in (
        ("GET", "/dead-letters?stage=upsrt", None),
        ("GET", "/dead-letters/groups?stage=upsrt", None),
        ("GET", "/stages?stage=upsrt", None),
        ("GET", "/stages?stage=map&stage=upsrt", None),
        ("POST", "/dead-letters/replay", {"stage": "upsrt"}),
        ("POST", "/dead-letters/replay", {"from_stage": "upsrt"}),
        ("POST", f"/dead-letters/{world.ours.letter}/replay?from_stage=upsrt", None),
    ):
        answer = await world.api.ask(method, path, body)
        assert answer.status == 422 and answer.error["field"] in ("stage", "from_stage"), (path, answer)
        assert "did you mean 'upsert'?" in answer.error["rule"]
    for query in ("stage=map&stage=upsert", "stage=map,upsert"):
        shown = await world.api.done("GET", f"/stages?{query}")
        assert [each["stage"] for each in shown["stages"]] == ["map", "upsert"]
