"""upsert by several processes at once: one lead per person, each effect once, each field at its newest value.

Effects are counted by triggers into a table that only grows, not read off the rows themselves, so that one which was
made twice cannot hide.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from pipeline.engine.outcome import Forward, Outcome, Transient
from pipeline.store.database import Database
from schemas.event import Event
from stages.upsert import upsert
from tests.support.events import mapped, result_of, run
from tests.support.until import PROCESSES, until

EFFECTS = """
CREATE TABLE effect (what text NOT NULL, id uuid NOT NULL);
CREATE FUNCTION note_applied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO effect VALUES (TG_TABLE_NAME, NEW.event_id); RETURN NULL; END $$;
CREATE TRIGGER effect AFTER INSERT OR UPDATE ON applied_event FOR EACH ROW EXECUTE FUNCTION note_applied();
CREATE FUNCTION note_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO effect VALUES (TG_TABLE_NAME, NEW.id); RETURN NULL; END $$;
CREATE TRIGGER effect AFTER INSERT ON lead FOR EACH ROW EXECUTE FUNCTION note_made();
CREATE TRIGGER effect AFTER INSERT ON call FOR EACH ROW EXECUTE FUNCTION note_made();
CREATE TRIGGER effect AFTER INSERT ON activity FOR EACH ROW EXECUTE FUNCTION note_made();
"""


@asynccontextmanager
async def processes(url: str, count: int) -> AsyncIterator[list[Database]]:
    """As many pools of their own, as so many processes have them."""
    pools = [await Database.open(url, size=1) for _ in range(count)]
    try:
        yield pools
    finally:
        for pool in pools:
            await pool.close()


async def patiently(database: Database, batch: Sequence[Event]) -> list[Outcome]:
    """As the runner does it: the world being busy is no failure of the batch."""

    async def decided() -> list[Outcome]:
        try:
            return await run(upsert, database, *batch)
        except Transient:
            return []

    return await until(decided, "an outcome", PROCESSES)


async def test_two_processes_that_meet_a_new_person_by_different_keys_make_one_lead(
    database: Database, database_url: str
) -> None:
    async with processes(database_url, 2) as (one, two):
        for index in range(24):
            phone, email = f"+1415555{index:04d}", f"p{index}@example.com"
            both = mapped({"phone": phone, "email": email})
            half = mapped({"phone": phone} if index % 2 else {"email": email})
            [[first], [second]] = await asyncio.gather(patiently(one, [both]), patiently(two, [half]))
            assert result_of(first)["lead"] == result_of(second)["lead"]
            assert [result_of(first)["outcome"], result_of(second)["outcome"]].count("created") == 1
    assert await database.fetchval("SELECT count(*) FROM lead") == 24


async def test_many_processes_that_meet_the_same_people_make_one_lead_each(
    database: Database, database_url: str
) -> None:
    async with processes(database_url, 4) as pools:
        people = [{"phone": f"+1415555{index:04d}", "email": f"p{index}@example.com"} for index in range(50)]
        batches = []
        for seed in range(8):
            batch = [mapped(person) for person in people]
            random.Random(seed).shuffle(batch)
            batches.append(batch)
        outcomes = await asyncio.gather(*(patiently(pools[i % 4], batch) for i, batch in enumerate(batches)))
    assert all(isinstance(outcome, Forward) for batch in outcomes for outcome in batch)
    assert await database.fetchval("SELECT count(*) FROM lead") == 50
    assert await database.fetchval("SELECT count(*) FROM identity_key") == 100
    created = [o for batch in outcomes for o in batch if result_of(o)["outcome"] == "created"]
    assert len(created) == 50


async def test_the_same_event_in_two_processes_takes_effect_once(database: Database, database_url: str) -> None:
    await database.execute(EFFECTS)
    async with processes(database_url, 3) as pools:
        for index in range(12):
            event = mapped({"phone": f"+1415555{index:04d}"}, call={"call_id": f"c{index}"})
            outcomes = await asyncio.gather(*(patiently(pool, [event]) for pool in pools))
            found = [result_of(batch[0]) for batch in outcomes]
            assert sorted(result.pop("duplicate") for result in found) == [False, True, True]
            for result in found:
                result.pop("then", None)  # what was in force when it was applied; told to those that come later
            assert found[0] == found[1] == found[2]
    assert await database.fetch("SELECT what, id, count(*) FROM effect GROUP BY 1, 2 HAVING count(*) > 1") == []
    assert await database.fetchval("SELECT count(*) FROM effect WHERE what = 'applied_event'") == 12


async def test_one_call_told_by_many_processes_is_one_call(database: Database, database_url: str) -> None:
    events = [
        mapped({"phone": f"+1415555{index % 5:04d}"}, call={"call_id": "shared", "notes": str(index)}, minute=index)
        for index in range(40)
    ]
    async with processes(database_url, 4) as pools:
        shuffled = random.Random(1).sample(events, len(events))
        await asyncio.gather(*(patiently(pools[i % 4], shuffled[i::8]) for i in range(8)))
    [call] = await database.fetch("SELECT fields, lead_id FROM call")
    first = await database.fetchval("SELECT lead_id FROM applied_event WHERE 'call.lead' = ANY (changed)")
    assert (call["fields"]["notes"], call["lead_id"]) == ("39", first)  # it stays with whom it was first attached to


async def test_shuffled_repeated_updates_end_with_the_newest_value_of_each_field(
    database: Database, database_url: str
) -> None:
    people, updates, seed = 100, 20, 7
    await database.execute(EFFECTS)
    dice = random.Random(seed)
    events = [
        mapped(
            {"phone": f"+1415555{person:04d}", f"field_{dice.randrange(4)}": f"at {update}", "last": update},
            minute=update,
        )
        for person in range(people)
        for update in range(updates)
    ]
    expected: dict[str, dict[str, object]] = {}
    for event in events:
        expected.setdefault(event.data["lead"]["phone"], {}).update(event.data["lead"])
    deliveries = events + dice.sample(events, len(events) // 4)
    dice.shuffle(deliveries)
    batches = [deliveries[start : start + 100] for start in range(0, len(deliveries), 100)]
    async with processes(database_url, 4) as pools:

        async def work(pool: Database) -> None:
            while batches:
                await patiently(pool, batches.pop())

        await asyncio.gather(*(work(pool) for pool in pools))
    leads = await database.fetch("SELECT fields FROM lead")
    assert {row["fields"]["phone"]: row["fields"] for row in leads} == expected
    assert await database.fetch("SELECT what, id, count(*) FROM effect GROUP BY 1, 2 HAVING count(*) > 1") == []
    counts = {row["what"]: row["n"] for row in await database.fetch("SELECT what, count(*) n FROM effect GROUP BY 1")}
    assert counts == {"applied_event": len(events), "lead": people}
