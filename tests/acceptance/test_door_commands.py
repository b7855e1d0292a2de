"""`leadpipe secret`, `leadpipe connector url` and what `check` says of secrets, as an administrator uses them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.secrets.seal import new_key
from tests.support.daemon import Leadpipe, installed

VALUE = "hush-hush-hush"
CRM = """
name = "crm"
preset = "leadsquared-lead"
[auth]
secrets = ["stored:crm", "env:CRM_OLD"]
"""


@pytest.fixture
def leadpipe(database_url: str, tmp_path: Path) -> Iterator[Leadpipe]:
    with installed(tmp_path, database_url, secret_key=new_key(), public_url="https://hooks.example.com") as one:
        yield one


def checked(leadpipe: Leadpipe) -> dict[str, Any]:
    """What `check` says of secrets; nobody works here, so that it ends with 1."""
    found = orjson.loads(leadpipe.run("check", "--json", code=1).partition("\n]")[0] + "\n]")
    return {row["what"]: row for row in found}["secrets"]


def test_a_secret_from_its_setting_to_its_end(leadpipe: Leadpipe, tmp_path: Path) -> None:
    file = tmp_path / "crm.toml"
    file.write_text(CRM)
    refused = leadpipe.run("connector", "apply", str(file), code=2)
    assert "stored:crm: the account has no such secret; set it first: leadpipe secret set crm" in refused
    leadpipe.ran("secret", "set", "crm", code=2, stdin="\n")
    leadpipe.ran("secret", "set", "Not A Name", code=2, stdin=VALUE)
    said = "".join(leadpipe.ran("secret", "set", "crm", stdin=f"{VALUE}\n"))
    assert VALUE not in said
    assert "stored:crm" in said
    leadpipe.run("connector", "apply", str(file))

    said_of = checked(leadpipe)
    assert not said_of["ok"]
    assert "crm: env:CRM_OLD: the variable is not set" in said_of["found"]
    leadpipe.environment = {**leadpipe.environment, "CRM_OLD": "before"}
    assert checked(leadpipe)["ok"]

    [row] = leadpipe.json("secret", "list")["items"]
    assert (row["name"], row["used_by"]) == ("crm", ["crm"])
    assert "crm" in leadpipe.run("secret", "remove", "crm", code=1)
    old, new = leadpipe.environment["LEADPIPE_SECRET_KEY"], leadpipe.run("secret", "key").strip()
    leadpipe.environment = {**leadpipe.environment, "LEADPIPE_SECRET_KEY": f"{new},{old}"}
    assert leadpipe.run("secret", "reseal").startswith("1 sealed anew")
    leadpipe.environment = {**leadpipe.environment, "LEADPIPE_SECRET_KEY": new}
    assert checked(leadpipe)["ok"]
    leadpipe.environment = {**leadpipe.environment, "LEADPIPE_SECRET_KEY": old}
    assert "holds another key" in checked(leadpipe)["found"]

    for shown in (
        leadpipe.run("secret", "list"),
        leadpipe.run("connector", "show", "crm"),
        leadpipe.run("connector", "export", "crm"),
        leadpipe.run("connector", "revisions", "crm"),
    ):
        assert VALUE not in shown and new not in shown
    leadpipe.run("connector", "remove", "crm", "--yes")
    assert leadpipe.run("secret", "remove", "crm") == "removed crm\n"
    assert leadpipe.json("secret", "list")["items"] == []


def test_a_webhook_url_with_its_steps_replaced_and_withdrawn(leadpipe: Leadpipe) -> None:
    first = leadpipe.apply("crm-leads")["crm-leads"]
    assert leadpipe.run("connector", "url", "crm-leads") == f"{first}\n"
    steps = leadpipe.run("connector", "url", "crm-leads", "--steps")
    assert first.removeprefix("https://") in steps.partition("\n")[2]
    assert "Verify" in steps and "{" not in steps
    second = leadpipe.run("connector", "url", "crm-leads", "--rotate", "--keep", "24h").strip()
    assert second.startswith("https://hooks.example.com/in/") and second != first
    told = leadpipe.json("connector", "url", "crm-leads")
    assert [row["url"] for row in told["items"]] == [second, first]
    assert told["items"][0]["valid_until"] is None and told["items"][1]["valid_until"]
    assert "until" in leadpipe.run("connector", "url", "crm-leads", "--all").splitlines()[1]
    assert leadpipe.run("connector", "url", "crm-leads", "--withdraw", "--all") == f"{second}\n"
    for wrong in (
        ("--keep", "1h"),
        ("--rotate", "--withdraw"),
        ("--rotate", "--keep", "soon"),
        ("--rotate", "--keep", "91d"),
    ):
        leadpipe.run("connector", "url", "crm-leads", *wrong, code=2)
    leadpipe.run("connector", "url", "nobody", code=1)
    assert leadpipe.run("connector", "url", "crm-leads") == f"{second}\n"
    third = leadpipe.run("connector", "url", "crm-leads", "--rotate").strip()  # nobody said: as over HTTP, a day
    told = leadpipe.json("connector", "url", "crm-leads")
    assert [(row["url"], row["valid_until"] is None) for row in told["items"]] == [(third, True), (second, False)]
    leadpipe.run("connector", "url", "crm-leads", "--rotate", "--keep", "0")
    assert len(leadpipe.json("connector", "url", "crm-leads")["items"]) == 1
