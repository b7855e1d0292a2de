"""A command in any folder finds the installation that is meant, or says where it looked; it makes none by itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.daemon import Leadpipe, installed
from tests.support.postgres import copy_mold

OURS = ("LEADPIPE_DATABASE_URL", "LEADPIPE_DATA_DIR", "LEADPIPE_HTTP_PORT")


@dataclass
class Somewhere:
    """A folder without an installation, and a user of their own."""

    folder: Path
    home: Path
    environment: dict[str, str]

    def asks(self, *arguments: str, **settings: str) -> tuple[int, str]:
        """Run a command there; its exit code and what it printed."""
        environment = {name: value for name, value in self.environment.items() if name not in OURS}
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.cli.main", *arguments],
            cwd=self.folder,
            env={**environment, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout + done.stderr

    @property
    def made(self) -> Sequence[Path]:
        """What commands have made there and at home, but for who runs."""
        found = [*self.folder.rglob("*"), *self.home.rglob("*")]
        return [path for path in found if path.is_file()]


@pytest.fixture
def somewhere(tmp_path: Path) -> Iterator[Somewhere]:
    """A folder elsewhere; nobody runs anything for this user."""
    folder, home = tmp_path / "elsewhere", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    with installed(tmp_path / "unused", "") as one:
        own = {"HOME": str(home), "XDG_STATE_HOME": str(home / "state"), "XDG_DATA_HOME": str(home / "data")}
        yield Somewhere(folder, home, {**one.environment, **own, "PYTHONPATH": str(Path(__file__).parents[2])})


@pytest.fixture
def running(somewhere: Somewhere, tmp_path: Path) -> Iterator[Leadpipe]:
    """An installation of the same user that runs, with a private PostgreSQL, in another folder."""
    (tmp_path / "one" / "data").mkdir(parents=True)
    with installed(tmp_path / "one", "") as one:
        copy_mold(tmp_path / "one" / "data" / "postgres")
        one.environment = {
            **{name: value for name, value in one.environment.items() if name != "LEADPIPE_DATABASE_URL"},
            **{name: somewhere.environment[name] for name in ("HOME", "XDG_STATE_HOME", "XDG_DATA_HOME")},
        }
        one.start("up")
        one.ready()
        yield one


@pytest.mark.parametrize("arguments", [("stages",), ("journal", "list"), ("lead", "find"), ("connector", "list")])
def test_where_there_is_none_it_says_where_it_looked_and_makes_nothing(
    somewhere: Somewhere, arguments: tuple[str, ...]
) -> None:
    code, told = somewhere.asks(*arguments)
    assert code != 0
    for words in ("no installation was found", str(somewhere.folder / "var"), str(somewhere.home / "data")):
        assert words in told, told
    assert "leadpipe up" in told and "LEADPIPE_DATA_DIR" in told and "Traceback" not in told
    assert somewhere.made == []


def test_check_names_the_folder_as_what_is_missing(somewhere: Somewhere) -> None:
    code, told = somewhere.asks("check")
    assert code == 1 and "FAIL  data folder: no installation was found" in told, told
    assert "leadpipe up" in told and somewhere.made == []


def test_a_folder_that_is_named_and_holds_none_is_named(somewhere: Somewhere, tmp_path: Path) -> None:
    code, told = somewhere.asks("stages", LEADPIPE_DATA_DIR=str(tmp_path / "nothing"))
    assert code != 0 and str(tmp_path / "nothing") in told and "Traceback" not in told
    assert not (tmp_path / "nothing").exists()


def test_the_one_that_runs_is_found_from_any_folder_and_of_two_neither_is_taken(
    somewhere: Somewhere, running: Leadpipe, tmp_path: Path
) -> None:
    code, told = somewhere.asks("stages", "--json")
    assert code == 0 and '"normalize"' in told, told
    code, told = somewhere.asks("check")
    assert str(running.folder / "data") in told, told
    assert list(somewhere.folder.rglob("*")) == []
    (tmp_path / "two" / "data").mkdir(parents=True)
    with installed(tmp_path / "two", "") as two:
        copy_mold(tmp_path / "two" / "data" / "postgres")
        kept = {name: value for name, value in two.environment.items() if name != "LEADPIPE_DATABASE_URL"}
        two.environment = {**kept, **{name: running.environment[name] for name in ("HOME", "XDG_STATE_HOME")}}
        two.start("up")
        two.ready()
        code, told = somewhere.asks("stages")
        assert code != 0, told
        for one in (running, two):
            assert str(one.folder / "data") in told and str(one.processes[0].pid) in told, told
        code, told = somewhere.asks("stages", "--json", LEADPIPE_DATA_DIR=str(two.folder / "data"))
        assert code == 0, told
    running.stop()
    code, told = somewhere.asks("stages")
    assert code != 0 and "no installation was found" in told, told


def test_one_that_was_killed_is_not_taken_for_running(somewhere: Somewhere, running: Leadpipe) -> None:
    import psutil

    up = psutil.Process(running.processes[0].pid)
    everyone = [up, *up.children(recursive=True)]
    for process in everyone:
        process.kill()
    psutil.wait_procs(everyone, timeout=20)
    code, told = somewhere.asks("stages")
    assert code != 0 and "no installation was found" in told, told
