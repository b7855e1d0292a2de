"""What a request's key stands for: one content, in all processes; and one statement for many requests at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

import pytest
from prometheus_client import REGISTRY

from pipeline.ingress.refusal import Refusal
from pipeline.ingress.request_keys import RequestKeys
from pipeline.store import request_keys
from pipeline.store.database import Database, DatabaseUnavailable
from pipeline.store.request_keys import Claim, Slot
from pipeline.store.retention import Days, maintain
from tests.support.until import until

A, B = b"a", b"b"


def claim(key: str, content: bytes = A, connector: int = 7) -> Claim:
    return Claim.of(connector, key, content)


class Table:
    """The table of keys in memory; it can be away, hang, or break."""

    def __init__(self) -> None:
        self.rows: dict[Slot, bytes] = {}
        self.asked: list[int] = []
        self.trouble: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, claims: Sequence[Claim]) -> dict[Slot, bytes]:
        self.asked.append(len(claims))
        await self.gate.wait()
        if self.trouble:
            raise self.trouble
        return {each.slot: self.rows.setdefault(each.slot, each.content) for each in claims}


async def told(keys: RequestKeys, *claims: Claim) -> list[int]:
    """How each of these, all made at once, is answered: 202 or the status of its refusal."""

    async def one(claim: Claim) -> int:
        try:
            await keys.claim(claim)
        except Refusal as refusal:
            return refusal.status
        return 202

    return await asyncio.gather(*map(one, claims))


def unchecked() -> float:
    return REGISTRY.get_sample_value("leadpipe_ingress_unchecked_keys_total") or 0.0


async def test_a_key_stands_for_the_first_content_that_comes_under_it() -> None:
    table = Table()
    keys = RequestKeys(table)
    assert await told(keys, claim("k", A)) == [202]
    assert await told(keys, claim("k", B)) == [422]
    assert await told(keys, claim("k", A)) == [202], "what was refused under it changes nothing"
    assert await told(keys, claim("k", B)) == [422]
    assert await told(keys, claim("other", B), claim("k", B, connector=8)) == [202, 202]


async def test_the_refusal_says_what_happened_and_what_to_do() -> None:
    keys = RequestKeys(Table())
    await keys.claim(claim("k", A))
    with pytest.raises(Refusal) as caught:
        await keys.claim(claim("k", B))
    assert (caught.value.status, caught.value.title, caught.value.again) == (422, "Idempotency key reused", False)
    assert "used before with another body" in caught.value.detail and "a new key" in caught.value.detail


async def test_claims_of_one_turn_share_a_statement_and_repetitions_need_none() -> None:
    table = Table()
    keys = RequestKeys(table)
    assert await told(keys, *(claim(str(n)) for n in range(50))) == [202] * 50
    assert table.asked == [50]
    assert await told(keys, *(claim(str(n)) for n in range(50)), claim("0", B)) == [202] * 50 + [422]
    assert table.asked == [50]


async def test_claims_that_come_while_a_statement_is_under_way_share_the_next_one() -> None:
    table = Table()
    keys = RequestKeys(table)
    table.gate.clear()
    first = asyncio.create_task(told(keys, claim("1")))
    await until(lambda: table.asked == [1])
    others = asyncio.create_task(told(keys, claim("2"), claim("3")))
    await asyncio.sleep(0)
    table.gate.set()
    assert [await first, await others] == [[202], [202, 202]]
    assert table.asked == [1, 2]


async def test_of_two_contents_at_once_one_is_accepted() -> None:
    assert sorted(await told(RequestKeys(Table()), claim("k", A), claim("k", B))) == [202, 422]


async def test_of_two_contents_at_once_the_one_that_another_process_has_claimed_is_accepted() -> None:
    table = Table()
    await RequestKeys(table).claim(claim("k", B))
    assert await told(RequestKeys(table), claim("k", A), claim("k", B)) == [422, 202]


@pytest.mark.parametrize("trouble", [DatabaseUnavailable("away"), KeyError("a bug")])
async def test_without_the_database_a_request_passes_unchecked_and_is_counted(trouble: Exception) -> None:
    table = Table()
    table.trouble = trouble
    keys, before = RequestKeys(table), unchecked()
    assert await told(keys, claim("k", A)) == [202]
    assert await told(keys, claim("k", B)) == [422], "what is known here holds"
    assert await told(keys, claim("k", A), claim("l", A)) == [202, 202]
    assert unchecked() - before == 3
    assert table.asked == [1], "a database that does not answer is left alone for a while"


async def test_a_database_that_hangs_keeps_nobody_waiting_for_long() -> None:
    table = Table()
    table.gate.clear()
    keys = RequestKeys(table, patience=0.01)
    assert await told(keys, claim("k", A), claim("l", A)) == [202, 202]
    assert await told(keys, claim("m", A)) == [202]
    assert table.asked == [2]


async def test_what_was_accepted_unchecked_is_claimed_when_it_comes_again_and_goes_on_to_be_accepted() -> None:
    table = Table()
    table.trouble = DatabaseUnavailable("away")
    keys = RequestKeys(table)
    await told(keys, claim("k", A), claim("l", A))
    table.trouble, keys.away_until = None, 0.0
    table.rows[claim("l").slot] = claim("l", B).content  # meanwhile another process took something else under it
    assert await told(keys, claim("k", A), claim("l", A)) == [202, 202]
    assert table.rows[claim("k").slot] == claim("k", A).content
    asked = list(table.asked)
    assert await told(keys, claim("k", A), claim("l", A), claim("l", B)) == [202, 202, 422]
    assert table.asked == asked


async def test_what_is_remembered_is_bounded_and_the_rest_is_asked_for() -> None:
    table = Table()
    keys = RequestKeys(table, most=2)
    for key in ("1", "2", "1", "3"):
        await keys.claim(claim(key))
    assert len(table.asked) == 3
    assert await told(keys, claim("1")) == [202] and len(table.asked) == 3, "the one that was used lately is known"
    assert await told(keys, claim("2", B)) == [422] and len(table.asked) == 4, "the other one is asked for"


async def test_without_a_table_a_process_knows_its_own() -> None:
    keys, before = RequestKeys(), unchecked()
    assert [await told(keys, claim("k", A)), await told(keys, claim("k", B))] == [[202], [422]]
    assert unchecked() == before


async def test_who_waits_when_it_stops_passes() -> None:
    table = Table()
    table.gate.clear()
    keys = RequestKeys(table, patience=60)
    waiting = asyncio.create_task(told(keys, claim("k")))
    await until(lambda: table.asked == [1])
    await keys.stop()
    assert await waiting == [202]


async def test_bytes_that_are_no_text_tell_keys_apart() -> None:
    assert claim("\udcff") != claim("\udcfe")


async def test_two_processes_that_claim_at_once_agree(database: Database) -> None:
    ask = partial(request_keys.claim, database)
    one, other = RequestKeys(ask, patience=60), RequestKeys(ask, patience=60)
    names = [str(number) for number in range(300)]
    mine, theirs = await asyncio.gather(
        told(one, *(claim(name, A) for name in names)), told(other, *(claim(name, B) for name in reversed(names)))
    )
    assert all(sorted(pair) == [202, 422] for pair in zip(mine, reversed(theirs), strict=True))


async def test_the_table_tells_what_keys_stand_for(database: Database) -> None:
    first = await request_keys.claim(database, [claim("k", A), claim("k", B), claim("l", B)])
    assert first == {claim("k").slot: claim("k", A).content, claim("l").slot: claim("l", B).content}
    again = await request_keys.claim(database, [claim("k", B), claim("m", A)])
    assert again == {claim("k").slot: claim("k", A).content, claim("m").slot: claim("m", A).content}


@pytest.mark.usefixtures("same_day")
async def test_keys_are_kept_as_long_as_events_are_known_to_be_applied(database: Database) -> None:
    await request_keys.claim(database, [claim("k", A)])
    await database.execute("UPDATE request_key SET claimed_at = now() - interval '364 days'")
    await maintain(database, Days(journal=60, applied=365, history=200, ended=90))
    assert (await request_keys.claim(database, [claim("k", B)]))[claim("k").slot] == claim("k", A).content
    await database.execute("UPDATE request_key SET claimed_at = now() - interval '367 days'")
    await maintain(database, Days(journal=60, applied=365, history=200, ended=90))
    assert (await request_keys.claim(database, [claim("k", B)]))[claim("k").slot] == claim("k", B).content
