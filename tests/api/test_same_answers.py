"""`--json` prints what REST answers: every command that has it, beside its route, pages and refusals included."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.main import get_command

from pipeline.cli.main import app
from pipeline.operations.as_code import to_toml
from pipeline.operations.connectors import parsed
from tests.api.conftest import World
from tests.support.command import here
from tests.support.ports import free_port
from tests.support.stock import settings_of

# What is shown beside its route: the command, and the path that answers the same. {…} is of the stock.
SAME: dict[str, tuple[str, str]] = {
    "account changes": ("", "/account/changes"),
    "user list": ("", "/users"),
    "user show": ("one@default.example.com", "/users/{user}"),
    "user field list": ("", "/user-fields"),
    "key list": ("", "/keys"),
    "key show": ("{key}", "/keys/{key}"),
    "field list": ("--record lead", "/fields?record=lead"),
    "field show": ("{field}", "/fields/lead/{field}"),
    "secret list": ("", "/secrets"),
    "preset list": ("", "/presets"),
    "preset show": ("generic-json", "/presets/generic-json"),
    "connector list": ("", "/connectors"),
    "connector show": ("{connector}", "/connectors/{connector}"),
    "connector revisions": ("{connector}", "/connectors/{connector}/revisions"),
    "connector diff": ("{connector} 1", "/connectors/{connector}/differences?old=1"),
    "connector url": ("{connector}", "/connectors/{connector}/url"),
    "connector notes": ("{connector} --since 2026-01-01", "/connectors/{connector}/notes?since=2026-01-01"),
    "journal list": ("--outcome failed --since yesterday", "/journal?outcome=failed&since=yesterday"),
    "journal show": ("{event}", "/journal/{event}"),
    "dead list": ("--stage map --since 7d", "/dead-letters?stage=map&since=7d"),
    "dead groups": ("", "/dead-letters/groups"),
    "dead show": ("{letter}", "/dead-letters/{letter}"),
    "refused list": ("--until tomorrow", "/refused?until=tomorrow"),
    "refused show": ("{refused}", "/refused/{refused}"),
    "conflict list": ("", "/conflicts"),
    "conflict show": ("{conflict}", "/conflicts/{conflict}"),
    "lead find": ("+919822012345", "/leads?query=%2B919822012345"),
    "lead show": ("{lead}", "/leads/{lead}"),
    "lead explain": ("{lead} --field phone", "/leads/{lead}/explain?field=phone"),
    "lead key list": ("{lead}", "/leads/{lead}/keys"),
    "lead history": ("{lead}", "/leads/{lead}/history"),
}
EVENT = {"event_id": "6", "name": "Six", "phone": "+919822012399", "budget": "45000"}
NEW = settings_of("new-one", lead_source="Site", secondary_key="phone", primary_key="phone")
ALL = {"connectors": [NEW]}
PHONE = {"key": "phone", "value": "+919822012345"}
NOBODY = "0198a3c2-7d1e-7000-8a41-5b1f0c9e2d37"


@dataclass(frozen=True)
class Does:
    """A command that does something, and the call that does the same.

    {…} is of the stock, as it is where it is all of a text. EVENT and NEW are files of what is called so here.
    """

    command: str
    arguments: str
    method: str
    path: str
    body: Any = None
    code: int = 0
    caller: str | None = None  # a member that tells who called


# In the order in which they are done; those of each row after all others of the row, in accounts of their own.
DOES = (
    (
        Does("user create", "new@example.com", "POST", "/users", {"email": "new@example.com"}),
        Does("user set", "one@{account}.example.com --name Kim", "PATCH", "/users/{user}", {"name": "Kim"}),
        Does(
            "key create",
            "--user one@{account}.example.com",
            "POST",
            "/keys",
            {"user": "one@{account}.example.com"},
            caller="parent",
        ),
        Does("key rotate", "{key}", "POST", "/keys/{key}/rotate", {}, caller="parent"),
        Does("field set", "shoe_size --label Size", "POST", "/fields/lead", {"name": "shoe_size", "label": "Size"}),
        Does("field set", "{field} --label PAN", "PATCH", "/fields/lead/{field}", {"label": "PAN"}),
        Does(
            "connector set", "{connector} lead_source=Web", "PATCH", "/connectors/{connector}", {"lead_source": "Web"}
        ),
        Does("connector url", "{connector} --rotate", "POST", "/connectors/{connector}/url/rotate", {}),
        Does("connector url", "{connector} --withdraw", "POST", "/connectors/{connector}/url/withdraw"),
        Does("connector try", "{connector} EVENT", "POST", "/connectors/{connector}/try", {"document": EVENT}),
        Does("connector compare", "{connector} --draft NEW", "POST", "/connectors/{connector}/compare", {"draft": NEW}),
        Does("journal retry", "{event} --no-wait", "POST", "/journal/retry", {"events": ["{event}"]}),
        Does("refused send", "{refused} --no-wait", "POST", "/refused/send", {"ids": ["{refused}"]}),
        Does("conflict resolve", "{conflict} --use {lead}", "POST", "/conflicts/{conflict}/resolve", {"use": "{lead}"}),
        Does("lead merge", "{lead} {lost}", "POST", "/leads/{lead}/merge", {"loser": "{lost}"}),
        Does("lead unmerge", "{lost}", "POST", "/leads/{lost}/unmerge"),
        Does("lead key release", "{lead} phone +919822012345", "POST", "/leads/{lead}/keys/release", PHONE),
        Does("connector apply", "NEW --plan --prune", "POST", "/connector-settings/plan", {**ALL, "prune": True}),
        Does("connector apply", "NEW", "POST", "/connector-settings/apply", ALL),
        Does("connector apply", "NEW --prune --yes", "POST", "/connector-settings/apply", {**ALL, "prune": True}),
    ),
    (
        Does(
            "journal retry",
            f"{{event}} {NOBODY} --timeout 0",
            "POST",
            "/journal/retry?wait=0.1",
            {"events": ["{event}", NOBODY]},
            code=1,
        ),
        Does("refused send", "--all --timeout 0", "POST", "/refused/send?wait=0.1", {}, code=1),
    ),
    (Does("dead replay", "{letter} --no-wait", "POST", "/dead-letters/{letter}/replay"),),
    (Does("dead replay", "--all --timeout 0", "POST", "/dead-letters/replay?wait=0.1", {}, code=1),),
    (Does("dead edit", "{letter} EVENT --no-wait", "POST", "/dead-letters/{letter}/edit", {"document": EVENT}),),
)
# What is refused: the command, and the call that is refused for the same reason.
REFUSED: tuple[tuple[str, str, str, Any], ...] = (
    ("connector show nope", "GET", "/connectors/nope", None),
    ("connector diff {connector} 9", "GET", "/connectors/{connector}/differences?old=9", None),
    ("connector set nope default_country=IN", "PATCH", "/connectors/nope", {"default_country": "IN"}),
    ("connector set {connector} default_country=XX", "PATCH", "/connectors/{connector}", {"default_country": "XX"}),
    ("connector try nope EVENT", "POST", "/connectors/nope/try", {"document": EVENT}),
    (f"journal show {NOBODY}", "GET", f"/journal/{NOBODY}", None),
    ("journal list --connector nope", "GET", "/journal?connector=nope", None),
    (f"lead show {NOBODY}", "GET", f"/leads/{NOBODY}", None),
    ("lead key release {lead} phone nope", "POST", "/leads/{lead}/keys/release", {"key": "phone", "value": "nope"}),
    ("dead show 999", "GET", "/dead-letters/999", None),
    ("refused send 999", "POST", "/refused/send", {"ids": [999]}),
    ("conflict resolve {conflict}", "POST", "/conflicts/{conflict}/resolve", {}),
    ("user create one@{account}.example.com", "POST", "/users", {"email": "one@{account}.example.com"}),
    ("key rotate 999", "POST", "/keys/999/rotate", {}),
    ("field show nope", "GET", "/fields/lead/nope", None),
    ("preset show nope", "GET", "/presets/nope", None),
)
APART = {"stages"}  # asks the broker, which the API here has in memory
OWN = {  # what REST cannot do: these say so in their help, and README.md says what they print
    "account create",
    "account list",
    "audit",
    "bench",
    "check",
    "connector test",
    "send",
}
PAGED = {
    "account changes": "/account/changes",
    "user list": "/users",
    "key list": "/keys",
    "connector list": "/connectors",
    "journal list": "/journal",
    "dead list": "/dead-letters",
    "lead find": "/leads",
}


def commands(command: Any, name: str = "") -> Iterator[tuple[str, str | None]]:
    """All commands by name, each with the help of its --json; None: it has no --json."""
    if hasattr(command, "commands"):
        for each, below in command.commands.items():
            yield from commands(below, f"{name} {each}".strip())
    else:
        yield name, next((option.help for option in command.params if "--json" in option.opts), None)


def test_every_command_with_json_is_here() -> None:
    every = dict(commands(get_command(app)))
    with_json = {name for name, help in every.items() if help is not None}
    like_rest = {*SAME, *(each.command for row in DOES for each in row), *APART}
    assert with_json - like_rest - OWN == set(), "say in SAME or DOES which route answers what this command prints"
    assert like_rest | OWN <= with_json and not like_rest & OWN
    assert {name for name, help in every.items() if help and "REST has no such call" in help} == OWN
    assert {name for name in every if name.split()[-1] in ("list", "show")} <= with_json


def test_the_page_says_what_commands_print_that_rest_does_not_have() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    [told] = [each for each in readme.split("\n\n") if each.startswith("`--json` prints")]
    assert [name for name in sorted(OWN) if f"`{name}`" not in told] == []


async def ran(world: World, *arguments: str) -> tuple[int, str, str]:
    """How a command ends: its exit code, standard output and standard error."""
    settings = world.api.core.settings
    environment = {
        "LEADPIPE_DATABASE_URL": str(settings.database_url),
        "LEADPIPE_DATA_DIR": str(settings.data_dir),
    }
    return await asyncio.to_thread(here, arguments, environment)


async def printed(world: World, *arguments: str, code: int = 0) -> str:
    """What a command of our account prints."""
    ended, out, err = await ran(world, *arguments)
    assert ended == code, (arguments, ended, out, err)
    return out if code == 0 else err


def filled(given: Any, parts: dict[str, Any]) -> Any:
    """The same with {…} replaced; a text that is nothing else becomes the part itself."""
    if isinstance(given, dict):
        return {name: filled(value, parts) for name, value in given.items()}
    if isinstance(given, list):
        return [filled(each, parts) for each in given]
    if not isinstance(given, str):
        return given
    return parts.get(given.strip("{}"), given) if given.startswith("{") else given.format(**parts)


def problem(body: dict[str, Any]) -> dict[str, Any]:
    """Why something is refused, without what to do: that names commands to some, and lists to others."""
    told = {name: value for name, value in body.items() if name != "error"}
    return {**told, "detail": told["detail"].partition(";")[0], "former": set(body["error"])}


def shape(document: Any) -> Any:
    """The members of a document, and of what kind each value is."""
    if isinstance(document, dict):
        return {name: shape(value) for name, value in document.items()}
    if isinstance(document, list):
        return [shape(each) for each in document]
    return type(document).__name__


@pytest.mark.parametrize("row", DOES, ids=lambda row: row[0].command)
async def test_what_is_done_is_told_as_rest_tells_it(world: World, tmp_path: Path, row: tuple[Does, ...]) -> None:
    """REST does it in our account, the command in the other one, which has the same of everything."""
    ours = {**vars(world.ours), "account": world.api.ours.name}
    theirs = {**vars(world.theirs), "account": world.api.theirs.name}
    (tmp_path / "event.json").write_bytes(orjson.dumps(EVENT))
    (tmp_path / "new.toml").write_text(to_toml(parsed(NEW)))
    files = {"EVENT": str(tmp_path / "event.json"), "NEW": str(tmp_path / "new.toml")}
    for does in row:
        rest = await world.api.done(does.method, filled(does.path, ours), filled(does.body, ours))
        words = [files.get(word, word) for word in does.arguments.format(**theirs).split()]
        code, out, err = await ran(world, *does.command.split(), *words, "--account", theirs["account"], "--json")
        assert code == does.code, (does, out, err)
        told = orjson.loads(out)
        if does.caller is not None:
            del told[does.caller], rest[does.caller]
        assert shape(told) == shape(rest), does


async def test_what_is_refused_is_told_as_rest_tells_it(world: World, tmp_path: Path) -> None:
    parts = {**vars(world.ours), "account": world.api.ours.name}
    (tmp_path / "event.json").write_bytes(orjson.dumps(EVENT))
    for words, method, path, body in REFUSED:
        rest = await world.api.ask(method, filled(path, parts), filled(body, parts))
        assert rest.status in (404, 409, 422), (words, rest)
        arguments = words.format(**parts).replace("EVENT", str(tmp_path / "event.json")).split()
        for json in ((), ("--json",)):
            code, out, err = await ran(world, *arguments, *json)
            assert (code, err[:10]) == (2 if rest.status == 422 else 1, "leadpipe: "), (words, out, err)
            assert (problem(orjson.loads(out)) == problem(rest.json)) if json else out == "", (words, out, rest)


def test_words_that_make_no_sense_are_told_as_json_where_it_is_asked_for() -> None:
    for name, help in commands(get_command(app)):
        code, out, err = here([*name.split(), "--no-such-option", *(["--json"] if help else [])], {})
        assert code == 2 and "--no-such-option" in err, (name, out, err)
        told = orjson.loads(out) if help else None
        assert told is None or (told["status"], "--no-such-option" in told["detail"]) == (422, True), (name, told)
    _, out, _ = here(["journal", "list", "--limit", "0", "--json"], {})
    assert [each["field"] for each in orjson.loads(out)["problems"]] == ["limit"]


def test_a_server_that_is_away_is_told_as_json_too(tmp_path: Path) -> None:
    nowhere = {"LEADPIPE_DATABASE_URL": f"postgresql://127.0.0.1:{free_port()}/nowhere"}
    for command in ("lead find", "connector list", "account list", "audit"):
        code, out, err = here([*command.split(), "--json"], {**nowhere, "LEADPIPE_DATA_DIR": str(tmp_path)})
        told = orjson.loads(out)
        assert (code, told["status"]) == (1, 503) and "nothing listens there" in told["detail"], (command, told)
        assert told["detail"] in err


async def test_the_stages_are_told_by_the_same_members(world: World) -> None:
    rest, told = await world.api.done("GET", "/stages"), orjson.loads(await printed(world, "stages", "--json"))
    assert set(told) == set(rest)
    assert [set(each) for each in told["stages"]] == [set(each) for each in rest["stages"]]


async def test_json_is_what_rest_answers(world: World) -> None:
    stock = vars(world.ours)
    for command, (arguments, path) in SAME.items():
        rest = await world.api.done("GET", path.format(**stock))
        told = await printed(world, *command.split(), *arguments.format(**stock).split(), "--json")
        assert orjson.loads(told) == rest, command


async def test_pages_are_the_same_pages(world: World) -> None:
    await world.api.done(
        "POST", "/connectors", {"name": "another", "preset": "generic-json", "access": {"roles": ["viewer"]}}
    )
    for command, path in PAGED.items():
        options: list[str] = []
        query, pages = "?limit=1", 0
        while True:
            rest = await world.api.done("GET", path + query)
            told = await printed(world, *command.split(), "--limit", "1", *options, "--json")
            assert orjson.loads(told) == rest, command
            pages += 1
            if rest["next"] is None or pages == 3:
                break
            options, query = ["--after", rest["next"]], f"?limit=1&after={rest['next']}"
        assert pages > 1, command


async def test_the_list_for_people_ends_with_the_same_next(world: World) -> None:
    await world.api.done("POST", "/connectors", {"name": "another", "preset": "generic-json"})
    for command, path in PAGED.items():
        first = await world.api.done("GET", f"{path}?limit=1")
        told = await asyncio.to_thread(
            here,
            [*command.split(), "--limit", "1"],
            {"LEADPIPE_DATABASE_URL": str(world.api.core.settings.database_url)},
        )
        assert told[0] == 0 and f"more: --after {first['next']}\n" in told[2], (command, told)


@pytest.mark.parametrize("path", sorted({*PAGED.values(), "/refused", "/conflicts"}))
async def test_what_no_page_ended_with_is_refused_with_what_to_do(world: World, path: str) -> None:
    api = world.api
    other = (await api.done("GET", "/presets"))["next"] or (await api.done("GET", "/users?limit=1"))["next"]
    own = (await api.done("GET", f"{path}?limit=1"))["next"]
    wrong = ["x", "%00", "A" * 301, "é", "2026-08-10T12:00:00Z%20x", "eyJhIjoxfQ", "-1"]
    wrong += [own[:-1], own[:-1] + ("A" if own[-1] != "A" else "B"), own + "A", own.swapcase()] if own else []
    wrong += [other] if path != "/users" else []
    for after in wrong:
        answer = await api.ask("GET", f"{path}?after={after}")
        assert answer.status == 422, (after, answer)
        [problem] = answer.json["problems"]
        assert problem["field"] == "after", (after, answer)
    assert "give the `next` of the page before" in (await api.ask("GET", f"{path}?after=x")).text


async def test_a_command_refuses_the_same_in_the_same_words(world: World) -> None:
    for command, path in PAGED.items():
        rest = await world.api.ask("GET", f"{path}?after=x")
        [rule] = [each["rule"] for each in rest.json["problems"]]
        for further in ((), ("--json",)):
            assert rule in await printed(world, *command.split(), "--after", "x", *further, code=2), command


@pytest.mark.parametrize(
    "since", ["soon", "20260810", "-1d", "2026-02-30", "999999d", "0001-01-01T00:00:00+14:00", "1" * 5_000]
)
async def test_no_time_is_a_time_here_and_not_there(world: World, since: str) -> None:
    for command, path in (("journal list", "/journal"), ("dead list", "/dead-letters"), ("refused list", "/refused")):
        answer = await world.api.ask("GET", f"{path}?since={since.replace('+', '%2B')}")
        assert answer.status == 422 and answer.json["problems"][0]["field"] == "since", answer
        rule = answer.json["problems"][0]["rule"]
        told = await printed(world, *command.split(), "--since", since, code=2)
        assert " ".join(rule.split()[:4]) in " ".join(told.split()), (command, told)


async def test_a_client_between_two_pages_of_the_version_before_goes_on(world: World) -> None:
    api = world.api
    for path in ("/users", "/leads", "/journal", "/account/changes"):
        [first] = (await api.done("GET", f"{path}?limit=1"))["items"]
        former = first.get("id") or f"{first['received_at']}%20{first['event_id']}"
        rest = (await api.done("GET", f"{path}?after={former}"))["items"]
        assert [first, *rest] == (await api.done("GET", path))["items"], path
    assert (await api.ask("GET", f"/users?after={2**63}")).status == 422
