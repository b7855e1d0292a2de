"""Secrets: sealed for one place, found by reference, never said. Webhook URLs: replaced, kept a while, withdrawn."""

from __future__ import annotations

import hmac
import os
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingress.authentication.guards import Guards
from pipeline.ingress.refusal import Refusal
from pipeline.operations import secrets, urls
from pipeline.operations.access import Actor
from pipeline.operations.errors import InUse, Invalid, NotFound
from pipeline.operations.plan import save
from pipeline.secrets.references import LARGEST, Secrets, Unresolved
from pipeline.secrets.seal import SealError, Seals, new_key
from pipeline.settings import SettingsError, load
from pipeline.store import accounts, connectors
from pipeline.store import secrets as store
from pipeline.store.catalog import Catalog
from pipeline.store.database import Database
from schemas.connector import ConnectorSettings
from tests.support.events import ACCOUNT

KEY, OTHER = new_key(), new_key()
ADMIN = Actor.local(ACCOUNT)
SETTINGS = load({"LEADPIPE_SECRET_KEY": KEY, "LEADPIPE_PUBLIC_URL": "https://hooks.example.com/"})
VALUE = b"a value that nobody may see"
WEB = ConnectorSettings(name="web", preset="generic-json")


def with_auth(*references: str) -> ConnectorSettings:
    return ConnectorSettings.model_validate(
        {"name": "web", "preset": "generic-json", "auth": {"scheme": "github", "secrets": list(references)}}
    )


@given(
    st.binary(min_size=1, max_size=200),
    st.integers(1, 2**40),
    st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True),
)
def test_what_is_sealed_opens_in_its_place_and_nowhere_else(value: bytes, account: int, name: str) -> None:
    seals = Seals(f"{KEY},{OTHER}")
    sealed = seals.seal(value, account, name)
    assert seals.open(sealed, account, name) == value
    assert sealed != seals.seal(value, account, name)
    assert len(value) < 8 or value not in sealed
    for other in ((account + 1, name), (account, f"{name}0")):
        with pytest.raises(SealError):
            seals.open(sealed, *other)
    for at in range(0, len(sealed), 5):
        with pytest.raises(SealError):
            seals.open(bytes([*sealed[:at], sealed[at] ^ 1, *sealed[at + 1 :]]), account, name)
    for cut in (b"", sealed[:5], sealed[:-1]):
        with pytest.raises(SealError):
            seals.open(cut, account, name)


def test_an_old_key_opens_and_the_first_one_seals() -> None:
    old = Seals(OTHER).seal(VALUE, 1, "a")
    both = Seals(f" {KEY} , {OTHER} ,")
    assert both.open(old, 1, "a") == VALUE and not both.is_current(old)
    assert both.is_current(both.seal(VALUE, 1, "a"))
    with pytest.raises(SealError, match="holds another key"):
        Seals(KEY).open(old, 1, "a")
    for nothing in (None, "", " , "):
        with pytest.raises(SealError, match="is not set"):
            Seals(nothing).open(old, 1, "a")
        with pytest.raises(SealError, match="leadpipe secret key"):
            Seals(nothing).seal(VALUE, 1, "a")


@pytest.mark.parametrize(
    "key",
    ["short", KEY[:-4], KEY + KEY, "é" * 44, f"{KEY};{OTHER}"],
    ids=["short", "cut off", "twice", "not ASCII", "by a semicolon"],
)
def test_a_key_that_is_none_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(SettingsError, match="32 bytes in base64") as caught:
        load({"LEADPIPE_SECRET_KEY": key})
    assert key not in str(caught.value)
    assert KEY not in repr(SETTINGS)


def test_references_lead_to_secrets_or_say_what_to_do(tmp_path: Path) -> None:
    file, empty, large = tmp_path / "secret", tmp_path / "empty", tmp_path / "large"
    file.write_bytes(b"  in a file \r\n")
    empty.write_bytes(b"\n")
    large.write_bytes(b"x" * (LARGEST + 1))
    os.mkfifo(tmp_path / "pipe")
    sealed = Seals(KEY).seal(VALUE, 1, "kept")
    found = Secrets(Seals(KEY), lambda account, name: sealed if name == "kept" else None, {"A": "x", "B": ""})
    assert found.value("env:A", 1) == b"x"
    assert found.value(f"file:{file}", 1) == b"  in a file "
    assert found.value("stored:kept", 1) == VALUE
    for reference, said in (
        ("env:B", "not set, or empty"),
        ("env:C", "not set"),
        (f"file:{empty}", "empty"),
        (f"file:{large}", "larger"),
        (f"file:{tmp_path}", "directory|regular"),
        (f"file:{tmp_path}/pipe", "regular"),
        (f"file:{tmp_path}/none", "No such file"),
        ("file:/dev/zero", "regular"),
        ("stored:none", "leadpipe secret set none"),
    ):
        with pytest.raises(Unresolved, match=said):
            found.value(reference, 1)
    with pytest.raises(Unresolved, match="moved"):
        found.value("stored:kept", 2)


