"""Retention: what has ended, or was replaced long ago, goes; what is still of use stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from pipeline.store import accounts, api_keys, connectors, dead_letters, history, notifications, refused, tokens, users
from pipeline.store.api_keys import NewKey
from pipeline.store.database import Database
from pipeline.store.dead_letters import Filter, Status
from pipeline.store.ids import new_id
from pipeline.store.notifications import Notice
from pipeline.store.retention import Days, maintain
from schemas.connector import ConnectorSettings
from stages.upsert import upsert
from tests.support.events import ACCOUNT, mapped, results
from tests.support.turned_away import row
from tests.unit.test_store_dead_letters import dead, keep

pytestmark = pytest.mark.usefixtures("same_day")
DAYS = Days(journal=60, applied=365, history=200, ended=90, refused=14)


def in_days(days: int) -> date:
    return datetime.now(UTC).date() + timedelta(days=days)


async def test_what_values_replaced_is_kept_as_long_as_set(database: Database) -> None:
    [first] = await results(upsert, database, mapped({"phone": "+919611795983", "city": "Goa"}))
    await results(upsert, database, mapped({"phone": "+919611795983", "city": "Pune"}, minute=1))

    async def of_city() -> list[str]:
        return [row["value"] for row in await history.of_lead(database, ACCOUNT, first["lead"], "city")]

    await maintain(database, DAYS, today=in_days(200))
    assert await of_city() == ["Goa"]
    await maintain(database, DAYS, today=in_days(201))
    assert await of_city() == []
    [again] = await results(upsert, database, mapped({"phone": "+919611795983"}, minute=2))
    assert again["lead"] == first["lead"]


async def test_ended_tokens_are_forgotten_and_those_in_force_never(database: Database) -> None:
    one = (await connectors.apply(database, ACCOUNT, ConnectorSettings(name="one", preset="generic-json"))).id
    newest = await tokens.rotate(database, one, timedelta(days=5))

    async def kept() -> int:
        return int(await database.fetchval("SELECT count(*) FROM connector_token"))

    await maintain(database, DAYS, today=in_days(95))
    assert await kept() == 2
    await maintain(database, DAYS, today=in_days(96))
    assert await kept() == 1
    version = await connectors.version(database)
    await maintain(database, DAYS, today=in_days(2_000))
    assert [token.token for token in await tokens.in_force(database, one)] == [newest]
    assert await connectors.version(database) == version  # nothing went, so nobody has to load anything anew


async def test_ended_keys_are_forgotten_also_those_that_another_one_followed(database: Database) -> None:
    tenant = await accounts.create(database, "tenant")
    user = await users.create(database, tenant, "one@tenant.example.com", "One", "admin", {})
    now = datetime.now(UTC)

    def key(name: str, until: datetime | None = None) -> NewKey:
        return NewKey(user["id"], name, name, name.encode().ljust(32), None, until)

    await api_keys.create(database, key("in force"))
    await api_keys.create(database, key("expires", now + timedelta(days=3)))
    revoked = await api_keys.create(database, key("revoked", now + timedelta(days=300)))
    await api_keys.revoke(database, tenant, revoked)
    followed = await api_keys.create(database, key("followed"))
    await api_keys.rotate(database, followed, replace(key("following"), replaces=followed), now + timedelta(days=3))

    async def names() -> list[str]:
        return [row["name"] for row in await api_keys.page(database, tenant)]

    await maintain(database, DAYS, today=in_days(90))
    assert await names() == ["in force", "expires", "revoked", "followed", "following"]
    await maintain(database, DAYS, today=in_days(91))
    assert await names() == ["in force", "expires", "followed", "following"]
    await maintain(database, DAYS, today=in_days(94))
    assert await names() == ["in force", "following"]


async def test_settled_dead_letters_and_notifications_go_with_the_journal(database: Database) -> None:
    waits, replayed, discarded = dead(), dead(), dead()
    await keep(database, waits, replayed, discarded)
    statuses: dict[str, Status] = {replayed.id: "replayed", discarded.id: "discarded"}
    for event, status in statuses.items():
        [letter] = await dead_letters.page(database, Filter(event=event))
        await dead_letters.mark(database, [letter["id"]], status)
    await notifications.write(database, [Notice(ACCOUNT, 1, new_id(), 0, "failed", "a text")])

    await maintain(database, DAYS, today=in_days(60))
    assert await dead_letters.count(database, Filter(status=None)) == 3
    assert len(await notifications.latest(database, ACCOUNT)) == 1
    await maintain(database, DAYS, today=in_days(61))
    assert [row["event_id"] for row in await dead_letters.page(database, Filter(status=None))] == [waits.id]
    assert await notifications.latest(database, ACCOUNT) == []


async def test_refused_requests_go_whether_or_not_they_were_sent(database: Database) -> None:
    now = datetime.now(UTC)
    await refused.keep(database, [row(at=now - timedelta(days=1)), row(at=now), row(at=now)])
    newest, _, _ = await refused.page(database)
    await refused.mark(database, {newest["id"]: []}, "sam")
    await maintain(database, DAYS, today=in_days(13))
    assert await refused.count(database) == 3
    await maintain(database, DAYS, today=in_days(14))
    assert await refused.count(database) == 2
    await maintain(database, DAYS, today=in_days(15))
    assert await refused.count(database) == 0
