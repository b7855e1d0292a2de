"""An administrator sets up lead sync over HTTP alone, and the same by one file: the exports are identical."""

from __future__ import annotations

import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from pipeline.secrets.seal import new_key
from tests.acceptance.conftest import Install, ended
from tests.support.daemon import Leadpipe
from tests.support.until import PROCESSES, until

PHONE = "+919822012345"
Ask = Callable[..., Awaitable[Any]]


@pytest.fixture(scope="module")
def leadpipe(install: Install) -> Leadpipe:
    """`leadpipe up`, with nothing set up."""
    leadpipe = install("postgresql", secret_key=new_key())
    leadpipe.start("up")
    leadpipe.ready()
    return leadpipe


def asking(leadpipe: Leadpipe, key: str) -> Ask:
    """`ask(method, path, body)` with this key; the answer must be a success."""

    async def ask(method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        data = None if body is None else orjson.dumps(body)
        url = f"{leadpipe.base}/api/v1{path}"
        async with aiohttp.ClientSession() as session, session.request(method, url, data=data, headers=headers) as got:
            text = await got.text()
            assert got.status < 300, (method, path, got.status, text)
            return orjson.loads(text) if "json" in got.content_type and text else text

    return ask


async def test_lead_sync_is_set_up_over_http_alone_and_the_same_by_a_file(leadpipe: Leadpipe, tmp_path: Path) -> None:
    key = leadpipe.run("key", "create", "--user", "admin@example.com", "--name", "set-up").strip()
    ask = asking(leadpipe, key)
    assert (await ask("GET", "/me"))["role"] == "admin"

    # who works with it
    await ask("POST", "/user-fields", {"name": "is_employee", "label": "Is employee", "type": "boolean"})
    sam = {"email": "sam@example.com", "role": "operator", "fields": {"is_employee": True}}
    await ask("POST", "/users", sam)
    # what it fills
    await ask("POST", "/fields/lead", {"name": "pan", "label": "PAN", "unique": True})
    stages = {"name": "visa_stage", "label": "Visa stage", "type": "dropdown", "options": ["Applied", "Granted"]}
    await ask("POST", "/fields/lead", stages)
    # what it starts from, and what it is to be
    sources = {each["path"] for each in (await ask("GET", "/presets/leadsquared-lead"))["source_fields"]}
    assert {"EmailAddress", "Phone"} <= sources
    await ask("PUT", "/secrets/account-2", {"value": "c2hhcmVkIHNlY3JldA"})
    settings = {
        "name": "account-two",
        "preset": "leadsquared-lead",
        "reply": {"outcome": "full"},
        "lead_source": "LeadSquared 2",
        "default_country": "IN",
        "time_zone": "Asia/Kolkata",
        "primary_key": "phone",
        "secondary_key": "email",
        "further_keys": ["pan"],
        "sync": {"lead": "capture", "activity": "off"},
        "notify": {"user": "sam@example.com"},
        "access": {"user_field": "is_employee"},
        "auth": {"mode": "log", "scheme": "header", "header": "X-Secret", "secrets": ["stored:account-2"]},
        "fields": [{"name": "budget", "label": "Budget", "type": "number"}],
        "source_fields": [{"path": "mx_Budget", "label": "Budget", "type": "number"}, {"path": "mx_PAN"}],
        "map": [
            {"from": "mx_Budget", "to": "lead.budget", "default": 0},
            {"from": "mx_PAN", "to": "lead.pan", "key": True, "transforms": ["trim"]},
            {"from": "mx_Visa", "to": "lead.visa_stage", "when": {"Country": "India"}},
        ],
    }
    verdict = await ask("POST", "/connector-settings/validate", settings)
    assert (verdict["valid"], verdict["problems"]) == (True, [])
    assert [each["field"] for each in verdict["warnings"]] == ["notify.user"]
    planned = await ask("POST", "/connector-settings/plan", {"connectors": [settings]})
    assert [entry["state"] for entry in planned["entries"]] == ["create"]
    made = await ask("POST", "/connectors", settings)
    assert made["new_fields"] == ["budget (number)"]
    shown = await ask("GET", "/connectors/account-two/url")
    [url] = [each["url"] for each in shown["items"]]
    assert url == made["url"] and any(url.rpartition("/")[2] in step for step in shown["steps"])

    # before anything is sent
    lead = {
        "Current": {"FirstName": "Asha", "Phone": "98220 12345", "EmailAddress": "asha@example.com", "mx_Budget": 5}
    }
    [trial] = (await ask("POST", "/connectors/account-two/try", {"document": lead}))["items"]
    assert trial["outcome"] == "created" and trial["match"]["lead"] is None
    assert {each["field"]: each["new"] for each in trial["changes"]}["phone"] == PHONE
    assert (await ask("GET", "/leads"))["items"] == []

    # an event, and one that fails until the mapping is mended
    assert (await ended(url, lead))["outcome"] == "created"
    [found] = (await ask("GET", "/leads?query=9822012345"))["items"]
    assert found["fields"]["lead_source"] == "LeadSquared 2"
    explained = await ask("GET", f"/leads/{found['id']}/explain?field=budget")
    assert [(each["connector"], each["value"]) for each in explained["fields"]] == [("account-two", 5)]
    bad = {"Current": {**lead["Current"], "mx_Budget": "maybe"}}
    failed = await ended(url, bad)
    assert (failed["outcome"], failed["field"]) == ("failed", "lead.budget")
    mended = {**settings, "map": [{**settings["map"][0], "on": False}, *settings["map"][1:]]}
    assert (await ask("PUT", "/connectors/account-two", mended))["revision"] == 2

    async def dead() -> bool:
        return bool((await ask("GET", "/dead-letters?connector=account-two"))["items"])

    await until(dead, "the dead letter", PROCESSES)
    await ask("POST", f"/journal/{failed['id']}/retry")

    async def retried() -> bool:
        row = await ask("GET", f"/journal/{failed['id']}")
        if row["outcome"] == "failed" and row["replay"] and await dead():  # by a process that had not heard of it yet
            await ask("POST", f"/journal/{failed['id']}/retry")
        return row["outcome"] in ("updated", "unchanged")

    await until(retried, "the end of what was sent again", PROCESSES)
    await ask("POST", "/connectors/account-two/restore", {"revision": 1, "note": "the source is mended"})
    assert [each["revision"] for each in (await ask("GET", "/connectors/account-two/revisions"))["items"]] == [3, 2, 1]

    # the same by one file
    exported = await ask("GET", "/connectors/account-two/export")
    assert "c2hhcmVkIHNlY3JldA" not in exported and exported == leadpipe.run("connector", "export", "account-two")
    file = tmp_path / "account-two.toml"
    file.write_text(exported)
    [state] = [row["state"] for row in leadpipe.json("connector", "apply", str(file))["entries"]]
    assert state == "unchanged"
    leadpipe.run("connector", "remove", "account-two", "--yes")
    leadpipe.run("connector", "apply", str(file))
    assert leadpipe.run("connector", "export", "account-two") == exported
    assert await ask("GET", "/connectors/account-two/export") == exported


async def test_a_dead_letter_is_edited_by_command(leadpipe: Leadpipe, tmp_path: Path) -> None:
    [url] = leadpipe.apply("website").values()
    failed = await ended(url, {"event_id": "e1", "phone": PHONE, "budget": "maybe"})
    assert failed["outcome"] == "failed"
    [letter] = await eventually_some(leadpipe, "dead", "list", "--connector", "website")
    file = tmp_path / "event.json"
    file.write_text('{"phone": "+919822012399", "budget": "45000"')
    leadpipe.run("dead", "edit", str(letter["id"]), str(file), code=2)
    file.write_text('{"phone": "+919822012399", "budget": "45000"}')
    leadpipe.run("dead", "edit", "999999", str(file), code=1)
    leadpipe.run("dead", "edit", str(letter["id"]), str(file))
    [row] = await eventually_some(leadpipe, "journal", "list", "--outcome", "created", "--connector", "website")
    assert row["event_id"] == failed["id"] and any(note.startswith("edited by") for note in row["notes"])
    assert leadpipe.json("journal", "list", "--connector", "website", "--outcome", "failed")["items"] == []
    assert "no connector" in leadpipe.run("dead", "list", "--connector", "nope", code=1)
    assert "the end of a page" in leadpipe.run("journal", "list", "--after", "x", code=2)


async def eventually_some(leadpipe: Leadpipe, *command: str) -> list[Any]:
    """What a list shows, as soon as it shows something."""
    found: list[Any] = []

    async def look() -> bool:
        shown = leadpipe.json(*command)
        found[:] = shown["items"]
        return bool(found)

    await until(look, " ".join(command), PROCESSES)
    return found


def test_accounts_users_and_keys_by_command(leadpipe: Leadpipe) -> None:
    leadpipe.run("account", "create", "acme")
    leadpipe.run("account", "create", "acme", code=1)
    assert {row["name"] for row in leadpipe.json("account", "list")["items"]} == {"default", "acme"}
    of = ("--account", "acme")
    first = leadpipe.json("key", "create", "--user", "Boss@Acme.example", *of)
    assert first["key"].startswith(first["prefix"]) and first["user_email"] == "boss@acme.example"
    leadpipe.run("user", "field", "add", "is_employee", "--type", "boolean", *of)
    leadpipe.run("user", "field", "add", "is_employee", *of, code=1)
    leadpipe.run("user", "create", "kim@acme.example", "--role", "editor", "--field", "is_employee=yes", *of)
    leadpipe.run("user", "create", "kim@acme.example", *of, code=1)
    leadpipe.run("user", "create", "lee@acme.example", "--role", "boss", *of, code=2)
    leadpipe.run("user", "create", "lee@acme.example", "--field", "is_employee=maybe", *of, code=2)
    assert {row["email"]: row["fields"] for row in leadpipe.json("user", "list", *of)["items"]} == {
        "boss@acme.example": {},
        "kim@acme.example": {"is_employee": True},
    }
    leadpipe.run("key", "create", "--user", "nobody@acme.example", *of, code=1)
    leadpipe.run("key", "create", "--user", "kim@acme.example", "--scope", "all", *of, code=2)
    narrow = leadpipe.json("key", "create", "--user", "kim@acme.example", "--scope", "journal:read", "--days", "7", *of)
    following = leadpipe.json("key", "rotate", str(narrow["id"]), "--hours", "1", *of)
    assert following["replaces"] == narrow["id"] and following["scopes"] == ["journal:read"]
    leadpipe.run("key", "revoke", str(narrow["id"]), *of)
    leadpipe.run("key", "revoke", str(narrow["id"]), code=1)  # another account's
    assert [row["id"] for row in leadpipe.json("key", "list", *of)["items"] if row["revoked_at"]] == [narrow["id"]]
    leadpipe.run("user", "set", "boss@acme.example", "--inactive", *of, code=1)  # the last administrator
    leadpipe.run("user", "set", "kim@acme.example", "--inactive", "--field", "is_employee=", *of)
    leadpipe.run("user", "field", "relabel", "is_employee", "Employee", *of)
    leadpipe.run("user", "field", "relabel", "is_employee", "", *of, code=2)
    assert [row["label"] for row in leadpipe.json("user", "field", "list", *of)["items"]] == ["Employee"]
    leadpipe.run("user", "field", "remove", "is_employee", "--yes", *of)
    assert leadpipe.json("user", "field", "list", *of)["items"] == []
    changes = leadpipe.json("account", "changes", *of)["items"]
    assert [(row["what"], row["subject"]) for row in changes[-2:]] == [
        ("key created", first["prefix"]),
        ("user created", "boss@acme.example"),
    ]
    assert (changes[0]["what"], changes[0]["key_id"]) == ("user field removed", None)
    assert all(row["by"].endswith(", by command") for row in changes)
    told = leadpipe.run("account", "changes", *of)
    assert "key rotated" in told and "active: yes → no" in told
    assert leadpipe.json("user", "show", "KIM@acme.example", *of)["role"] == "editor"
    assert leadpipe.json("key", "show", str(narrow["id"]), *of)["scopes"] == ["journal:read"]
    leadpipe.run("key", "show", "999", *of, code=1)


def test_fields_by_command(leadpipe: Leadpipe) -> None:
    leadpipe.run("field", "set", "shoe_size", "--type", "number", "--label", "Shoe size")
    leadpipe.run("field", "set", "tier", "--type", "dropdown", "--option", "Gold", "--option", "Silver")
    leadpipe.run("field", "set", "tier", "--label", "Tier")
    rows = {row["name"]: row for row in leadpipe.json("field", "list", "--record", "lead")["items"]}
    assert (rows["shoe_size"]["type"], rows["tier"]["options"], rows["tier"]["label"]) == (
        "number",
        ["Gold", "Silver"],
        "Tier",
    )
    assert "boss" in leadpipe.run("field", "set", "size", "--type", "boss", code=2)
    leadpipe.run("field", "set", "pan", "--unique", "--junk", "AAAAA0000A")
    assert leadpipe.json("field", "show", "pan")["junk"] == ["AAAAA0000A"]
    leadpipe.run("field", "show", "nothing", code=1)


def test_presets_and_conditions_by_command(leadpipe: Leadpipe, tmp_path: Path) -> None:
    assert "leadsquared-lead" in [row["name"] for row in leadpipe.json("preset", "list")["items"]]
    assert leadpipe.json("preset", "show", "leadsquared-lead")["primary_key"]
    assert "leadsquared-lead" in leadpipe.run("preset", "show", "leadsquared-led", code=1)
    file = tmp_path / "conditions.toml"
    file.write_text('name = "conditions"\npreset = "generic-json"\n')
    leadpipe.run("connector", "apply", str(file))
    when = ("--when", "country=IN", "--when", "kind=a", "--when", "kind=b")
    leadpipe.run("connector", "map", "conditions", "town", "lead.city", *when)
    leadpipe.run("connector", "map", "conditions", "town", "lead.city", "--when", "country", code=2)
    exported = tomllib.loads(leadpipe.run("connector", "export", "conditions"))
    assert [row["when"] for row in exported["map"]] == [{"country": "IN", "kind": ["a", "b"]}]
    assert "Shoe size" in leadpipe.run("field", "list")
    leadpipe.run("field", "remove", "shoe_size", "--yes")
    leadpipe.run("field", "remove", "city", "--yes", code=1)  # a standard field, as it ships
