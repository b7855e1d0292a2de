"""Exit codes of all commands: 0 done, 1 failed or not found, 2 wrong use (DESIGN section 8)."""

from __future__ import annotations

from asyncio import run
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.main import get_command

from pipeline.cli.main import app
from pipeline.secrets.seal import new_key
from tests.support.daemon import Leadpipe, installed
from tests.support.postgres import PrivatePostgres

CONNECTOR = 'name = "shop"\npreset = "generic-json"\ndefault_country = "IN"\n'
NOBODY = str(UUID(int=1))
# What each command is asked about that is not there. FILE is a connector's file, EVENT one of JSON.
NOT_FOUND: dict[str, tuple[str, ...]] = {
    "send": ("EVENT", "--connector", "nope"),
    "connector export": ("nope",),
    "connector show": ("nope",),
    "connector enable": ("nope",),
    "connector disable": ("nope",),
    "connector set": ("nope", "default_country=IN"),
    "connector rename": ("nope", "other"),
    "connector remove": ("nope", "--yes"),
    "connector url": ("nope",),
    "connector map": ("nope", "a", "lead.city"),
    "connector unmap": ("nope", "lead.city"),
    "connector edit": ("nope",),
    "connector revisions": ("nope",),
    "connector diff": ("shop", "9"),
    "connector restore": ("shop", "9"),
    "connector try": ("nope", "EVENT"),
    "connector compare": ("nope", "--draft", "FILE"),
    "connector capture": (NOBODY,),
    "connector notes": ("nope",),
    "journal list": ("--connector", "nope"),
    "journal show": (NOBODY,),
    "journal retry": (NOBODY,),
    "lead show": (NOBODY,),
    "lead explain": (NOBODY,),
    "lead history": (NOBODY,),
    "lead key list": (NOBODY,),
    "lead key release": (NOBODY, "phone", "+919822012345"),
    "lead merge": (NOBODY, str(UUID(int=2))),
    "lead unmerge": (NOBODY,),
    "dead list": ("--connector", "nope"),
    "dead show": ("999",),
    "dead replay": ("999",),
    "dead edit": ("999", "EVENT"),
    "dead discard": ("999", "--yes"),
    "refused list": ("--connector", "nope"),
    "refused show": ("999",),
    "refused send": ("999",),
    "conflict list": ("--connector", "nope"),
    "conflict show": ("999",),
    "conflict resolve": ("999", "--use", NOBODY),
    "user set": ("nobody@example.com", "--name", "x"),
    "user show": ("nobody@example.com",),
    "user field relabel": ("nope", "Label"),
    "user field remove": ("nope", "--yes"),
    "key create": ("--user", "nobody@example.com"),
    "key show": ("999",),
    "key rotate": ("999",),
    "key revoke": ("999", "--yes"),
    "field show": ("nope",),
    "field remove": ("nope", "--yes"),
    "secret remove": ("nope", "--yes"),
    "preset show": ("nope",),
}
# These look nothing up that a person names, or run until they are told to stop.
NAMELESS = {
    *("up", "ingress", "work", "migrate", "check", "stages", "audit", "bench", "connector apply", "connector schema"),
    *("connector list", "connector test", "lead find", "dead groups", "account create", "account list"),
    *("account changes", "user create", "user list", "user field add", "user field list", "key list", "field list"),
    *("field set", "secret set", "secret list", "secret key", "secret reseal", "preset list"),
}
# Something that makes no sense, beside an option that there is not.
WRONG: tuple[tuple[str, ...], ...] = (
    ("work", "normalise"),
    ("connector", "apply", "no-such.toml"),
    ("connector", "export"),
    ("connector", "url", "shop", "--keep", "1h"),
    ("connector", "url", "shop", "--rotate", "--keep", "soon"),
    ("connector", "map", "shop", "a", "lead.nowhere"),
    ("connector", "try", "shop", "no-such.json"),
    ("journal", "list", "--outcome", "lost"),
    ("journal", "list", "--since", "soon"),
    ("journal", "list", "--limit", "0"),
    ("journal", "list", "--limit", "1001"),
    ("journal", "list", "--after", "x"),
    ("lead", "find", "--after", "x"),
    ("dead", "list", "--status", "lost"),
    ("dead", "list", "--until", "2026-02-30"),
    ("dead", "replay"),
    ("refused", "list", "--status", "200"),
    ("refused", "send"),
    ("conflict", "list", "--state", "lost"),
    ("account", "create", ""),
    ("user", "create", "no-address"),
    ("user", "create", "kim@example.com", "--role", "boss"),
    ("key", "create", "--user", "kim@example.com", "--scope", "all"),
    ("key", "show", "x"),
    ("field", "list", "--record", "deal"),
    ("field", "set", "Not A Name"),
    ("secret", "set", "Not A Name"),
    ("audit", "--since", "soon"),
)
DONE: tuple[tuple[str, ...], ...] = (
    *(
        (*name.split(), "--json")
        for name in ("connector list", "journal list", "lead find", "dead list", "dead groups")
    ),
    *((*name.split(), "--json") for name in ("refused list", "conflict list", "account list", "account changes")),
    *((*name.split(), "--json") for name in ("user list", "user field list", "key list", "field list", "secret list")),
    ("preset", "list"),
    ("connector", "show", "shop"),
    ("connector", "diff", "shop", "1"),
    ("connector", "schema"),
    ("secret", "key"),
    ("migrate",),
)


