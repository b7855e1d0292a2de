"""Merging leads and taking them apart: what moves, what stays, and what events do meanwhile."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from pipeline.engine.outcome import Forward, Transient
from pipeline.store import accounts, history, leads, merging
from pipeline.store.database import Database
from pipeline.store.ids import new_id
from pipeline.store.merging import MergeRefused
from schemas.event import Event
from stages.upsert import upsert
from tests.support.events import ACCOUNT, mapped, result_of, results, run

PHONE, EMAIL = "+919611795983", "asha@example.com"
SAM = "sam@example.com"


async def stored(database: Database, lead: str) -> dict[str, Any]:
    shown = await leads.show(database, ACCOUNT, lead)
    assert shown is not None
    return shown


async def two(database: Database) -> tuple[str, str]:
    """Two leads: the first knows the name and an older city, the second a newer city; each had a call."""
    one = mapped({"phone": PHONE, "name": "Asha", "city": "Pune"}, call={"call_id": "c1"})
    other = mapped({"email": EMAIL, "city": "Goa", "job_title": "Owner"}, call={"call_id": "c2"}, minute=1)
    [first, second] = await results(upsert, database, one, other)
    return first["lead"], second["lead"]


async def test_a_merge_moves_keys_calls_activities_and_the_newest_values(database: Database) -> None:
    winner, loser = await two(database)
    done = await merging.merge(database, ACCOUNT, winner, loser, SAM)
    assert (done.keys, done.calls, done.activities) == ([["email", EMAIL]], 1, 1)
    assert done.fields == ["city", "email", "job_title"]
    lead = await stored(database, winner)
    assert lead["fields"] == {"phone": PHONE, "email": EMAIL, "name": "Asha", "city": "Goa", "job_title": "Owner"}
    assert lead["keys"] == [("email", EMAIL), ("phone", PHONE)]
    assert {row["call"]["call_id"] for row in lead["activities"]} == {"c1", "c2"}
    assert await stored(database, loser) == {**lead, "redirected_from": loser}
    assert [row["id"] for row in await leads.find(database, ACCOUNT, "Goa")] == [winner]
    assert [row["id"] for row in await leads.find(database, ACCOUNT, loser)] == [winner]
    assert await leads.count(database, ACCOUNT) == 1
    [change] = await history.of_lead(database, ACCOUNT, winner)
    assert (change["field"], change["value"]) == ("city", "Pune")

    [later] = await results(upsert, database, mapped({"email": EMAIL, "city": "Delhi"}, minute=2))
    assert (later["lead"], later["by"], later["outcome"]) == (winner, "email", "updated")
    [call] = await results(upsert, database, mapped({"email": EMAIL}, call={"call_id": "c2", "notes": "n"}, minute=3))
    assert call["changed"] == ["call.notes"]


async def test_taking_apart_restores_what_moved_and_leaves_what_came_later(database: Database) -> None:
    winner, loser = await two(database)
    before = {lead: await stored(database, lead) for lead in (winner, loser)}
    await merging.merge(database, ACCOUNT, winner, loser, SAM)
    extra = "+14155550100"
    new = mapped({"email": EMAIL, "job_title": "Director"}, also=[["phone", extra]], minute=5, call={"call_id": "c3"})
    await results(upsert, database, new)
    done = await merging.unmerge(database, ACCOUNT, loser, SAM)
    assert (done.fields, done.calls, done.activities) == (["city", "email"], 1, 1)

    kept, apart = await stored(database, winner), await stored(database, loser)
    assert kept["fields"] == {"phone": PHONE, "name": "Asha", "city": "Pune", "job_title": "Director"}
    assert kept["keys"] == [("phone", extra), ("phone", PHONE)]
    assert {row["call"]["call_id"] for row in kept["activities"]} == {"c1", "c3"}
    for name in ("fields", "keys", "provenance", "activities", "redirected_from"):
        assert apart[name] == before[loser][name], name
    [now] = await results(upsert, database, mapped({"email": EMAIL, "city": "Kochi"}, minute=9))
    assert now["lead"] == loser
    [merge] = await merging.of_lead(database, ACCOUNT, winner)
    assert (merge["winner"], merge["loser"], merge["merged_by"], merge["undone_by"]) == (winner, loser, SAM, SAM)


async def test_merges_are_undone_in_any_order(database: Database) -> None:
    for order in ((0, 1), (1, 0)):
        phones = [f"+14155{order[0]}5{number:04d}" for number in range(3)]
        batch = [mapped({"phone": phone, "city": f"of {phone}"}, minute=n) for n, phone in enumerate(phones)]
        winner, *others = [result["lead"] for result in await results(upsert, database, *batch)]
        for other in others:
            await merging.merge(database, ACCOUNT, winner, other, SAM)
        assert (await stored(database, winner))["fields"]["phone"] == phones[2]
        for index in order:
            await merging.unmerge(database, ACCOUNT, others[index], SAM)
        for lead, phone in zip((winner, *others), phones, strict=True):
            shown = await stored(database, lead)
            assert (shown["fields"], shown["keys"]) == ({"phone": phone, "city": f"of {phone}"}, [("phone", phone)])


async def test_how_a_value_was_sent_goes_and_comes_back_with_it(database: Database) -> None:
    written = {"phone": "+14155550001", "phone_as_sent": "(415) 555-0001"}
    plain = {"phone": "+14155550002"}
    winner, loser = [
        result["lead"]
        for lead, minute in ((written, 1), (plain, 2))
        for result in await results(upsert, database, mapped(lead, minute=minute))
    ]
    await merging.merge(database, ACCOUNT, winner, loser, SAM)
    assert (await stored(database, winner))["fields"] == plain
    await merging.unmerge(database, ACCOUNT, loser, SAM)
    assert (await stored(database, winner))["fields"] == written
    await merging.merge(database, ACCOUNT, winner, loser, SAM)
    newer = {"phone": "+14155550001", "phone_as_sent": "415 555 0001"}
    await results(upsert, database, mapped(newer, minute=3))
    await merging.unmerge(database, ACCOUNT, loser, SAM)
    assert (await stored(database, winner))["fields"] == newer


async def test_a_chain_of_merges_leads_to_its_end(database: Database) -> None:
    first, second = await two(database)
    [third] = [r["lead"] for r in await results(upsert, database, mapped({"phone": "+14155550100"}, minute=7))]
    await merging.merge(database, ACCOUNT, second, first, SAM)
    await merging.merge(database, ACCOUNT, third, second, SAM)
    assert (await stored(database, first))["id"] == third
    [found] = await results(upsert, database, mapped({"phone": PHONE}, minute=8))
    assert found["lead"] == third
    with pytest.raises(MergeRefused, match=f"lead {second} itself was merged into {third} since"):
        await merging.unmerge(database, ACCOUNT, first, SAM)


async def test_what_cannot_be_merged_is_refused_and_changes_nothing(database: Database) -> None:
    winner, loser = await two(database)
    other = await accounts.create(database, "other")
    for account, one, two_, message in (
        (ACCOUNT, winner, winner, "is named twice; name two leads"),
        (ACCOUNT, winner, new_id(), "no lead"),
        (other, winner, loser, "no lead"),
    ):
        with pytest.raises(MergeRefused, match=message):
            await merging.merge(database, account, one, two_, SAM)
    with pytest.raises(MergeRefused, match="is not merged"):
        await merging.unmerge(database, ACCOUNT, loser, SAM)
    await merging.merge(database, ACCOUNT, winner, loser, SAM)
    with pytest.raises(MergeRefused, match=f"lead {loser} was merged into {winner} before; name that lead"):
        await merging.merge(database, ACCOUNT, loser, winner, SAM)
    with pytest.raises(MergeRefused, match="is not merged"):
        await merging.unmerge(database, other, loser, SAM)


async def test_a_merge_among_events_for_both_loses_nothing_and_doubles_nothing(
    database: Database, database_url: str
) -> None:
    people, updates = 12, 12
    pairs = []
    for index in range(people):
        one, other = mapped({"phone": f"+1415555{index:04d}"}), mapped({"email": f"p{index}@example.com"})
        pairs.append([result["lead"] for result in await results(upsert, database, one, other)])
    events: list[Event] = []
    for index in range(people):
        keys = ({"phone": f"+1415555{index:04d}"}, {"email": f"p{index}@example.com"})
        for update in range(updates):
            key = keys[update % 2]
            call = {"call_id": f"c{index}-{update // 4}", "notes": str(update)}
            events.append(mapped({**key, f"f{update}": update, "last": update}, minute=1 + update, call=call))
    deliveries = events + random.Random(3).sample(events, len(events) // 4)
    random.Random(4).shuffle(deliveries)
    pools = [await Database.open(database_url, size=1) for _ in range(3)]

    async def patiently(pool: Database, batch: list[Event]) -> None:
        while True:
            try:
                outcomes = await run(upsert, pool, *batch)
            except Transient:
                continue
            assert all(isinstance(outcome, Forward) for outcome in outcomes)
            assert all(result_of(outcome)["lead"] for outcome in outcomes)
            return

    async def work(pool: Database, batches: list[list[Event]]) -> None:
        for batch in batches:
            await patiently(pool, batch)

    async def merge_all(pool: Database) -> None:
        for winner, loser in pairs:
            await merging.merge(pool, ACCOUNT, winner, loser, SAM)
            if winner < loser:  # some are taken apart once more
                await merging.unmerge(pool, ACCOUNT, loser, SAM)
                await merging.merge(pool, ACCOUNT, winner, loser, SAM)

    batches = [deliveries[start : start + 10] for start in range(0, len(deliveries), 10)]
    try:
        await asyncio.gather(work(pools[0], batches[::2]), work(pools[1], batches[1::2]), merge_all(pools[2]))
    finally:
        for pool in pools:
            await pool.close()

    for index, (winner, _) in enumerate(pairs):
        lead = await stored(database, winner)
        said = {f"f{update}": update for update in range(updates)}
        who = {"phone": f"+1415555{index:04d}", "email": f"p{index}@example.com"}
        assert lead["fields"] == {**who, **said, "last": updates - 1}
        assert len(lead["keys"]) == 2
        assert sorted(row["call"]["notes"] for row in lead["activities"]) == ["11", "3", "7"]
    assert await database.fetchval("SELECT count(*) FROM applied_event") == people * (2 + updates)
    assert await database.fetchval("SELECT count(*) FROM call") == people * 3
    merged = "SELECT count(*) FROM {} JOIN lead ON lead.id = lead_id WHERE merged_into IS NOT NULL"
    for table in ("identity_key", "call", "activity"):
        assert await database.fetchval(merged.format(table)) == 0
