"""What calls show of people needs `leads:read`, by whatever call it is asked for; without it, it is masked."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.api.routes import table
from pipeline.operations.masked import HIDDEN
from schemas.access import ALLOWED, Role, Scope
from tests.api.conftest import World
from tests.api.test_scoping import body_of, path_of
from tests.support.api import another_user, key_of
from tests.support.stock import OPEN, saved, settings_of, through
from tests.support.turned_away import turned_away

# What the stock sends, and what records hold of it.
OF_PEOPLE = (
    *("default one", "default two", "default three", "default four", "default five", "default maybe"),
    *("9822012345", "9822012346", "9822012347", "three@example.com"),
)
ASHA = {"event_id": "asha", "name": "Asha Rao", "phone": "+919822054321", "email": "asha@example.com"}


async def without(world: World, role: str) -> str:
    """The key of another user, with all that their role allows but people."""
    scopes = sorted(ALLOWED[Role(role)] - {Scope.LEADS_READ})
    return await another_user(world.api, role, *scopes)


@pytest.mark.parametrize("role", ["viewer", "operator", "editor", "admin"])
async def test_no_call_shows_what_sources_sent_of_people(world: World, role: str) -> None:
    api, has = world.api, world.ours
    key, whole = await without(world, role), await another_user(api, role)
    shown: set[str] = set()
    held = f"/dead-letters/{has.conflict}"
    assert "default four" in (await api.ask("GET", held, key=whole)).text
    assert "default four" not in (await api.ask("GET", held, key=key)).text
    for route in sorted(table(), key=lambda each: (each.method != "GET", each.method == "DELETE")):
        path, body = path_of(route, has), body_of(route, has)
        if route.method == "GET":
            seen = (await api.ask("GET", path, key=whole)).text
            shown |= {each for each in (*OF_PEOPLE, has.lead) if each in seen}
        answer = await api.ask(route.method, path, body, key=key)
        assert answer.status < 500, (route.name, answer)
        of_people = OF_PEOPLE if route.name.endswith("merge_leads") else (*OF_PEOPLE, has.lead, has.lost)
        assert [each for each in of_people if each in answer.text] == [], (route.name, answer)
    assert shown == {*OF_PEOPLE, has.lead} - {"default four"}  # with `leads:read` all of it is there to be seen


async def test_what_is_masked_still_says_what_became_of_an_event(world: World) -> None:
    api, has = world.api, world.ours
    key = await without(world, "operator")
    for path in (f"/journal/{has.event}", f"/dead-letters/{has.letter}"):
        plain, hidden = await api.done("GET", path), await api.done("GET", path, key=key)
        assert plain.keys() == hidden.keys()
    event = await api.done("GET", f"/journal/{has.event}", key=key)
    assert (event["outcome"], event["failed_stage"], event["connector"]) == ("failed", "map", has.connector)
    assert (event["failure"]["field"], event["failure"]["value"]) == ("lead.budget", HIDDEN)
    assert "number" in event["failure"]["rule"] and HIDDEN not in event["failure"]["rule"]
    assert f'"budget":"{HIDDEN}"' in event["request"]
    [conflict] = (await api.done("GET", "/conflicts", key=key))["items"]
    assert [(each["key"], each["value"]) for each in conflict["keys"]] == [("phone", HIDDEN), ("email", HIDDEN)]
    decided = await api.done("POST", f"/conflicts/{has.conflict}/resolve", {"use": has.lead}, key=key)
    assert (decided["how"], decided["lead"]) == ("use", HIDDEN)
    merged = await api.done("POST", f"/leads/{has.lead}/merge", {"loser": has.lost}, key=key)
    assert [value for _, value in merged["keys"]] == [HIDDEN]


async def test_a_search_in_what_people_sent_is_a_question_about_people(world: World) -> None:
    api, has = world.api, world.ours
    key = await without(world, "operator")
    for path in (
        "/journal?search=9822012345",
        "/journal?search=default",
        "/dead-letters?error=maybe",
        "/dead-letters/groups?error=maybe",
    ):
        refused = await api.ask("GET", path, key=key)
        assert refused.status == 403 and "leads:read" in refused.error["detail"], path
        assert (await api.ask("GET", path)).status == 200
    assert (await api.ask("POST", "/dead-letters/replay", {"error": "maybe"}, key=key)).status == 403
    [found] = (await api.done("GET", f"/journal?search={has.event}", key=key))["items"]
    assert found["event_id"] == has.event
    assert (await api.done("GET", f"/journal?search={has.lead}", key=key))["items"] == []
    assert (await api.done("GET", f"/journal?search={has.lead}"))["items"] != []
    assert (await api.ask("POST", f"/journal/{has.event}/capture", {}, key=key)).status == 403


async def test_a_trial_does_not_tell_who_is_known(world: World) -> None:
    api, has = world.api, world.ours
    key = await key_of(api, Role.EDITOR, Scope.CONNECTORS_READ)
    path = f"/connectors/{has.connector}/try"
    await through(api, await saved(api, api.ours, has.connector, access=OPEN), [ASHA])
    ids = {row["id"] for row in (await api.done("GET", "/leads?query=9822054321"))["items"]}
    drafts = [{}, {"sync": {"lead": "update"}}, {"sync": {"lead": "create"}}, {"primary_key": "email"}]

    async def told(document: Any, key: str) -> list[Any]:
        found = []
        for change in drafts:
            body = {"document": document, "draft": settings_of(has.connector, access=OPEN, **change)}
            [trial] = (await api.done("POST", path, body, key=key))["items"]
            for name in ("id", "event_id"):  # each trial has its own
                trial.pop(name, None)
            found.append(trial)
        return found

    known = {"event_id": "asha", "phone": "+919822054321", "email": "new@example.com"}
    stranger = {"event_id": "asha", "phone": "+919822054322", "email": "new@example.com"}
    here = await told(known, key)
    assert str(here).replace("9822054321", "9822054322") == str(await told(stranger, key))
    assert "Asha" not in str(here) and not any(id in str(here) for id in ids)
    assert {trial["outcome"] for trial in here} == {"hidden"} and "leads:read" in str(here[0]["notes"])
    assert {(each["old"], each["effect"]) for trial in here for each in trial["changes"]} == {(HIDDEN, "hidden")}
    whole = await told(known, "editor")
    assert whole[0]["outcome"] == "updated" and any(id in str(whole) for id in ids)
    # what is wrong with the payload itself is told all the same
    wrong = {"document": {"phone": "+919822054322", "budget": "a lot"}}
    [trial] = (await api.done("POST", path, wrong, key=key))["items"]
    assert (trial["outcome"], trial["failure"]["field"], trial["failure"]["value"]) == (
        "failed",
        "lead.budget",
        "a lot",
    )
    assert (await api.done("GET", f"/leads?query={known['email']}"))["items"] == []  # nothing was kept


async def test_a_comparison_does_not_tell_what_was_sent(world: World) -> None:
    api, has = world.api, world.ours
    key = await key_of(api, Role.EDITOR, Scope.CONNECTORS_READ)
    await through(api, await saved(api, api.ours, has.connector, access=OPEN), [ASHA])

    async def compared(key: str, *rows: dict[str, Any]) -> dict[str, Any]:
        draft = settings_of(has.connector)
        body = {"draft": {**draft, "map": [*draft["map"], *rows]}, "first": 50}
        return dict(await api.done("POST", f"/connectors/{has.connector}/compare", body, key=key))

    constant = {"to": "lead.city", "transforms": [{"constant": "Delhi"}]}
    of_asha = {**constant, "when": {"phone": "+919822054321"}}
    whole, hidden = await compared("editor", constant), await compared(key, constant)
    assert whole["different"] > 0 and whole["first"]
    assert hidden["different"] == 4 and not hidden["first"]  # also the one that two leads claim: nobody is found
    assert set(hidden["outcomes"]["draft"]) <= {"goes on", "failed"}
    for rows in ([constant], [of_asha], []):
        told = str(await compared(key, *rows))
        assert not any(each in told for each in (*OF_PEOPLE, "Asha", "9822054321", "found", "finds"))
    # a rule on one person's number fires for them, and for nobody whose number was made up
    assert (await compared("editor", of_asha))["different"] == 1
    assert (await compared(key, of_asha))["different"] == 0


async def test_a_refused_change_quotes_stored_values_to_those_who_see_people(world: World) -> None:
    api, has = world.api, world.ours
    await api.done("POST", "/fields/lead", {"name": "plan", "label": "Plan"})
    row = {"from": "plan", "to": "lead.plan"}
    connector = await saved(api, api.ours, has.connector, access=OPEN, map=[row], fields=[])
    await through(api, connector, [{"event_id": "p", "phone": "+919822054329", "plan": "the o'clock plan of Asha"}])
    narrow = await key_of(api, Role.EDITOR, Scope.FIELDS_WRITE)
    number = {"name": "plan", "label": "Plan", "type": "number"}
    for key, tells in ((narrow, False), ("editor", True), (await without(world, "admin"), False)):
        refused = await api.ask("PUT", "/fields/lead/plan", number, key=key)
        assert refused.status == 409 and ("Asha" in refused.text) == tells, refused
        assert "1 stored value(s) do not fit" in refused.text and "number field" in refused.text
        assert (HIDDEN in refused.text) != tells

    # a field that was removed, and is brought along again by a connector
    await api.done("PUT", f"/connectors/{has.connector}", settings_of(has.connector, access=OPEN, map=[], fields=[]))
    await api.done("DELETE", "/fields/lead/plan")
    brings = settings_of(has.connector, access=OPEN, map=[row], fields=[number])
    writes = await key_of(api, Role.EDITOR, Scope.CONNECTORS_WRITE)
    for key, tells in ((writes, False), ("editor", True)):
        refused = await api.ask("PUT", f"/connectors/{has.connector}", brings, key=key)
        assert refused.status == 422 and ("Asha" in refused.text) == tells, refused
        made = await api.ask("POST", "/fields/lead", number, key=narrow if key is writes else key)
        assert made.status == 409 and ("Asha" in made.text) == tells, made


async def test_what_the_door_says_of_a_body_may_quote_it(world: World) -> None:
    api, has = world.api, world.ours
    connector = await saved(api, api.ours, has.connector, access=OPEN)
    told = {"query": "mobile=9822054321", "key": "order of Asha", "detail": "line 1: Asha Rao is no JSON"}
    id = await turned_away(api.database, connector, b"Asha Rao, 9822054321", key_header="x", **told)
    key = await without(world, "operator")
    for path in ("/refused", f"/refused/{id}"):
        hidden, plain = await api.ask("GET", path, key=key), await api.ask("GET", path)
        assert "Asha" in plain.text and "9822054321" in plain.text
        assert "Asha" not in hidden.text and "9822054321" not in hidden.text and "Malformed JSON" in hidden.text
    for way in (f"/refused/{id}/send", "/refused/send"):
        answer = await api.ask("POST", way, None if way[9:] != "send" else {"ids": [id]}, key=key)
        assert "Asha" not in answer.text, answer


async def test_a_rule_is_told_up_to_where_it_quotes_a_value(world: World) -> None:
    """A dependent dropdown's rule names the parent's value, which a source sent."""
    api, has = world.api, world.ours
    await api.done(
        "POST", "/fields/lead", {"name": "zone", "label": "Z", "type": "dropdown", "options": ["Rao's", "B"]}
    )
    area = {"name": "area", "label": "A", "type": "dependent_dropdown", "parent": "zone"}
    await api.done("POST", "/fields/lead", {**area, "options_by_parent": {"Rao's": ["North"], "B": ["South"]}})
    rows = [{"from": name, "to": f"lead.{name}"} for name in ("zone", "area")]
    connector = await saved(api, api.ours, has.connector, access=OPEN, map=rows, fields=[])
    sent = {"event_id": "z", "phone": "+919822054321", "zone": "Rao's", "area": "South"}
    [event] = await through(api, connector, [sent])
    key = await without(world, "operator")
    [letter] = [each for each in (await api.done("GET", "/dead-letters"))["items"] if each["event_id"] == event]
    assert "Rao's" in letter["rule"]
    for path in ("/dead-letters", "/dead-letters/groups", f"/dead-letters/{letter['id']}", f"/journal/{event}"):
        assert "Rao" not in (await api.ask("GET", path, key=key)).text, path
    [hidden] = [
        each for each in (await api.done("GET", "/dead-letters", key=key))["items"] if each["event_id"] == event
    ]
    assert hidden["field"] == "lead.area" and hidden["rule"].startswith("with zone")