async def test_a_secret_is_kept_listed_replaced_and_never_shown(database: Database) -> None:
    other = await accounts.create(database, "other")
    assert await secrets.put(database, SETTINGS, ADMIN, "acme", VALUE)
    assert not await secrets.put(database, SETTINGS, ADMIN, "acme", VALUE)
    assert await secrets.put(database, SETTINGS, Actor.local(other), "acme", b"theirs")
    [row] = await secrets.listed(database, ADMIN)
    assert set(row) == {"name", "created_at", "updated_at", "used_by"} and row["used_by"] == []
    kept = await store.load_all(database)
    assert VALUE not in b"".join(kept.values())
    assert Seals(KEY).open(kept[ACCOUNT, "acme"], ACCOUNT, "acme") == VALUE
    # a row that somebody copies to another account opens nothing there
    await database.execute("UPDATE secret SET sealed = $1 WHERE account_id = $2", kept[ACCOUNT, "acme"], other)
    assert len(await secrets.problems(database, SETTINGS, other, with_auth("stored:acme"), {})) == 1
    for name, value in (("Bad Name", VALUE), ("", VALUE), ("x" * 64, VALUE), ("ok", b""), ("ok", b"x" * (LARGEST + 1))):
        with pytest.raises(Invalid) as caught:
            await secrets.put(database, SETTINGS, ADMIN, name, value)
        assert VALUE.decode() not in str(caught.value)
    with pytest.raises(InUse, match="LEADPIPE_SECRET_KEY"):
        await secrets.put(database, load({}), ADMIN, "ok", VALUE)


async def test_a_connector_cannot_be_saved_without_its_stored_secret_nor_that_be_removed_under_it(
    database: Database,
) -> None:
    with pytest.raises(Invalid, match="stored:acme: the account has no such secret; set it first"):
        await save(database, ACCOUNT, with_auth("env:ELSEWHERE", "stored:acme"))
    assert await connectors.list_all(database, ACCOUNT) == []
    await secrets.put(database, SETTINGS, ADMIN, "acme", VALUE)
    catalog = Catalog(database)
    await catalog.refresh()
    await save(database, ACCOUNT, with_auth("env:ELSEWHERE", "stored:acme"))
    [said] = await secrets.problems(database, SETTINGS, ACCOUNT, with_auth("env:ELSEWHERE", "stored:acme"), {})
    assert said.startswith("env:ELSEWHERE")
    assert [row["used_by"] for row in await secrets.listed(database, ADMIN)] == [["web"]]
    with pytest.raises(InUse, match="web"):
        await secrets.remove(database, ADMIN, "acme")
    before = catalog.sealed(ACCOUNT, "acme")
    await secrets.put(database, SETTINGS, ADMIN, "acme", b"another")
    await catalog.refresh()
    assert catalog.sealed(ACCOUNT, "acme") != before  # the ingress hears of it as of a changed connector
    await connectors.remove(database, ACCOUNT, "web")
    await secrets.remove(database, ADMIN, "acme")
    with pytest.raises(NotFound):
        await secrets.remove(database, ADMIN, "acme")
    await catalog.refresh()
    assert catalog.sealed(ACCOUNT, "acme") is None


async def test_a_secret_that_was_replaced_counts_from_the_next_look_of_the_ingress_on(database: Database) -> None:
    await secrets.put(database, SETTINGS, ADMIN, "acme", b"first")
    applied = await connectors.apply(database, ACCOUNT, with_auth("stored:acme"))
    catalog = Catalog(database)
    guards = Guards(Secrets(Seals(KEY), catalog.sealed), known=catalog.names)

    async def admitted(value: bytes) -> bool:
        await catalog.refresh()
        headers = {"X-Hub-Signature-256": f"sha256={hmac.digest(value, b'{}', 'sha256').hex()}"}
        request = make_mocked_request("POST", "/in/t", headers=headers)
        try:
            return guards.admit(await catalog.get(applied.id), request, b"{}") is not None
        except Refusal:
            return False

    assert [await admitted(b"first"), await admitted(b"second")] == [True, False]
    await secrets.put(database, SETTINGS, ADMIN, "acme", b"second")
    assert [await admitted(b"first"), await admitted(b"second")] == [False, True]


