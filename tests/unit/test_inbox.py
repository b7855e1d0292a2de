"""The inbox: a batch is taken by size or after lingering, in whole frames; nothing is taken once it is closed."""

from __future__ import annotations

import asyncio

from pipeline.engine.frame import Bounds, pack
from pipeline.engine.inbox import Batch, Inbox
from pipeline.engine.topology import Exit, Work
from pipeline.engine.transport import Parcel
from tests.support.scripted import event

LONG = 60.0  # seconds; no test waits for it


def parcel(token: int, events: int = 1) -> Parcel:
    [message] = pack([Exit(Work("map"), event()) for _ in range(events)], 1.0, Bounds(events=events))
    return Parcel(message.body, token)


def filled(*parcels: Parcel) -> Inbox:
    inbox = Inbox()
    for one in parcels:
        inbox.put(one)
    return inbox


def tokens(batch: Batch | None) -> list[int]:
    assert batch is not None
    return [one.token for one in batch.parcels]


async def test_a_full_batch_does_not_linger() -> None:
    inbox = filled(parcel(1, 2), parcel(2, 2), parcel(3, 2))
    batch = await inbox.take(size=4, linger=LONG)
    assert batch is not None
    assert (tokens(batch), len(batch.deliveries)) == ([1, 2], 4)
    assert tokens(await inbox.take(size=2, linger=LONG)) == [3]


async def test_a_frame_is_never_divided() -> None:
    inbox = filled(parcel(1, 3), parcel(2, 3), parcel(3, 3))
    batch = await inbox.take(size=4, linger=LONG)
    assert batch is not None
    assert (tokens(batch), len(batch.deliveries)) == ([1, 2], 6)


async def test_what_arrives_while_it_lingers_is_taken_too() -> None:
    inbox = filled(parcel(1))
    taking = asyncio.create_task(inbox.take(size=3, linger=LONG))
    await asyncio.sleep(0)
    inbox.put(parcel(2))
    await asyncio.sleep(0)
    inbox.put(parcel(3))
    assert tokens(await taking) == [1, 2, 3]


async def test_at_rest_one_event_travels_alone_after_the_linger() -> None:
    assert tokens(await filled(parcel(1)).take(size=500, linger=0.0)) == [1]


async def test_it_waits_for_the_first_frame_however_long() -> None:
    inbox = Inbox()
    taking = asyncio.create_task(inbox.take(size=1, linger=0.0))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not taking.done()
    inbox.put(parcel(1))
    assert tokens(await taking) == [1]


async def test_an_unreadable_frame_is_set_apart_and_can_still_be_settled() -> None:
    batch = await filled(Parcel(b"garbage", 1), parcel(2)).take(size=1, linger=LONG)
    assert batch is not None
    assert tokens(batch) == [1, 2]
    assert len(batch.deliveries) == 1
    assert [bad.token for bad, _ in batch.unreadable] == [1]


async def test_close_ends_a_waiting_take() -> None:
    inbox = Inbox()
    taking = asyncio.create_task(inbox.take(size=1, linger=LONG))
    await asyncio.sleep(0)
    assert inbox.close() == []
    assert await taking is None


async def test_close_ends_the_linger_with_what_was_taken() -> None:
    inbox = filled(parcel(1))
    taking = asyncio.create_task(inbox.take(size=5, linger=LONG))
    await asyncio.sleep(0)
    inbox.close()
    assert tokens(await taking) == [1]


async def test_close_gives_back_what_nobody_took_and_again_what_came_since() -> None:
    inbox = filled(parcel(1), parcel(2))
    assert [one.token for one in inbox.close()] == [1, 2]
    inbox.put(parcel(3))
    assert await inbox.take(size=1, linger=LONG) is None
    assert [one.token for one in inbox.close()] == [3]


async def test_clear_forgets_and_the_inbox_goes_on() -> None:
    inbox = filled(parcel(1))
    inbox.clear()
    taking = asyncio.create_task(inbox.take(size=1, linger=LONG))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not taking.done()
    inbox.put(parcel(2))
    assert tokens(await taking) == [2]
