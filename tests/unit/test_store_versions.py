"""What a later version settles: letters of earlier ones, whichever is stored first, and no others."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from pipeline.engine.outcome import Forward
from pipeline.ingress.identity import event_id
from pipeline.store import dead_letters
from pipeline.store.database import Database
from pipeline.store.dead_letters import Filter
from pipeline.store.ids import new_id
from schemas.event import Event, Failure, FailureKind
from stages.log import log
from stages.upsert import upsert
from tests.support.events import ACCOUNT, CONNECTOR, NOON, at, mapped, run

PHONE = "+919611795983"


def version(number: int, key: str = "k") -> Event:
    """The version of a thing that arrives at this minute."""
    id = event_id(ACCOUNT, CONNECTOR, key, {"n": number})
    return mapped({"phone": PHONE, "name": f"N{number}"}, id=id, minute=number, received_at=at(number))


def died(event: Event, kind: FailureKind = "rejected", stage: str = "map", **changes: Any) -> Event:
    """The event as a stage gives it up."""
    error = "KeyError: 'x'" if kind == "poison" else None
    return event.evolve(failure=Failure(stage, kind, "no", 1, NOON, error=error), **changes)


async def keep(database: Database, event: Event) -> None:
    """As the drain and `log` are told of a dead letter."""
    assert event.failure is not None
    await dead_letters.keep(database, event.failure.stage, [event], [])
    await run(log, database, event)


async def reach(database: Database, event: Event) -> None:
    """Through upsert and log."""
    [outcome] = await run(upsert, database, event)
    assert isinstance(outcome, Forward)
    await run(log, database, outcome.event)


async def statuses(database: Database) -> list[str]:
    """Of all letters, in order of their events' arrival."""
    rows = await dead_letters.page(database, Filter(status=None))
    letters = [await dead_letters.letter(database, row["id"]) for row in rows]
    told = [(letter.event.received_at, row["status"]) for row, letter in zip(rows, letters, strict=True) if letter]
    return [status for _, status in sorted(told)]


@pytest.mark.parametrize("kind", ["rejected", "poison", "conflict"])
async def test_a_later_version_that_reaches_the_records_settles_what_earlier_ones_died_of(
    database: Database, kind: FailureKind
) -> None:
    await keep(database, died(version(1), kind))
    await keep(database, died(version(2), kind))
    assert await statuses(database) == ["dead", "dead"]
    await reach(database, version(3))
    assert await statuses(database) == ["superseded", "superseded"]


async def test_it_does_so_when_the_earlier_one_is_stored_last(database: Database) -> None:
    await reach(database, version(2))
    await keep(database, died(version(1)))
    assert await statuses(database) == ["superseded"]


@pytest.mark.parametrize("order", list(permutations((1, 2, 3))))
async def test_three_versions_of_which_the_second_reaches_the_records_in_any_order(
    database: Database, order: tuple[int, ...]
) -> None:
    for number in order:
        await (reach(database, version(2)) if number == 2 else keep(database, died(version(number))))
    assert await statuses(database) == ["superseded", "dead"]


async def test_a_version_that_does_not_reach_the_records_settles_nothing(database: Database) -> None:
    await keep(database, died(version(1)))
    await keep(database, died(version(2)))
    dropped = version(3).evolve(result={"outcome": "dropped", "reason": "x"})
    await run(log, database, dropped)
    assert await statuses(database) == ["dead", "dead"]


async def test_other_things_and_events_without_an_id_are_left_alone(database: Database) -> None:
    await keep(database, died(version(1)))
    await keep(database, died(version(2).evolve(id=new_id())))
    await reach(database, version(3, "another thing"))
    await reach(database, version(4).evolve(id=new_id()))
    assert await statuses(database) == ["dead", "dead"]


async def test_the_same_version_again_that_reaches_the_records_settles_what_it_died_of(database: Database) -> None:
    await keep(database, died(version(1)))
    await reach(database, version(1).evolve(received_at=at(1) + timedelta(hours=1)))
    assert await statuses(database) == ["superseded"]


async def test_an_old_version_sent_again_settles_no_later_one(database: Database) -> None:
    await reach(database, version(1))
    await keep(database, died(version(2)))
    await reach(database, version(1).evolve(received_at=at(3)))
    assert await statuses(database) == ["dead"]


async def test_what_died_after_it_had_reached_the_records_is_left_alone(database: Database) -> None:
    """It died of what comes behind them, such as a stage of somebody's own; no version of the records settles that."""
    [outcome] = await run(upsert, database, version(1))
    assert isinstance(outcome, Forward)
    await run(log, database, outcome.event)
    await keep(database, died(outcome.event, "poison", "notify"))
    await reach(database, version(2))
    assert await statuses(database) == ["dead"]


@pytest.mark.parametrize("status", ["replayed", "discarded"])
async def test_what_a_person_has_settled_stays_as_it_is(database: Database, status: dead_letters.Status) -> None:
    await keep(database, died(version(1)))
    [row] = await dead_letters.page(database)
    await dead_letters.mark(database, [row["id"]], status)
    await reach(database, version(2))
    assert await statuses(database) == [status]


async def test_a_conflict_that_a_person_has_decided_is_left_to_its_way(database: Database) -> None:
    await keep(database, died(version(1), "conflict"))
    await database.execute("UPDATE dead_letter SET decision = '{}'")
    await reach(database, version(2))
    assert await statuses(database) == ["dead"]


async def test_a_replay_that_dies_again_when_a_later_version_is_there_is_settled_at_once(database: Database) -> None:
    await reach(database, version(2))
    await keep(database, died(version(1), replay=1))
    assert await statuses(database) == ["superseded"]


async def test_hearing_of_it_again_changes_nothing(database: Database) -> None:
    await keep(database, died(version(1)))
    for _ in range(2):
        await reach(database, version(2))
        await keep(database, died(version(1)))
    assert await statuses(database) == ["superseded"]


async def test_a_letter_whose_event_holds_what_postgresql_cannot_read_is_settled_too(database: Database) -> None:
    event = died(version(1), raw='{"a": "\\u0000"}')
    await keep(database, event.evolve(data={**event.data, "source": {"a": "\x00"}}))
    await reach(database, version(2))
    assert await statuses(database) == ["superseded"]


async def test_a_version_whose_row_has_the_day_of_an_earlier_arrival_is_found(database: Database) -> None:
    """It died on one day and reached the records on another: its row stays on the first."""
    await keep(database, died(version(2).evolve(received_at=at(2) - timedelta(days=1))))
    await reach(database, version(2))
    await keep(database, died(version(1).evolve(received_at=at(1) - timedelta(days=1))))
    assert await statuses(database) == ["superseded", "superseded"]
