"""`--json` prints what REST answers: every command that lists or shows, beside its route, pages included."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from typer.main import get_command

from pipeline.cli.main import app
from tests.api.conftest import World
from tests.support.command import here

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
APART = {
    "account list",  # of the installation, which no account's key sees
    "stages",  # asks the broker, which the API here has in memory
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


def commands(command: Any, name: str = "") -> Iterator[str]:
    """The names of all commands."""
    if hasattr(command, "commands"):
        for each, below in command.commands.items():
            yield from commands(below, f"{name} {each}".strip())
    else:
        yield name


def test_every_command_that_lists_or_shows_is_here() -> None:
    every = set(commands(get_command(app)))
    looking = {name for name in every if name.split()[-1] in ("list", "show")}
    assert looking - set(SAME) - APART == set(), "say in SAME which route answers what this command prints"
    assert set(SAME) <= every


async def printed(world: World, *arguments: str, code: int = 0) -> str:
    """What a command of our account prints."""
    settings = world.api.core.settings
    environment = {
        "LEADPIPE_DATABASE_URL": str(settings.database_url),
        "LEADPIPE_DATA_DIR": str(settings.data_dir),
    }
    ended, out, err = await asyncio.to_thread(here, arguments, environment)
    assert ended == code, (arguments, ended, out, err)
    return out if code == 0 else err


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
