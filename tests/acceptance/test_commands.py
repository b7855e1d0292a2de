"""What commands say when a file, an editor or a name will not do: one line, and never a trace."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from pipeline.cli.session import loop_run
from tests.support.command import command
from tests.support.daemon import Leadpipe, installed

CONNECTOR = 'name = "shop"\npreset = "generic-json"\ndefault_country = "IN"\n'


@pytest.fixture
def leadpipe(database_url: str, tmp_path: Path) -> Iterator[Leadpipe]:
    with installed(tmp_path, database_url) as one:
        file = tmp_path / "shop.toml"
        file.write_text(CONNECTOR)
        one.run("connector", "apply", str(file))
        yield one


def with_editor(leadpipe: Leadpipe, editor: str) -> Leadpipe:
    return replace(leadpipe, environment={**leadpipe.environment, "VISUAL": "", "EDITOR": editor})


def test_a_file_that_cannot_be_written_is_said_in_one_line(leadpipe: Leadpipe, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    events = tmp_path / "one.json"
    events.write_text('{"name": "Sam", "phone": "98220 12345"}')
    beyond = str(tmp_path / "taken" / "beyond")
    for arguments in (
        ("connector", "export", "shop", "--into", beyond),
        ("connector", "schema", "--output", beyond),
        ("send", str(events), "--connector", "shop", "--ids", beyond),
    ):
        [line] = leadpipe.run(*arguments, code=1).splitlines()
        assert line.startswith("leadpipe: ") and "cannot be written" in line and beyond in line


def test_a_port_that_is_taken_is_said_in_one_line(leadpipe: Leadpipe) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        door = replace(leadpipe, environment={**leadpipe.environment, "LEADPIPE_HTTP_PORT": port})
        for told in (door.run("ingress", code=1), leadpipe.run("work", "notify", "--port", port, code=1)):
            assert f"leadpipe: cannot listen on 127.0.0.1:{port}: address already in use; set LEADPIPE_HTTP_" in told
            assert "Traceback" not in told


def test_an_exported_folder_holds_each_connector_and_the_schema(leadpipe: Leadpipe, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    assert leadpipe.run("connector", "export", "--all", "--into", str(folder)) == f"wrote {folder / 'shop.toml'}\n"
    assert sorted(file.name for file in folder.iterdir()) == ["connector.schema.json", "shop.toml"]


def test_an_editor_that_is_not_there_or_fails_is_said_in_one_line(leadpipe: Leadpipe) -> None:
    for editor, told in (("no-such-editor", "no-such-editor"), ("false", "exit code 1"), ('"', "No closing quotation")):
        [line] = with_editor(leadpipe, editor).run("connector", "edit", "shop", code=1).splitlines()
        assert line.startswith("leadpipe: the editor ") and told in line


def test_what_the_editor_leaves_as_it_is_stays(leadpipe: Leadpipe, tmp_path: Path) -> None:
    assert with_editor(leadpipe, "true").run("connector", "edit", "shop") == "nothing was changed\n"
    script = tmp_path / "misspell.py"
    script.write_text("import sys\nwith open(sys.argv[-1], 'a') as file:\n    file.write('colour = 1\\n')\n")
    told = with_editor(leadpipe, f"{sys.executable} {script}").run("connector", "edit", "shop", code=1)
    assert "refused shop" in told and "colour" in told and "Edit again?" in told
    assert leadpipe.json("connector", "list")["items"][0]["revision"] == 1


def test_an_account_has_a_name_that_can_be_read(leadpipe: Leadpipe) -> None:
    for name in ("", " ", "two\nlines"):
        [line] = leadpipe.run("account", "create", name, code=2).splitlines()
        assert line.startswith(f"leadpipe: no account is made: name {name!r}: must have")
    assert [row["name"] for row in leadpipe.json("account", "list")["items"]] == ["default"]


def test_what_no_database_can_hold_is_refused_before_one_is_asked(leadpipe: Leadpipe) -> None:
    beyond = str(2**63)
    for arguments, told in (
        (("dead", "show", beyond), "less than or equal to"),
        (("dead", "discard", beyond), "less than or equal to"),
        (("dead", "list", "--after", beyond), "less than or equal to"),
        (("conflict", "show", beyond), "less than or equal to"),
        (("key", "revoke", beyond), "less than or equal to"),
        (("key", "create", "--user", "sam@example.com", "--days", beyond), "less than or equal to"),
        (("journal", "list", "--since", "999999d"), "'999999d' is longer ago than calendars go"),
        (("journal", "list", "--until", "0001-01-01T00:00+05:00"), "must lie between 1971 and 2199"),
    ):
        assert told in leadpipe.run(*arguments, code=2)


def test_what_is_not_utf_8_is_said_in_one_line(leadpipe: Leadpipe) -> None:
    code, out, told = command(["lead", "find", "Zo\udceb"], leadpipe.environment)
    assert (code, out, told) == (2, "", "leadpipe: 'Zo\\udceb' is not UTF-8, as every name and text must be\n")


def test_what_is_logged_meanwhile_is_no_output(capsys: pytest.CaptureFixture[str]) -> None:
    async def work() -> None:
        structlog.get_logger().warning("the broker is slow")

    loop_run(work())
    printed = capsys.readouterr()
    assert printed.out == "" and "the broker is slow" in printed.err
