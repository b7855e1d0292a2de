"""Refused requests in the store: kept once, the newest of each connector, found, and marked when they are sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pipeline.store import refused
from pipeline.store.database import Database
from pipeline.store.ids import new_id
from pipeline.store.refused import Filter, Row
from tests.support.events import ACCOUNT, NOON
from tests.support.turned_away import row


def at(minute: int, **changes: Any) -> Row:
    """One of connector 7, so long after noon."""
    return row(at=NOON + timedelta(minutes=minute), **changes)


async def minutes(database: Database, **wanted: Any) -> list[int]:
    """When those that match came, the newest first."""
    return [(each["refused_at"] - NOON).seconds // 60 for each in await refused.page(database, Filter(**wanted))]


async def test_a_request_is_kept_as_it_is_told(database: Database) -> None:
    body = b"\x00\xff not UTF-8"
    told = row(body, key_header="svix-id", key="k\udcff", query="a=\x001", signed_key="msg-1", content_type=None)
    await refused.keep(database, [told])
    [listed] = await refused.page(database)
    assert "body" not in listed
    shown = await refused.show(database, listed["id"], ACCOUNT)
    assert shown is not None
    assert (shown["body"], shown["size"], shown["where"], shown["refused_at"]) == (body, 12, {"line": 2}, NOON)
    assert (shown["status"], shown["title"], shown["detail"]) == (400, "Malformed JSON", "unexpected end")
    assert (shown["key_header"], shown["key"], shown["query"], shown["signed_key"]) == ("svix-id", "k", "a=1", "msg-1")
    assert (shown["sent_at"], shown["sent_by"], shown["events"]) == (None, None, [])


async def test_what_is_written_twice_is_there_once(database: Database) -> None:
    one, two = at(1), at(2)
    await refused.keep(database, [one])
    await refused.keep(database, [one, two])
    await refused.keep(database, [])
    assert await minutes(database) == [2, 1]


async def test_of_each_connector_the_newest_are_kept(database: Database) -> None:
    await refused.keep(database, [at(minute) for minute in range(5)], most=3)
    await refused.keep(database, [at(minute, connector=8) for minute in range(2)], most=3)
    await refused.keep(database, [at(5)], most=3)
    assert await minutes(database, connector=7) == [5, 4, 3]
    assert await minutes(database, connector=8) == [1, 0]


async def test_those_that_proved_nothing_push_nobody_else_out(database: Database) -> None:
    await refused.keep(database, [at(0), at(1)], most=2)
    await refused.keep(database, [at(minute, proven=False) for minute in range(2, 9)], most=2)
    assert await minutes(database, proven=True) == [1, 0]
    assert await minutes(database, proven=False) == [8, 7]


async def test_large_bodies_are_fewer(database: Database) -> None:
    rows = [at(minute, body=b"x" * 40) for minute in range(4)]
    await refused.keep(database, [*rows, at(4, body=None)], size=100)
    assert await minutes(database) == [4, 3, 2]
    await refused.keep(database, [at(5, body=b"x" * 101)], size=100)
    assert await minutes(database) == []  # it alone is more than there is room for


async def test_they_are_found_by_connector_status_time_and_whether_they_were_sent(database: Database) -> None:
    await refused.keep(
        database,
        [at(1), at(2, status=401, proven=False), at(3, connector=9), at(4, account=7), at(5, status=415)],
    )
    ids = {(each["refused_at"] - NOON).seconds // 60: each["id"] for each in await refused.page(database)}
    await refused.mark(database, {ids[1]: [new_id()], ids[5]: []}, "sam@example.com")
    assert await minutes(database, account=ACCOUNT) == [5, 3, 2, 1]
    assert await minutes(database, connectors=[9, 10]) == [3]
    assert await minutes(database, connectors=[]) == []
    assert await minutes(database, status=401) == [2]
    assert await minutes(database, account=ACCOUNT, sent=True) == [5, 1]
    assert await minutes(database, account=ACCOUNT, sent=False) == [3, 2]
    assert await minutes(database, ids=[ids[2], ids[4]]) == [4, 2]
    assert await minutes(database, since=NOON + timedelta(minutes=2), until=NOON + timedelta(minutes=4)) == [3, 2]
    assert await refused.count(database, Filter(account=ACCOUNT)) == 4
    assert await refused.show(database, ids[4], ACCOUNT) is None


async def test_pages_neither_repeat_nor_lose_one(database: Database) -> None:
    await refused.keep(database, [at(minute) for minute in range(7)])
    seen: list[int] = []
    while rows := await refused.page(database, after=seen[-1] if seen else None, limit=3):
        seen += [each["id"] for each in rows]
    assert seen == sorted(seen, reverse=True) and len(set(seen)) == 7


async def test_matching_ones_come_with_bodies_without_those_that_come_meanwhile(database: Database) -> None:
    await refused.keep(database, [at(minute) for minute in range(5)])
    ids: list[int] = []
    async for rows in refused.matching(database, Filter(sent=False), size=2):
        assert all(each["body"] == b'{"a": 1' for each in rows)
        ids += [each["id"] for each in rows]
        await refused.keep(database, [row()])
        await refused.mark(database, {each["id"]: [new_id()] for each in rows}, "sam")
    assert ids == sorted(ids) and len(ids) == 5


async def test_who_sent_it_and_as_which_events_is_kept(database: Database) -> None:
    await refused.keep(database, [row(), row()])
    two, one = [each["id"] for each in await refused.page(database)]
    events = [new_id(), new_id()]
    await refused.mark(database, {one: events, two: []}, "sam@example.com")
    shown = await refused.show(database, one, ACCOUNT)
    assert shown is not None and shown["sent_at"] is not None
    assert (shown["sent_by"], shown["events"]) == ("sam@example.com", events)
    shown = await refused.show(database, two, ACCOUNT)
    assert shown is not None and (shown["sent_by"], shown["events"]) == ("sam@example.com", [])
