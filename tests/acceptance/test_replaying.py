"""A replay of many dead letters, and a server that goes away in its middle."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pipeline.store import dead_letters
from pipeline.store.database import Database
from schemas.event import Failure
from tests.support.daemon import installed
from tests.support.events import NOON, mapped

COUNT = 600  # three pages
CUT = """
CREATE SEQUENCE marked;
CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('marked') IN (2, 3) THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER cut AFTER UPDATE ON dead_letter EXECUTE FUNCTION cut();
"""


async def test_a_replay_goes_on_by_itself_where_a_lost_connection_has_left_it(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    """The page that was sent and not marked is sent again, which has no effect; no other one is."""
    failure = Failure("map", "rejected", "no", 1, NOON, field="lead.score", value="x", rule="a number")
    letters = [mapped({"phone": "+919611795983"}, failure=failure) for _ in range(COUNT)]
    await dead_letters.keep(database, "map", letters, [])
    await database.execute(CUT)
    with installed(tmp_path, database_url) as leadpipe:
        out, err = await asyncio.to_thread(leadpipe.ran, "dead", "replay", "--all", "--no-wait")
    assert out == f"replayed {COUNT}\n"
    assert "waiting after 200: " in err
    assert await database.fetchval("SELECT count(*) FROM dead_letter WHERE status = 'replayed'") == COUNT
    bodies = await database.fetch("SELECT body FROM broker_message")
    assert all(any(letter.id.encode() in row["body"] for row in bodies) for letter in letters)
    assert sum(row["body"].count(b'"replay":1') for row in bodies) == COUNT + 2 * 200
