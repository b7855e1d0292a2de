"""Connectors in the store: applied, changed, switched, removed; one bad one harms no other."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from pipeline.store import accounts, connectors, tokens
from pipeline.store.catalog import Catalog, UnknownConnector
from pipeline.store.database import Database
from schemas.connector import ConnectorSettings
from tests.support.events import ACCOUNT

WEB = ConnectorSettings(name="web", preset="generic-json")


async def in_force(database: Database, applied: connectors.Applied) -> list[str]:
    return [each.token for each in await tokens.in_force(database, applied.id)]


async def test_a_new_connector_has_a_token_and_a_revision(database: Database) -> None:
    applied = await connectors.apply(database, ACCOUNT, WEB)
    assert (applied.state, applied.revision) == ("created", 1)
    assert len(applied.token) == 32
    [connector] = await connectors.load_all(database)
    assert (connector.id, connector.account, connector.settings) == (applied.id, ACCOUNT, WEB)
    assert await in_force(database, applied) == [applied.token]


async def test_applying_the_same_again_changes_nothing(database: Database) -> None:
    first = await connectors.apply(database, ACCOUNT, WEB)
    version = await connectors.version(database)
    again = await connectors.apply(database, ACCOUNT, WEB)
    assert (again.state, again.id, again.revision, again.token) == ("unchanged", first.id, 1, first.token)
    assert await connectors.version(database) == version


async def test_a_change_is_a_revision_under_the_same_url(database: Database) -> None:
    first = await connectors.apply(database, ACCOUNT, WEB)
    version = await connectors.version(database)
    changed = await connectors.apply(database, ACCOUNT, WEB.model_copy(update={"default_country": "IN"}))
    assert (changed.state, changed.id, changed.revision, changed.token) == ("changed", first.id, 2, first.token)
    assert await connectors.version(database) > version
    history = await connectors.revisions(database, ACCOUNT, "web")
    assert [row["revision"] for row in history] == [2, 1]
    assert history[0]["settings"]["default_country"] == "IN"


async def test_settings_that_do_not_fit_change_nothing(database: Database) -> None:
    with pytest.raises(ValueError, match="search key"):
        await connectors.apply(database, ACCOUNT, WEB.model_copy(update={"primary_key": "city"}))
    with pytest.raises((LookupError, ValueError), match="no-such"):
        await connectors.apply(database, ACCOUNT, WEB.model_copy(update={"preset": "no-such"}))
    assert await connectors.list_all(database, ACCOUNT) == []


async def test_applied_by_several_at_once_it_is_one_connector(database: Database) -> None:
    applied = await asyncio.gather(*(connectors.apply(database, ACCOUNT, WEB) for _ in range(4)))
    assert len({(each.id, each.token, each.revision) for each in applied}) == 1
    assert sorted(each.state for each in applied) == ["created", "unchanged", "unchanged", "unchanged"]


async def test_a_disabled_connector_is_known_and_says_so(database: Database) -> None:
    await connectors.apply(database, ACCOUNT, WEB)
    assert await connectors.enable(database, ACCOUNT, "web", False)
    found = await connectors.get(database, ACCOUNT, "web")
    assert found is not None and not found.settings.enabled
    assert [row["enabled"] for row in await connectors.list_all(database, ACCOUNT)] == [False]
    assert await connectors.enable(database, ACCOUNT, "web", True)
    assert not await connectors.enable(database, ACCOUNT, "nothing", True)


async def test_a_removed_connector_loses_its_url_for_good(database: Database) -> None:
    first = await connectors.apply(database, ACCOUNT, WEB)
    assert await connectors.remove(database, ACCOUNT, "web")
    assert not await connectors.remove(database, ACCOUNT, "web")
    assert not await connectors.enable(database, ACCOUNT, "web", True)
    assert await connectors.get(database, ACCOUNT, "web") is None
    assert await connectors.load_all(database) == []
    again = await connectors.apply(database, ACCOUNT, WEB)
    assert (again.state, again.revision) == ("created", 1)
    assert again.id != first.id and again.token != first.token


async def test_each_connector_of_a_name_keeps_its_own_revisions(database: Database) -> None:
    for country in ("IN", "DE", "FR"):
        await connectors.apply(database, ACCOUNT, WEB.model_copy(update={"default_country": country}))
        assert await connectors.remove(database, ACCOUNT, "web")
    [last] = await connectors.revisions(database, ACCOUNT, "web")
    assert last["settings"]["default_country"] == "FR"  # nothing has the name, so it is the last that had it
    assert await connectors.identity_of(database, ACCOUNT, "web") is None
    await connectors.apply(database, ACCOUNT, WEB)
    [now] = await connectors.revisions(database, ACCOUNT, "web")
    assert "default_country" not in now["settings"]


async def test_a_connector_that_no_longer_fits_is_left_out_alone(database: Database) -> None:
    await connectors.apply(database, ACCOUNT, WEB)
    for name, preset in (("gone", "no-such-preset"), ("bad", "generic-json")):
        await connectors.apply(database, ACCOUNT, WEB.model_copy(update={"name": name}))
        await database.execute(
            "UPDATE connector SET settings = settings || $2 WHERE name = $1", name, {"preset": preset, "unknown": 1}
        )
    with structlog.testing.capture_logs() as lines:
        loaded = await connectors.load_all(database)
    assert [connector.name for connector in loaded] == ["web"]
    assert sorted(line["connector"] for line in lines if line["event"] == "connector left out") == ["bad", "gone"]


async def test_an_expired_token_opens_nothing(database: Database) -> None:
    applied = await connectors.apply(database, ACCOUNT, WEB)
    await database.execute("UPDATE connector_token SET valid_until = now()")
    assert await in_force(database, applied) == []
    assert (await connectors.apply(database, ACCOUNT, WEB)).token != applied.token


async def test_accounts_have_connectors_of_their_own(database: Database) -> None:
    other = await accounts.create(database, "other")
    assert await accounts.create(database, "other") == other == await accounts.find(database, "other")
    assert await accounts.find(database, "nobody") is None
    ours = await connectors.apply(database, ACCOUNT, WEB)
    theirs = await connectors.apply(database, other, WEB)
    assert ours.id != theirs.id and ours.token != theirs.token
    assert await connectors.remove(database, other, "web")
    assert [row["id"] for row in await connectors.list_all(database, ACCOUNT)] == [ours.id]


async def test_the_catalog_hears_of_every_change(database: Database) -> None:
    catalog = Catalog(database)
    applied = await connectors.apply(database, ACCOUNT, WEB)
    await catalog.refresh()
    assert (await catalog.get(applied.id)).revision == 1
    await connectors.apply(database, ACCOUNT, WEB.model_copy(update={"default_country": "IN"}))
    await catalog.refresh()
    assert (await catalog.get(applied.id)).settings.default_country == "IN"
    await connectors.remove(database, ACCOUNT, "web")
    await catalog.refresh()
    assert await catalog.by_token(applied.token) is None
    with pytest.raises(UnknownConnector):
        await catalog.get(applied.id)
