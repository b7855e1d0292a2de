"""What is removed: it is looked for first, and the question names what goes with it; none without a terminal.

The commands run at a terminal of their own (a pseudo-terminal), where a person would answer.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from asyncio import run
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.secrets.seal import new_key
from tests.support.daemon import Leadpipe, installed
from tests.support.postgres import PrivatePostgres

CONNECTOR = 'name = "shop"\npreset = "generic-json"\ndefault_country = "IN"\n'
KEYED = '[auth]\nscheme = "header"\nheader = "X-Key"\nsecrets = ["stored:crm"]\n'


@pytest.fixture(scope="module")
def leadpipe(postgres: PrivatePostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Leadpipe]:
    folder = tmp_path_factory.mktemp("removing")
    with installed(folder, run(postgres.create()), secret_key=new_key()) as one:
        file = folder / "shop.toml"
        file.write_text(CONNECTOR)
        one.run("connector", "apply", str(file))
        one.run("field", "set", "shoe_size", "--type", "number")
        one.run("user", "create", "kim@example.com", "--role", "admin")
        one.run("user", "field", "add", "is_employee", "--type", "boolean")
        one.run("user", "set", "kim@example.com", "--field", "is_employee=yes")
        one.ran("secret", "set", "crm", stdin="hush")
        yield one


def at_terminal(leadpipe: Leadpipe, answer: str, *arguments: str) -> tuple[int, str]:
    """Run a command where its input and output are a terminal; its exit code, and all that the terminal showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli.main", *arguments],
        env={**leadpipe.environment, "COLUMNS": "300"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        close_fds=True,
    )
    os.close(theirs)
    os.write(ours, answer.encode())
    seen = b""
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:  # nobody has the terminal open any more
            break
        if not part:
            break
        seen += part
    os.close(ours)
    return process.wait(timeout=60), seen.decode()


# what goes, the words of its question, and how it is told that it is not there
GOING = [
    (("connector", "remove", "shop"), ("'shop'", "generic-json", "webhook URL"), ("connector", "remove", "nope")),
    (("field", "remove", "shoe_size"), ("lead.shoe_size", "number", "stay stored"), ("field", "remove", "nope")),
    (
        ("user", "field", "remove", "is_employee"),
        ("'is_employee'", "values of 1 user"),
        ("user", "field", "remove", "nope"),
    ),
    (("secret", "remove", "crm"), ("'crm'", "No connector names it"), ("secret", "remove", "nope")),
]


@pytest.mark.parametrize(("command", "words", "missing"), GOING, ids=lambda each: " ".join(each[:2]))
def test_it_is_looked_for_asked_about_and_kept_where_nobody_says_yes(
    leadpipe: Leadpipe, command: tuple[str, ...], words: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    code, shown = at_terminal(leadpipe, "y\n", *missing)
    assert code == 1 and "nope" in shown and "?" not in shown.replace("y\r\n", ""), shown
    code, shown = at_terminal(leadpipe, "n\n", *command)
    assert code == 1 and "[y/N]" in shown, shown
    assert all(word in shown for word in words), shown
    leadpipe.run(*missing, code=1)  # not found comes first, without a terminal too
    if command[0] != "secret":
        told = leadpipe.run(*command, code=2)
        assert "--yes" in told and all(word in told for word in words), told
    code, shown = at_terminal(leadpipe, "y\n", *command)
    assert code == 0, shown
    leadpipe.run(*command, "--yes", code=1)  # it is gone


def test_a_key_and_a_letter_are_asked_about_at_a_terminal_alone(leadpipe: Leadpipe) -> None:
    key = leadpipe.json("key", "create", "--user", "kim@example.com", "--name", "nightly")
    code, shown = at_terminal(leadpipe, "n\n", "key", "revoke", str(key["id"]))
    assert code == 1 and "'nightly'" in shown and key["prefix"] in shown and "kim@example.com" in shown
    assert key["key"] not in shown
    assert leadpipe.json("key", "show", str(key["id"]))["revoked_at"] is None
    leadpipe.run("key", "revoke", str(key["id"]))  # as scripts do
    assert leadpipe.json("key", "show", str(key["id"]))["revoked_at"]
    for missing in (("key", "revoke", "999999"), ("dead", "discard", "999999")):
        code, shown = at_terminal(leadpipe, "y\n", *missing)
        assert code == 1 and "999999" in shown and "[y/N]" not in shown, shown


def test_a_secret_that_is_named_is_not_asked_about(leadpipe: Leadpipe, tmp_path: Path) -> None:
    leadpipe.ran("secret", "set", "crm", stdin="hush")
    file = tmp_path / "keyed.toml"
    file.write_text(CONNECTOR.replace("shop", "keyed") + KEYED)
    leadpipe.run("connector", "apply", str(file))
    code, shown = at_terminal(leadpipe, "y\n", "secret", "remove", "crm")
    assert code == 1 and "keyed" in shown and "[y/N]" not in shown, shown


def test_what_has_no_file_is_not_removed_without_a_word(leadpipe: Leadpipe, tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text(CONNECTOR.replace("shop", "other"))
    leadpipe.run("connector", "apply", str(file))
    before = [row["name"] for row in leadpipe.json("connector", "list")["items"]]
    alone = tmp_path / "alone.toml"
    alone.write_text(CONNECTOR.replace("shop", "alone"))
    told = leadpipe.run("connector", "apply", "--prune", str(alone), code=2)
    assert "other" in told and "--yes" in told
    assert [row["name"] for row in leadpipe.json("connector", "list")["items"]] == before
