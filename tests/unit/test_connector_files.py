"""`connector apply|export|revisions|diff|restore` by the command line: planned, whole or not at all, and back again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.store.catalog import Catalog
from pipeline.store.database import Database
from tests.support.command import here
from tests.support.journalled import saved, through

ACME = """\
#:schema ./connector.schema.json

# a comment, which no export keeps
name = "acme"
preset = "generic-json"
default_country = "IN"
primary_key = "phone"
further_keys = ["pan"]

[sync]
lead = "update"

[[fields]]
name = "pan"
label = "PAN"
unique = true

[[map]]
from = "pan"
to = "lead.pan"
"""
USES_IT = 'name = "second"\npreset = "generic-json"\n\n[[map]]\nfrom = "taxId"\nto = "lead.pan"\n'
PLAIN = 'name = "plain"\npreset = "generic-json"\nenabled = false\n'


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    return {"LEADPIPE_DATABASE_URL": database_url, "LEADPIPE_DATA_DIR": str(tmp_path / "data"), "HOME": str(tmp_path)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "connectors"
    made.mkdir()
    for name, text in (("acme", ACME), ("a-second", USES_IT), ("plain", PLAIN)):
        (made / f"{name}.toml").write_text(text)
    return made


def run(environment: Mapping[str, str], *arguments: str | Path, code: int = 0, stdin: str | None = None) -> str:
    """What a command prints, with its errors where it is to fail."""
    ended, out, err = here(["connector", *map(str, arguments)], environment, stdin)
    assert ended == code, f"{arguments} ended with {ended}\n{out}\n{err}"
    return out + (err if code else "")


def states(environment: Mapping[str, str], *arguments: str | Path) -> dict[str, Any]:
    told = json.loads(run(environment, "apply", *arguments, "--json"))
    return {entry["name"]: entry["state"] for entry in told["entries"]} | dict.fromkeys(told["removed"], "removed")


def test_planned_applied_exported_and_applied_again(environment: dict[str, str], folder: Path, tmp_path: Path) -> None:
    plan = run(environment, "apply", "--plan", folder)
    assert "+ create acme" in plan and "makes the lead field pan (text)" in plan and "nothing was written" in plan
    assert json.loads(run(environment, "list", "--json"))["items"] == []
    # the first file in order uses a field that the second one brings along
    assert states(environment, folder) == {"acme": "created", "second": "created", "plain": "created"}
    assert states(environment, folder) == {"acme": "unchanged", "second": "unchanged", "plain": "unchanged"}

    out = tmp_path / "out"
    run(environment, "export", "--all", "--into", out)
    files = {file.name: file.read_bytes() for file in out.iterdir()}
    assert set(files) == {"acme.toml", "second.toml", "plain.toml", "connector.schema.json"}
    assert b"phone" not in files["acme.toml"]  # what the preset says anyway
    assert json.loads(files["connector.schema.json"]) == json.loads(run(environment, "schema"))
    assert set(states(environment, out).values()) == {"unchanged"}
    run(environment, "export", "--all", "--into", out)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == files
    one = run(environment, "export", "acme")
    assert files["acme.toml"].decode() == f"#:schema ./connector.schema.json\n\n{one}"
    run(environment, "export", "nobody", code=1)
    run(environment, "export", code=2)


def test_one_wrong_file_keeps_all_back_and_every_problem_is_named(environment: dict[str, str], folder: Path) -> None:
    wrong = folder / "wrong.toml"
    wrong.write_text(
        'name = "wrong"\npreset = "generic-json"\ntime_zone = "Mars"\nprimary_key = "city"\n'
        '[[map]]\nfrom = "a"\nto = "lead.nowhere"\n[[map]]\nfrom = "b"\nto = "lead.score"\ndefault = "many"\n'
        '[[map]]\nfrom = "c"\nto = "lead.city"\ntransforms = ["upper"]\n'
    )
    (folder / "broken.toml").write_text("name = ")
    (folder / "twice.toml").write_text(PLAIN)
    (folder / "infinite.toml").write_text(
        'name = "x"\npreset = "generic-json"\n[[map]]\nto = "lead.score"\ndefault = inf\n'
    )
    for arguments in (["apply", folder], ["apply", "--plan", folder]):
        told = run(environment, *arguments, code=2)
        for part in ("Mars", "'city'", "nowhere", "many", "'upper'", "broken.toml", "another file has the same name"):
            assert part in told, (part, told)
        assert "a number must be finite" in told
    planned = json.loads(run(environment, "apply", "--plan", folder, "--json", code=2))
    assert planned["changes"] is True
    assert [entry["state"] for entry in planned["entries"] if entry["name"] == "acme"] == ["create"]
    nameless = {Path(entry["origin"]).name: entry["state"] for entry in planned["entries"] if entry["name"] is None}
    assert nameless == {"broken.toml": "refused", "infinite.toml": "refused"}
    assert json.loads(run(environment, "list", "--json"))["items"] == []
    assert run(environment, "apply", folder / "no-such.toml", code=2)


def test_what_would_change_is_shown_field_by_field_and_row_by_row(environment: dict[str, str], folder: Path) -> None:
    run(environment, "apply", folder, "--note", "the first")
    acme = folder / "acme.toml"
    acme.write_text(
        ACME.replace('"IN"', '"US"').replace('lead = "update"', 'lead = "create"')
        + 'transforms = ["trim"]\n\n[[map]]\nfrom = "town"\nto = "lead.city"\ndefault = "Pune"\n'
    )
    (folder / "plain.toml").unlink()
    plan = run(environment, "apply", "--plan", "--prune", folder)
    for line in (
        "~ change acme",
        '    ~ default_country: "IN" → "US"',
        '    ~ sync.lead: "update" → "create"',
        '    + map lead.pan.transforms = ["trim"]',
        '    + map lead.city = { from = "town", to = "lead.city", default = "Pune" }',
        "= unchanged second",
        "- remove plain",
        "1 to change, 1 unchanged, 1 to remove; nothing was written",
    ):
        assert line in plan.splitlines() or any(each.startswith(line) for each in plan.splitlines()), (line, plan)
    assert states(environment, folder, "--note", "moved")["acme"] == "changed"
    listed = json.loads(run(environment, "list", "--json"))["items"]
    assert [row["name"] for row in listed] == ["acme", "plain", "second"]
    assert states(environment, folder, "--prune", "--yes")["plain"] == "removed"
    assert [row["name"] for row in json.loads(run(environment, "list", "--json"))["items"]] == ["acme", "second"]


def test_revisions_say_who_and_why_and_come_back(environment: dict[str, str], folder: Path) -> None:
    run(environment, "apply", folder / "acme.toml", "--note", "the first")
    (folder / "acme.toml").write_text(ACME.replace('"IN"', '"US"'))
    run(environment, "apply", folder / "acme.toml", "--note", "they moved")
    run(environment, "disable", "acme")
    rows = json.loads(run(environment, "revisions", "acme", "--json"))["items"]
    assert [(row["revision"], row["note"], row["changed"]) for row in rows] == [
        (3, "disabled", ["enabled"]),
        (2, "they moved", ["default_country"]),
        (1, "the first", []),
    ]
    assert all(row["saved_by"].endswith(", by command") for row in rows)
    assert "they moved" in run(environment, "revisions", "acme")
    assert run(environment, "diff", "acme", "1", "2").split() == ["~", "default_country:", '"IN"', "→", '"US"']
    assert {row["place"] for row in json.loads(run(environment, "diff", "acme", "1", "--json"))["items"]} == {
        "enabled",
        "default_country",
    }
    assert "revision 4" in run(environment, "restore", "acme", "1")
    assert run(environment, "diff", "acme", "1") == "nothing differs\n"
    assert "in force already" in run(environment, "restore", "acme", "1")
    assert json.loads(run(environment, "revisions", "acme", "--json"))["items"][0]["note"] == "restored revision 1"
    assert "it has 1 to 4" in run(environment, "restore", "acme", "9", code=1)
    run(environment, "revisions", "nobody", code=1)
    run(environment, "remove", "acme", "--yes")
    told = run(environment, "restore", "acme", "2")
    assert "revision 2 of acme restored as revision 1" in told  # another connector, with a history of its own
    assert run(environment, "rename", "acme", "acme-in") == "renamed acme to acme-in\n"
    assert json.loads(run(environment, "revisions", "acme-in", "--json"))["items"][0]["note"] == "renamed from acme"
    assert "digits alone" in run(environment, "rename", "acme-in", "148", code=2)
    run(environment, "rename", "acme", "other", code=1)


def test_rows_are_put_in_and_taken_out_by_command_and_in_an_editor(
    environment: dict[str, str], folder: Path, tmp_path: Path
) -> None:
    run(environment, "apply", folder)
    mapped = ("map", "acme", "mx_Tax", "lead.pan", "--type", "text", "--label", "Tax id", "--transform", "trim")
    table = ("--transform", '{ look_up = { x = "y" } }')
    key = run(environment, *mapped, *table, "--default", "none", "--plan", code=2)
    assert "its default is 'none'" in key and "must come from the source" in key
    shown = run(environment, "map", "acme", "town", "lead.city", "--default", "Pune", "--plan")
    assert "nothing was written" in shown and 'default = "Pune"' in shown
    assert '+ map lead.pan.transforms = ["trim", { look_up = { x = "y" } }]' in run(environment, *mapped, *table)
    exported = run(environment, "export", "acme")
    assert '[[source_fields]]\npath = "mx_Tax"\nlabel = "Tax id"\n' in exported
    assert 'from = "mx_Tax"\nto = "lead.pan"\ntransforms = ["trim", { look_up = { x = "y" } }]\n' in exported
    assert "no field 'nowhere'" in run(environment, "map", "acme", "x", "lead.nowhere", code=2)
    assert "row of its own for 'lead.city'" in run(environment, "unmap", "acme", "lead.city", code=1)
    run(environment, "map", "acme", "town", "lead.city")
    assert "'reject' or 'skip'" in run(environment, "map", "acme", "x", "lead.score", "--unreadable", "lose", code=2)
    run(environment, "map", "acme", "points", "lead.score", "--unreadable", "skip", "--fill")
    assert 'unreadable = "skip"' in run(environment, "export", "acme")
    run(environment, "unmap", "acme", "lead.score")
    run(environment, "unmap", "acme", "lead.city")
    taken = run(environment, "unmap", "acme", "lead.pan", "--source-field", "mx_Tax")
    assert "- source_fields mx_Tax" in taken and "mx_Tax" not in run(environment, "export", "acme")

    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i \'s/default_country = "IN"/default_country = "US"/\' "$1"\n')
    editor.chmod(0o755)
    edited = run({**environment, "EDITOR": str(editor)}, "edit", "acme", stdin="y\n")
    assert '~ default_country: "IN" → "US"' in edited
    assert 'default_country = "US"' in run(environment, "export", "acme")


async def asked(environment: Mapping[str, str], *arguments: str | Path, code: int = 0) -> str:
    """The same out of a loop that runs already."""
    return await asyncio.to_thread(run, environment, *arguments, code=code)


async def test_try_and_compare_by_command(environment: dict[str, str], database: Database, tmp_path: Path) -> None:
    live = await saved(database, {"name": "web", "preset": "generic-json", "default_country": "IN"})
    [id] = await through(database, live, [{"event_id": "1", "phone": "09811122233", "name": "Asha", "score": "7"}])
    payload, draft = tmp_path / "payload.ndjson", tmp_path / "draft.toml"
    payload.write_text('{"phone": "09811122233", "city": "Goa"}\n{"phone": "09811122244", "score": "many"}\n')
    draft.write_text('name = "web"\npreset = "generic-json"\n[[map]]\nfrom = "name"\nto = "lead.score"\n')
    out = await asked(environment, "try", "web", payload, code=1)
    for part in ("event 1 of 2: updated", "found by phone +919811122233", "lead.city", "Goa", "2 of 2: failed", "many"):
        assert part in out, out
    trials = json.loads(await asked(environment, "try", "web", payload, "--json", code=1))["items"]
    assert [trial["outcome"] for trial in trials] == ["updated", "failed"]
    assert trials[1]["failure"]["field"] == "lead.score"
    payload.write_text("phone=09811122255&name=Form")
    form = ("try", "web", payload, "--content-type")
    assert "a new lead" in await asked(environment, *form, "application/x-www-form-urlencoded")
    assert "the ingress would refuse this with 415" in await asked(environment, *form, "image/png", code=2)
    for suffix in (".form", ".txt", ""):  # what has no type of its own is read as a body without one
        other = tmp_path / f"other{suffix}"
        other.write_bytes(b"phone=+919811122255&name=Jos%E9")
        out = await asked(environment, "try", "web", other)
        assert "José" in out and "read as Windows-1252" in out, out
    other.write_bytes('{"phone": "09811122255", "name": "José"}'.encode("latin-1"))
    out = await asked(environment, "try", "web", other, "--content-type", "application/json; charset=ISO-8859-1")
    assert "José" in out and "Windows-1252" not in out
    out = await asked(environment, "compare", "web", "--draft", draft)
    assert "1 events compared: 0 the same, 1 different" in out and "lead.score" in out and id in out
    found = json.loads(await asked(environment, "compare", "web", "--draft", draft, "--json"))
    assert (found["compared"], found["different"], found["ids"]) == (1, 1, [id])
    assert "nobody" in await asked(environment, "compare", "nobody", "--draft", draft, code=1)
    assert await database.fetchval("SELECT count(*) FROM lead") == 1


async def test_workers_take_a_new_revision_and_each_event_says_which_it_was(database: Database) -> None:
    document = {"name": "web", "preset": "generic-json"}
    live = await saved(database, document)
    catalog = Catalog(database)  # one worker's, which goes on
    await catalog.refresh()
    [first] = await through(database, live, [{"email": "a@example.com", "town": "Goa"}], catalog)
    await saved(database, {**document, "map": [{"from": "town", "to": "lead.city"}]})
    await catalog.refresh()  # the daemon does this once a second
    [second] = await through(database, live, [{"email": "a@example.com", "town": "Goa"}], catalog)
    rows = await database.fetch("SELECT event_id, revision, changed FROM journal ORDER BY revision")
    assert [(str(row["event_id"]), row["revision"], row["changed"]) for row in rows] == [
        (first, 1, ["email"]),
        (second, 2, ["city"]),
    ]
