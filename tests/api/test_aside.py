"""What can take long by what is sent: bounded in bytes and in time, and done where no event has to wait for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import orjson
import pytest

from pipeline.api.aside import Aside, Job
from pipeline.api.route import DOCUMENT, ONE, SEVERAL, SMALL
from pipeline.api.routes import table
from pipeline.operations.access import Actor
from pipeline.operations.errors import Invalid
from tests.api.conftest import World
from tests.api.test_scoping import body_of, path_of
from tests.support.api import Served
from tests.support.stock import settings_of

ASIDE = {route.name for route in table() if route.aside is not None}


def hard() -> dict[str, Any]:
    """Settings of which each of a thousand rows is nearly right."""
    fields = [{"name": f"field_number_{number}", "label": "F"} for number in range(1_000)]
    rows = [{"from": "a", "to": f"lead.field_number_x{number}"} for number in range(1_000)]
    return {"name": "hard", "preset": "generic-json", "fields": fields, "map": rows}


def test_whatever_checks_or_runs_settings_is_done_aside() -> None:
    assert {
        *("create_connector", "replace_connector", "validate_connector", "plan_connectors", "apply_connectors"),
        *("try_connector", "compare_connector", "capture_event", "export_connector"),
        *("restore_revision", "list_differences"),
    } <= ASIDE


async def test_a_body_beyond_its_bound_is_413_with_the_bound_and_one_within_is_read(world: World) -> None:
    bounds = {route.name: route.largest for route in table() if route.body is not None}
    assert set(bounds.values()) == {SMALL, ONE, SEVERAL, DOCUMENT}
    for route in (route for route in table() if route.body is not None):
        right = orjson.dumps(body_of(route, world.ours))
        large = b" " * (route.largest - len(right) + 1) + right
        answer = await world.api.ask(route.method, path_of(route, world.ours), data=large)
        assert answer.status == 413, (route.name, answer)
        assert str(route.largest) in answer.text, (route.name, answer)
    right = orjson.dumps({"connectors": [settings_of("new-one")]})
    padded = b" " * (SEVERAL - len(right)) + right
    assert (await world.api.ask("POST", "/connector-settings/plan", data=padded)).status == 200


async def test_other_calls_are_answered_while_one_takes_long(api: Served) -> None:
    planning = asyncio.create_task(api.ask("POST", "/connector-settings/plan", {"connectors": [hard()]}))
    meanwhile = 0
    while not planning.done():
        assert (await api.ask("GET", "/me")).status == 200
        meanwhile += 1
    [entry] = (await planning).json["entries"]
    assert entry["state"] == "refused" and len(entry["problems"]) == 201
    assert meanwhile > 3


async def test_more_than_a_few_of_one_account_at_once_are_asked_to_wait(api: Served) -> None:
    plan = {"connectors": [hard()]}
    answers = await asyncio.gather(*(api.ask("POST", "/connector-settings/plan", plan) for _ in range(12)))
    assert Counter(answer.status for answer in answers).keys() == {200, 429}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers if answer.status == 429)
    assert (await api.ask("POST", "/connector-settings/plan", plan)).status == 200


async def test_what_takes_longer_than_it_may_is_ended_and_the_next_is_done(api: Served) -> None:
    aside = Aside()
    actor = Actor.local(api.ours.id)

    def job(connectors: list[Any], seconds: float) -> Job:
        body = orjson.dumps({"connectors": connectors})
        return Job("plan_connectors", {}, "", body, actor, api.core.settings, seconds)

    try:
        assert (await aside.run(job([settings_of("fine")], 60))).status == 200
        with pytest.raises(Invalid, match=r"longer than 0\.01 s and was ended; ask for less"):
            await aside.run(job([hard()] * 5, 0.01))
        assert (await aside.run(job([settings_of("fine")], 60))).status == 200
    finally:
        aside.close()


async def test_what_is_refused_aside_has_the_shape_of_all_errors(api: Served) -> None:
    refused = await api.ask("POST", "/connectors", {"name": "x", "preset": "nothing-of-this-name"})
    assert refused.status == 422 and refused.error["problems"]
    assert (await api.ask("GET", "/connectors/nobody/export")).status == 404
    assert (await api.ask("POST", "/connector-settings/plan", data=b"{")).status == 400
    assert (await api.ask("GET", "/connectors/nobody/export?x=1")).status == 422
