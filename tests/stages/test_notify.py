"""notify: each failure is told once; what it says in the log is no person's."""

from __future__ import annotations

import pytest
import structlog

from pipeline.engine.outcome import Forward
from pipeline.store import connectors, notifications
from pipeline.store.database import Database
from schemas.connector import ConnectorSettings
from schemas.event import Event, Failure
from stages.notify import notify
from tests.support.events import ACCOUNT, NOON, mapped, run

CANARY = "+919611795983"


def failed(**changes: object) -> Event:
    failure = Failure("map", "rejected", f"{CANARY} is no number", 1, NOON, "lead.score", CANARY, "a number")
    return mapped({"phone": CANARY}, failure=failure, **changes)


async def test_a_failure_is_told_in_the_table_and_in_the_log(database: Database) -> None:
    event = failed()
    with structlog.testing.capture_logs() as lines:
        assert await run(notify, database, event) == [Forward(event)]
    [told] = await notifications.latest(database, ACCOUNT)
    assert (told["event_id"], told["kind"]) == (event.id, "failure")
    assert told["text"] == f"map: {CANARY} is no number"
    [line] = lines
    assert (line["stage"], line["field"], line["rule"]) == ("map", "lead.score", "a number")
    assert CANARY not in str(line) and CANARY[1:] not in str(line)


async def test_a_failure_is_told_once_and_its_replay_again(database: Database) -> None:
    event = failed()
    with structlog.testing.capture_logs() as lines:
        await run(notify, database, event, event)
        await run(notify, database, event)
        await run(notify, database, event.evolve(replay=1))
    assert len(lines) == 2
    assert [told["replay"] for told in await notifications.latest(database, ACCOUNT)] == [1, 0]


async def test_what_did_not_fail_passes_in_silence(database: Database) -> None:
    event = mapped({"phone": CANARY}, result={"outcome": "created"})
    with structlog.testing.capture_logs() as lines:
        assert await run(notify, database, event) == [Forward(event)]
    assert (lines, await notifications.latest(database, ACCOUNT)) == ([], [])


@pytest.mark.parametrize(
    ("wanted", "recipient"),
    [
        ({"user": "sam@example.com"}, "sam@example.com"),
        ({"user": "sam@example.com", "enabled": False}, None),
        (None, None),
    ],
)
async def test_a_failure_is_for_the_user_whom_the_connector_names(
    database: Database, wanted: dict[str, object] | None, recipient: str | None
) -> None:
    named = ConnectorSettings.model_validate({"name": "web", "preset": "generic-json", "notify": wanted})
    connector = (await connectors.apply(database, ACCOUNT, named)).id
    await run(notify, database, failed(connector=connector))
    [told] = await notifications.latest(database, ACCOUNT)
    assert told["recipient"] == recipient


async def test_accounts_are_told_of_their_own(database: Database) -> None:
    await run(notify, database, failed(account=7))
    assert await notifications.latest(database, ACCOUNT) == []
    assert len(await notifications.latest(database, 7)) == 1
