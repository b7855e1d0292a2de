"""COPY: every value arrives as it was, and a row that is there already is a collision."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.store import bulk, entries, journal
from pipeline.store.database import Collision, Connection, Database
from pipeline.store.ids import new_id
from tests.unit.test_store_journal import entry, write

HOSTILE = [
    "",
    "\\N",
    "\\.",
    "\\",
    "a\tb",
    "a\nb",
    "a\rb\r\n",
    "\\t",
    'x"y',
    "{}",
    "{a,b}",
    "NULL",
    "'",
    "\x01\x7f",
    "नमस्ते",
    "😀",
]


def texts() -> list[str]:
    """The hostile ones alone, and some put together at random."""
    chance = random.Random(7)
    return [*HOSTILE, *("".join(chance.choices(HOSTILE, k=4)) for _ in range(200))]


async def add(connection: Connection, table: str, lines: list[str]) -> None:
    await bulk.add(connection, table, "id, one, many, document", lines)


async def test_every_text_comes_back_as_it_went(database: Database) -> None:
    rows: list[tuple[int, str, list[str], Any]] = [
        (number, text, [text, "x", text], {"a": text, text: [1.5, None, True]}) for number, text in enumerate(texts())
    ]

    async def work(connection: Connection) -> list[Any]:
        await connection.execute("CREATE TEMP TABLE bulk (id int PRIMARY KEY, one text, many text[], document jsonb)")
        lines = [
            bulk.line(id, bulk.text(one), bulk.text(bulk.array(many)), bulk.document(document))
            for id, one, many, document in rows
        ]
        await add(connection, "bulk", lines)
        await add(connection, "bulk", [bulk.line(-1, None, "{}", None)])
        await add(connection, "bulk", [])
        return await connection.fetch("SELECT * FROM bulk ORDER BY id")

    empty, *found = await database.transaction(work)
    assert tuple(empty) == (-1, None, [], None)
    assert [tuple(row) for row in found] == rows


async def test_a_row_that_is_there_is_a_collision_and_nothing_of_the_others_stays(database: Database) -> None:
    known = entry(outcome="created", failure=None)
    await write(database, [known])
    fresh = entry(outcome="created", failure=None)

    async def hopeful(connection: Connection) -> None:
        await entries.write(connection, [fresh, known], datetime.now(UTC), hopeful=True)

    async with database.connection() as connection:
        with pytest.raises(Collision):
            async with connection.transaction():
                await hopeful(connection)
    page = await journal.page(database, known.account)
    assert [row["event_id"] for row in page.rows] == [known.event]


async def test_the_hopeful_way_writes_the_same_rows(database: Database) -> None:
    """Also what is no news: replays, failures, and one of two entries of an event."""
    endings = [
        entry(
            outcome="created",
            failure=None,
            lead=new_id(),
            activity=new_id(),
            by="email",
            changed=["city", "call.x"],
            notes=HOSTILE,
            request='{"a":"b\\\\c\\n"}',
            lead_sync="capture",
            decision={"use": "this"},
        ),
        entry(),
        entry(outcome="updated", failure=None, replay=1),
        entry(outcome="unchanged", failure=None, again=True),
        entry(outcome="dropped", failure=None, reason="nothing to do\t\\"),
    ]
    now = datetime.now(UTC)
    shown = []
    for hopeful in (False, True):
        with_ids = [each._replace(event=new_id()) for each in endings]

        async def work(connection: Connection, them: Any = with_ids, hopeful: bool = hopeful) -> None:
            await entries.write(connection, [*them, them[0]], now, hopeful=hopeful)

        await database.transaction(work)
        rows = [await database.fetchrow("SELECT * FROM journal WHERE event_id = $1", each.event) for each in with_ids]
        shown.append([{name: value for name, value in (row or {}).items() if name != "event_id"} for row in rows])
    assert shown[0] == shown[1]
    assert shown[0][0]["notes"] == HOSTILE
