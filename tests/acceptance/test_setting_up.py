"""Setting a connector up by command: what does nothing is said, and nobody is overwritten."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.acceptance.conftest import Install
from tests.support.daemon import Leadpipe

IDLE = 'name = "idle"\npreset = "generic-json"\nprimary_key = "phone"\nsecondary_key = "phone"\n'


@pytest.fixture(scope="module")
def leadpipe(install: Install) -> Leadpipe:
    return install("postgresql")


def file_of(folder: Path, text: str = IDLE) -> str:
    """A connector's file."""
    file = folder / "connector.toml"
    file.write_text(text)
    return str(file)


def test_a_warning_is_told_by_plan_by_apply_and_by_show(leadpipe: Leadpipe, tmp_path: Path) -> None:
    file = file_of(tmp_path)
    warning = "warning: secondary_key: it is 'phone', which is the primary key too"
    assert warning in leadpipe.run("connector", "apply", file, "--plan")
    out, told = leadpipe.ran("connector", "apply", file)
    assert "created idle" in out and warning in told
    assert warning in leadpipe.run("connector", "show", "idle")
    assert leadpipe.json("connector", "show", "idle")["warnings"][0]["field"] == "secondary_key"


def test_who_asks_for_it_saves_nothing_that_does_nothing(leadpipe: Leadpipe, tmp_path: Path) -> None:
    file = file_of(tmp_path, IDLE.replace("idle", "strict"))
    _, told = leadpipe.ran("connector", "apply", file, "--strict", code=1)
    assert "nothing was saved" in told and "strict: secondary_key" in told
    leadpipe.ran("connector", "apply", file, "--plan", "--strict", code=1)
    leadpipe.ran("connector", "show", "strict", code=1)


def test_one_setting_is_changed_and_the_others_stay(leadpipe: Leadpipe, tmp_path: Path) -> None:
    leadpipe.run(
        "connector", "apply", file_of(tmp_path, 'name = "web"\npreset = "generic-json"\nlead_source = "Site"\n')
    )
    told = leadpipe.run("connector", "set", "web", "default_country=IN", "sync.lead=update", 'blank_words=["none"]')
    assert "changed web, revision 2" in told and "default_country" in told
    shown = leadpipe.json("connector", "show", "web")["settings"]
    assert (shown["default_country"], shown["sync"], shown["blank_words"]) == ("IN", {"lead": "update"}, ["none"])
    assert shown["lead_source"] == "Site"
    leadpipe.run("connector", "set", "web", "lead_source=")
    assert "lead_source" not in leadpipe.json("connector", "show", "web")["settings"]
    for wrong in ("default_country=XX", "nonsense", "a.=1", "=1"):
        leadpipe.ran("connector", "set", "web", wrong, code=2)
    assert leadpipe.json("connector", "show", "web")["revision"] == 3


def test_show_tells_what_is_in_force_and_what_differs(leadpipe: Leadpipe, tmp_path: Path) -> None:
    text = 'name = "shown"\npreset = "generic-json"\nblank = "clear"\n[[map]]\nfrom = "town"\nto = "lead.city"\n'
    leadpipe.run("connector", "apply", file_of(tmp_path, text))
    told = leadpipe.run("connector", "show", "shown")
    [blank] = [line for line in told.splitlines() if line.startswith("blank ")]
    assert blank.split() == ["blank", "clear", "connector", "*", "keep"]
    assert any(line.split()[:2] == ["enabled", "yes"] and "default" in line for line in told.splitlines()), told
    assert [line.split()[-1] for line in told.splitlines() if "lead.city" in line] == ["connector"]


def test_the_demonstration_overwrites_nothing_that_somebody_has_edited(install: Install, tmp_path: Path) -> None:
    leadpipe = install("postgresql")
    examples = tmp_path / "examples"
    shutil.copytree(Path(__file__).parents[2] / "deploy" / "examples", examples)
    for again in (False, True):
        process = leadpipe.start("up", "--demo", str(examples))
        leadpipe.ready()
        leadpipe.stop()
        assert process.returncode == 0
        if not again:
            leadpipe.run("connector", "set", "website", "lead_source=My own")
            for name in ("website", "marketplace"):
                file = examples / f"{name}.toml"
                file.write_text(file.read_text().replace(f'name = "{name}"', f'name = "{name}"\nblank = "clear"', 1))
    edited, as_it_was_made = (
        leadpipe.json("connector", "show", name)["settings"] for name in ("website", "marketplace")
    )
    assert (edited["lead_source"], edited.get("blank")) == ("My own", None)
    assert as_it_was_made["blank"] == "clear"
    assert leadpipe.log().count("has been edited") == 1