async def test_secrets_are_sealed_anew_with_the_newest_key(database: Database) -> None:
    old = load({"LEADPIPE_SECRET_KEY": OTHER})
    both = load({"LEADPIPE_SECRET_KEY": f"{KEY},{OTHER}"})
    for name in ("a", "b"):
        await secrets.put(database, old, ADMIN, name, VALUE)
    await secrets.put(database, SETTINGS, ADMIN, "c", VALUE)
    assert await secrets.reseal(database, both) == (2, [])
    assert await secrets.reseal(database, SETTINGS) == (0, [])
    done, troubles = await secrets.reseal(database, old)
    assert done == 0 and len(troubles) == 3 and "cannot be opened" in troubles[0]
    for (account, name), sealed in (await store.load_all(database)).items():
        assert Seals(KEY).open(sealed, account, name) == VALUE


async def test_a_webhook_url_is_replaced_and_the_old_one_works_as_long_as_was_said(database: Database) -> None:
    first = (await connectors.apply(database, ACCOUNT, WEB)).token
    catalog = Catalog(database)

    async def working() -> list[bool]:
        await catalog.refresh()
        return [await catalog.by_token(url.rpartition("/")[2]) is not None for url in made]

    made = [f"https://hooks.example.com/in/{first}"]
    assert [each.url for each in await urls.in_force(database, SETTINGS, ACCOUNT, "web")] == made
    made.append(await urls.rotate(database, SETTINGS, ACCOUNT, "web", timedelta(hours=24)))
    assert await working() == [True, True]
    assert [
        (each.url, each.valid_until is None) for each in await urls.in_force(database, SETTINGS, ACCOUNT, "web")
    ] == [
        (made[1], True),
        (made[0], False),
    ]
    made.append(await urls.rotate(database, SETTINGS, ACCOUNT, "web", timedelta(days=7)))
    [newest, second, oldest] = await urls.in_force(database, SETTINGS, ACCOUNT, "web")
    assert (newest.url, second.url, oldest.url) == (made[2], made[1], made[0])
    assert second.valid_until and oldest.valid_until and oldest.valid_until < second.valid_until  # 24 h stay 24 h
    assert (await connectors.apply(database, ACCOUNT, WEB)).token == newest.url.rpartition("/")[2]
    assert await urls.withdraw(database, ACCOUNT, "web") == 2
    assert await working() == [False, False, True]
    assert await urls.withdraw(database, ACCOUNT, "web") == 0
    made.append(await urls.rotate(database, SETTINGS, ACCOUNT, "web", timedelta(0)))
    assert await working() == [False, False, False, True]
    for keep in (timedelta(days=91), timedelta(seconds=-1)):
        with pytest.raises(Invalid):
            await urls.rotate(database, SETTINGS, ACCOUNT, "web", keep)
    for name in ("none", "web"):
        with pytest.raises(NotFound):
            await urls.rotate(database, SETTINGS, ACCOUNT + (name == "web"), name, timedelta(0))


async def test_an_old_url_ends_at_its_time_though_nothing_else_changes(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    first = (await connectors.apply(database, ACCOUNT, WEB)).token
    await urls.rotate(database, SETTINGS, ACCOUNT, "web", timedelta(minutes=1))
    catalog = Catalog(database)
    await catalog.refresh()
    assert await catalog.by_token(first) is not None
    later = time.time() + 61
    monkeypatch.setattr("pipeline.store.catalog.time.time", lambda: later)
    assert await catalog.by_token(first) is None


async def test_the_steps_name_the_url_and_what_the_source_must_prove(database: Database) -> None:
    await connectors.apply(database, ACCOUNT, with_auth("env:A"))
    told = await urls.steps(database, SETTINGS, ACCOUNT, "web")
    assert "https://hooks.example.com/in/" in "".join(told)
    assert "{url}" not in "".join(told)
    assert told[-2].startswith("Set the connector's secret in the source") and "X-Hub-Signature-256" in told[-2]
    for auth, said in (
        (
            {"scheme": "header", "header": "X-Api-Key", "prefix": "Bearer "},
            "header X-Api-Key, with the value Bearer SECRET",
        ),
        ({"scheme": "basic", "user": "crm"}, "the user crm"),
        ({"scheme": "hmac", "header": "X-Sign"}, "header X-Sign"),
    ):
        document = {"name": "web", "preset": "generic-json", "auth": {**auth, "secrets": ["env:A"]}}
        await connectors.apply(database, ACCOUNT, ConnectorSettings.model_validate(document))
        assert said in (await urls.steps(database, SETTINGS, ACCOUNT, "web"))[-2]