@pytest.fixture(scope="module")
def leadpipe(postgres: PrivatePostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Leadpipe]:
    folder = tmp_path_factory.mktemp("codes")
    with installed(folder, run(postgres.create()), secret_key=new_key()) as one:
        (folder / "shop.toml").write_text(CONNECTOR)
        (folder / "event.json").write_text('{"phone": "+919822012345"}')
        one.run("connector", "apply", str(folder / "shop.toml"))
        one.run("key", "create", "--user", "kim@example.com")
        yield one


def commands(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """All commands by name."""
    if hasattr(command, "commands"):
        for each, below in command.commands.items():
            yield from commands(below, f"{name} {each}".strip())
    else:
        yield name, command


EVERY = dict(commands(get_command(app)))


def given(leadpipe: Leadpipe, arguments: tuple[str, ...]) -> list[str]:
    files: dict[str, Path] = {"FILE": leadpipe.folder / "shop.toml", "EVENT": leadpipe.folder / "event.json"}
    return [str(files.get(each, each)) for each in arguments]


def test_every_command_is_here() -> None:
    missing = set(EVERY) - set(NOT_FOUND) - NAMELESS
    assert missing == set(), "say in NOT_FOUND how these are asked about what is not there"
    assert set(NOT_FOUND) <= set(EVERY)


@pytest.mark.parametrize("name", sorted(NOT_FOUND))
def test_what_is_not_found_is_1_in_one_line(leadpipe: Leadpipe, name: str) -> None:
    out, err = leadpipe.ran(*name.split(), *given(leadpipe, NOT_FOUND[name]), code=1)
    [line] = [each for each in err.splitlines() if each.startswith("leadpipe: ")]
    assert out == "" and "Traceback" not in err and "?" not in line, err


@pytest.mark.parametrize("name", sorted(each for each in NOT_FOUND if each not in ("preset show",)))
def test_an_account_that_is_not_there_is_1_too(leadpipe: Leadpipe, name: str) -> None:
    told = leadpipe.run(*name.split(), *given(leadpipe, NOT_FOUND[name]), "--account", "nobody", code=1)
    assert "no account 'nobody'" in told and "leadpipe account list" in told


@pytest.mark.parametrize("name", sorted(EVERY))
def test_an_option_that_there_is_not_is_2_and_help_is_0(leadpipe: Leadpipe, name: str) -> None:
    from tests.support.command import here

    assert here([*name.split(), "--no-such-option"], leadpipe.environment)[0] == 2
    assert here([*name.split(), "--help"], leadpipe.environment)[0] == 0


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_what_makes_no_sense_is_2(leadpipe: Leadpipe, arguments: tuple[str, ...]) -> None:
    from tests.support.command import here

    code, out, err = here(list(arguments), leadpipe.environment, "hush")
    assert (code, out) == (2, ""), (code, out, err)
    assert err and "Traceback" not in err


@pytest.mark.parametrize("arguments", DONE, ids=" ".join)
def test_what_is_done_is_0(leadpipe: Leadpipe, arguments: tuple[str, ...]) -> None:
    leadpipe.run(*arguments)
