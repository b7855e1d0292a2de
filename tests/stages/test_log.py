"""log: one journal row for each accepted event, whatever becomes of it and however often it is heard of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pipeline.engine.outcome import Forward
from pipeline.store import dead_letters, journal
from pipeline.store.database import Database
from schemas.event import Event, Failure, Step
from stages.log import log
from stages.upsert import upsert
from tests.support.events import ACCOUNT, CONNECTOR, NOON, mapped, result_of, run

PHONE = "+919611795983"


async def applied(database: Database, event: Event, **changes: Any) -> Event:
    """The event as upsert hands it on."""
    [outcome] = await run(upsert, database, event)
    assert isinstance(outcome, Forward)
    return outcome.event.evolve(**changes)


def failed(event: Event, *, attempts: int = 1, reason: str = "no", **changes: Any) -> Event:
    """The event as it comes from a stage that gave it up."""
    failure = Failure("map", "rejected", reason, attempts, NOON, field="lead.score", value="x", rule="a number")
    trail = (Step("normalize", 1, 0.5, 1.0), Step("map", attempts, 2.0, 3.0))
    return event.evolve(failure=failure, trail=trail, **changes)


async def row(database: Database, event: Event) -> dict[str, Any]:
    assert await database.fetchval("SELECT count(*) FROM journal WHERE event_id = $1", event.id) == 1
    found = await journal.show(database, ACCOUNT, event.id)
    assert found is not None
    return found


async def test_a_row_tells_the_whole_way_of_an_event(database: Database) -> None:
    trail = (Step("normalize", 1, 0.5, 1.0), Step("upsert", 3, 4.0, 2.5))
    event = await applied(database, mapped({"phone": PHONE}), trail=trail, notes=("phone: odd",), revision=7)
    decision = {"conflict": 1, "how": "use", "lead": result_of(Forward(event))["lead"], "by": "sam", "at": "now"}
    data = {**event.data, "sync": {"lead": "update", "activity": "off"}, "decision": decision}
    await run(log, database, event.evolve(data=data))
    shown = await row(database, event)
    assert shown["finished_at"] > NOON
    assert {name: shown[name] for name in shown if name != "finished_at"} == {
        "day": NOON.date(),
        "event_id": event.id,
        "account_id": ACCOUNT,
        "connector_id": CONNECTOR,
        "kind": "lead",
        "received_at": NOON,
        "occurred_at": NOON,
        "outcome": "created",
        "reason": None,
        "failed_stage": None,
        "failure": None,
        "lead_id": result_of(Forward(event))["lead"],
        "call_id": None,
        "activity_id": None,
        "matched_by": None,
        "changed": ["phone"],
        "attempts": 3,
        "revision": 7,
        "replay": 0,
        "notes": ["phone: odd"],
        "stages": [
            {"stage": "normalize", "attempt": 1, "waited_ms": 0.5, "spent_ms": 1.0},
            {"stage": "upsert", "attempt": 3, "waited_ms": 4.0, "spent_ms": 2.5},
        ],
        "request": '{"a": 1}',
        "lead_sync": "update",
        "activity_sync": "off",
        "decision": decision,
    }


async def test_events_go_on_without_their_request(database: Database) -> None:
    good, bad = await applied(database, mapped({"phone": PHONE})), failed(mapped())
    assert await run(log, database, good, bad) == [Forward(good.evolve(raw="")), Forward(bad.evolve(raw=""))]


async def test_a_failure_is_told_with_field_value_and_rule(database: Database) -> None:
    event = failed(mapped(), attempts=4)
    await run(log, database, event)
    shown = await row(database, event)
    assert (shown["outcome"], shown["reason"], shown["failed_stage"], shown["attempts"]) == ("failed", "no", "map", 4)
    assert {name: shown["failure"][name] for name in ("field", "value", "rule", "kind", "stage")} == {
        "field": "lead.score",
        "value": "x",
        "rule": "a number",
        "kind": "rejected",
        "stage": "map",
    }


async def test_a_dropped_event_has_its_row_and_its_reason(database: Database) -> None:
    event = mapped(result={"outcome": "dropped", "reason": "a test event"})
    await run(log, database, event)
    shown = await row(database, event)
    assert (shown["outcome"], shown["reason"]) == ("dropped", "a test event")


async def test_hearing_of_an_ending_twice_changes_nothing(database: Database) -> None:
    for event in (await applied(database, mapped({"phone": PHONE})), failed(mapped(), attempts=3)):
        await run(log, database, event, event)
        first = await row(database, event)
        await run(log, database, event)
        assert await row(database, event) == first


async def test_a_successful_replay_overwrites_the_failure_and_adds_up_the_attempts(database: Database) -> None:
    died = failed(mapped({"phone": PHONE}), attempts=6)
    await run(log, database, died)
    replayed = await applied(database, dead_letters.revived(died), trail=(Step("map", 2, 0.0, 0.0),))
    await run(log, database, replayed)
    await run(log, database, replayed)
    shown = await row(database, died)
    assert (shown["outcome"], shown["failure"], shown["reason"]) == ("created", None, None)
    assert (shown["attempts"], shown["replay"]) == (8, 1)
    assert [step["stage"] for step in shown["stages"]] == ["normalize", "map", "map"]


async def test_a_replay_adds_to_the_trail_that_an_earlier_version_wrote(database: Database) -> None:
    died, before = failed(mapped({"phone": PHONE})), {"stage": "map", "attempt": 1, "waited_ms": 0.5, "spent_ms": 2.0}
    await run(log, database, died)
    await database.execute("UPDATE journal SET trail = NULL, stages = $1", [before])
    replayed = await applied(database, dead_letters.revived(died), trail=(Step("map", 2, 0.0, 1.0),))
    await run(log, database, replayed)
    shown = await row(database, died)
    assert shown["stages"] == [before, {"stage": "map", "attempt": 2, "waited_ms": 0.0, "spent_ms": 1.0}]
    assert "trail" not in shown


async def test_a_replay_that_fails_is_the_newer_failure(database: Database) -> None:
    died = failed(mapped({"phone": PHONE}))
    await run(log, database, died)
    await run(log, database, failed(dead_letters.revived(died), reason="still no"))
    await run(log, database, died)
    shown = await row(database, died)
    assert (shown["reason"], shown["replay"], shown["attempts"]) == ("still no", 1, 2)


async def test_a_stale_failure_never_overwrites_a_success(database: Database) -> None:
    event = mapped({"phone": PHONE})
    await run(log, database, await applied(database, event))
    await run(log, database, failed(event), failed(event, replay=5))
    assert (await row(database, event))["outcome"] == "created"


async def test_failure_and_success_in_one_batch_end_as_success(database: Database) -> None:
    event = mapped({"phone": PHONE})
    success = await applied(database, event)
    await run(log, database, failed(event), success, failed(event))
    assert (await row(database, event))["outcome"] == "created"


async def test_what_comes_again_on_another_day_keeps_its_row(database: Database) -> None:
    first = mapped({"phone": PHONE})
    later = first.evolve(received_at=NOON + timedelta(days=3))
    await run(log, database, failed(first))
    await run(log, database, failed(later))
    assert (await row(database, first))["day"] == NOON.date()
    success = await applied(database, later)
    await run(log, database, success)
    shown = await row(database, first)
    assert (shown["outcome"], shown["day"], shown["received_at"]) == ("created", NOON.date(), NOON)


async def test_a_failure_on_another_day_finds_the_row_of_the_success(database: Database) -> None:
    event = mapped({"phone": PHONE})
    await run(log, database, await applied(database, event))
    await run(log, database, failed(event.evolve(received_at=NOON + timedelta(days=2))))
    await run(log, database, failed(event.evolve(received_at=NOON + timedelta(days=4))))
    shown = await row(database, event)
    assert (shown["outcome"], shown["day"]) == ("created", NOON.date())


async def test_a_row_is_written_for_any_day(database: Database) -> None:
    for year in (1999, 2026, 9000):
        event = failed(mapped(received_at=NOON.replace(year=year)))
        await run(log, database, event)
        assert (await row(database, event))["day"].year == year


async def test_an_event_that_died_after_its_records_were_written_names_them(database: Database) -> None:
    event = failed(await applied(database, mapped({"phone": PHONE})))
    await run(log, database, event)
    shown = await row(database, event)
    assert shown["outcome"] == "failed" and shown["lead_id"] == result_of(Forward(event))["lead"]


async def test_text_that_postgresql_cannot_store_is_cleaned(database: Database) -> None:
    event = failed(mapped(), reason="nul\x00 \ud800", raw='{"a": "\x00"}', notes=("\x00n", "a,b", "{}"))
    await run(log, database, event)
    shown = await row(database, event)
    assert (shown["reason"], shown["request"], shown["notes"]) == ("nul ", '{"a": ""}', ["n", "a,b", "{}"])
