"""The shell completes names, outcomes and kinds; where no server is, it says nothing, and nothing is started."""

from __future__ import annotations

from asyncio import run
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from pipeline.secrets.seal import new_key
from tests.support.command import command
from tests.support.daemon import Leadpipe, installed
from tests.support.postgres import PrivatePostgres


@pytest.fixture(scope="module")
def leadpipe(postgres: PrivatePostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Leadpipe]:
    folder = tmp_path_factory.mktemp("completing")
    with installed(folder, run(postgres.create()), secret_key=new_key()) as one:
        for name in ("shop", "shoes", "market"):
            file = folder / f"{name}.toml"
            file.write_text(f'name = "{name}"\npreset = "generic-json"\n')
            one.run("connector", "apply", str(file))
        one.run("key", "create", "--user", "kim@example.com")
        one.run("user", "field", "add", "is_employee", "--type", "boolean")
        one.run("field", "set", "shoe_size", "--type", "number")
        one.ran("secret", "set", "crm", stdin="hush")
        one.run("account", "create", "acme")
        yield one


def offered(environment: Mapping[str, str], line: str) -> tuple[list[str], str]:
    """What bash is offered at the end of this line, and what was said on standard error."""
    asking = {
        **environment,
        "_LEADPIPE_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
    }
    _, out, err = command([], asking)
    return out.split(), err


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("leadpipe connector show ", ["market", "shoes", "shop"]),
        ("leadpipe connector show sho", ["shoes", "shop"]),
        ("leadpipe connector remove m", ["market"]),
        ("leadpipe journal list --connector sh", ["shoes", "shop"]),
        ("leadpipe journal list --outcome ", ["created", "updated", "unchanged", "dropped", "failed"]),
        ("leadpipe journal list --outcome un", ["unchanged"]),
        ("leadpipe journal list --since to", ["today"]),
        ("leadpipe dead list --stage no", ["normalize", "notify"]),
        ("leadpipe dead list --status d", ["dead", "discarded"]),
        ("leadpipe dead list --kind p", ["poison"]),
        ("leadpipe dead replay --from-stage ma", ["map"]),
        ("leadpipe conflict list --state o", ["open"]),
        ("leadpipe work up", ["upsert"]),
        ("leadpipe user show k", ["kim@example.com"]),
        ("leadpipe user set kim@example.com --role e", ["editor"]),
        ("leadpipe user field remove i", ["is_employee"]),
        ("leadpipe key revoke ", ["1"]),
        ("leadpipe key create --scope dead:", ["dead:read", "dead:write"]),
        ("leadpipe field show sho", ["shoe_size"]),
        ("leadpipe field show --record call dir", ["direction"]),
        ("leadpipe field set x --type date", ["date", "datetime"]),
        ("leadpipe lead explain x --field shoe", ["shoe_size"]),
        ("leadpipe connector unmap shop lead.shoe", ["lead.shoe_size"]),
        ("leadpipe secret remove c", ["crm"]),
        ("leadpipe preset show leadsquared-c", ["leadsquared-call-log"]),
        ("leadpipe connector list --account a", ["acme"]),
        ("leadpipe connector show --account acme ", []),  # it has none
        ("leadpipe connector show nobody", []),
    ],
)
def test_names_are_offered(leadpipe: Leadpipe, line: str, names: list[str]) -> None:
    said, err = offered(leadpipe.environment, line)
    assert (said, err) == (names, "")


@pytest.mark.parametrize(
    "line", ["leadpipe connector show s", "leadpipe user show ", "leadpipe connector list --account a"]
)
@pytest.mark.parametrize(
    "settings",
    [
        {},  # a private PostgreSQL that does not run
        {"LEADPIPE_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"},
        {"LEADPIPE_DATABASE_URL": "no url at all"},
        {"LEADPIPE_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none", "LEADPIPE_DATABSE_URL": "misspelt"},
    ],
)
def test_where_no_server_is_nothing_is_said_and_nothing_started(
    leadpipe: Leadpipe, tmp_path: Path, settings: dict[str, str], line: str
) -> None:
    environment = {name: value for name, value in leadpipe.environment.items() if not name.startswith("LEADPIPE_")}
    folder = tmp_path / "data"
    assert offered({**environment, "LEADPIPE_DATA_DIR": str(folder), **settings}, line) == ([], "")
    assert not folder.exists()


def test_what_needs_no_server_is_offered_without_one(leadpipe: Leadpipe, tmp_path: Path) -> None:
    environment = {name: value for name, value in leadpipe.environment.items() if not name.startswith("LEADPIPE_")}
    environment["LEADPIPE_DATA_DIR"] = str(tmp_path / "data")
    assert offered(environment, "leadpipe preset show indiamart") == (["indiamart-push"], "")
    assert offered(environment, "leadpipe dead list --stage de") == (["dedupe"], "")
