"""What an operator does over HTTP: looks, mends, sends again, decides; and what an administrator changes."""

from __future__ import annotations

from typing import Any, cast

from pipeline.store import dead_letters
from pipeline.transport.memory import MemoryTransport
from tests.api.conftest import World
from tests.support.stock import OPEN, arrived, saved, settings_of, through


async def row_of(world: World, event: str) -> Any:
    return await world.api.done("GET", f"/journal/{event}")


async def test_the_journal_is_filtered_and_comes_in_pages(world: World) -> None:
    api, has = world.api, world.ours
    everything = (await api.done("GET", "/journal"))["items"]
    assert [row["outcome"] for row in everything].count("created") == 2 and len(everything) == 4
    found, after = [], ""
    while True:
        page = await api.done("GET", f"/journal?limit=1{after}")
        found += page["items"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert found == everything
    for query, count in (
        ("outcome=failed", 2),
        (f"connector={has.connector}", 4),
        (f"connector={has.connector_id}", 4),
        ("since=2100-01-01T00:00:00Z", 0),
        ("until=2000-01-01T00:00:00%2B05:30", 0),
        (f"search={has.event}", 1),
        ("search=maybe", 1),
    ):
        assert len((await api.done("GET", f"/journal?{query}"))["items"]) == count, query
    row = await row_of(world, has.event)
    assert (row["failure"]["field"], row["connector"]) == ("lead.budget", has.connector)
    assert {each["lead_sync"] for each in everything if each["outcome"] == "created"} == {"capture"}
    assert [step["stage"] for step in row["stages"]] == ["normalize", "map"]


async def test_a_failed_event_is_mended_by_another_document(world: World) -> None:
    api, has = world.api, world.ours
    letter = await api.done("GET", f"/dead-letters/{has.letter}")
    assert letter["event"]["data"]["source"]["budget"] == "default maybe" and letter["field"] == "lead.budget"
    assert (await api.ask("POST", f"/dead-letters/{has.letter}/edit", {"document": "text"})).status == 422
    mended = {"name": "default two", "phone": "+919822012346", "budget": 7, "password": "canary"}
    assert await api.done("POST", f"/dead-letters/{has.letter}/edit", {"document": mended}) == {"letters": 1}
    assert await arrived(api) == 1
    row = await row_of(world, has.event)
    assert (row["outcome"], row["replay"]) == ("created", 1)
    assert "edited by admin@default.example.com" in row["notes"]
    assert (await api.done("GET", f"/leads/{row['lead_id']}"))["fields"]["budget"] == 7
    assert (await api.done("GET", f"/dead-letters/{has.letter}"))["status"] == "replayed"
    assert "canary" not in (await api.ask("GET", f"/journal/{has.event}")).text
    assert (await api.ask("POST", f"/journal/{has.event}/retry")).status == 409  # it did not fail any more


async def test_a_letter_is_sent_to_a_stage_of_ones_choice_or_nothing_is_sent(world: World) -> None:
    api, has = world.api, world.ours
    one, many = f"/dead-letters/{has.letter}/replay", "/dead-letters/replay"
    for path, body in ((f"{one}?from_stage=mapp", None), (many, {"from_stage": "mapp"})):
        unknown = await api.ask("POST", path, body)
        assert unknown.status == 422 and unknown.error["field"] == "from_stage", unknown
        assert "did you mean 'map'" in unknown.text
    earlier = await api.ask("POST", many, {"from_stage": "map"})  # the conflict died in a later one
    assert earlier.status == 409 and "is not kept" in earlier.error["detail"]
    assert (await api.ask("POST", f"{one}?from_stage=map&more=1")).status == 422
    assert await arrived(api) == 0
    assert await api.done("POST", f"{one}?from_stage=normalize") == {"letters": 1}
    assert await arrived(api) == 1
    row = await row_of(world, has.event)
    assert [(each["stage"], each["replay"]) for each in row["failures"]] == [("map", 0), ("map", 1)]
    assert [each["status"] for each in row["failures"]] == ["replayed", "dead"] and row["versions"] == []
    assert [(step["stage"], step["replay"]) for step in row["stages"]] == [
        ("normalize", 0),
        ("map", 0),
        ("normalize", 1),
        ("map", 1),
    ]


async def test_many_are_sent_again_grouped_and_set_aside(world: World) -> None:
    api, has = world.api, world.ours
    [one, *_] = groups = (await api.done("GET", "/dead-letters/groups"))["items"]
    assert sum(group["letters"] for group in groups) == 2 and one["connector"] == has.connector
    assert len((await api.done("GET", "/dead-letters?kind=rejected&stage=map"))["items"]) == 1
    assert (await api.done("POST", "/dead-letters/replay", {"kind": "rejected"})) == {"letters": 1}
    assert await arrived(api) == 1
    row = await row_of(world, has.event)
    assert (row["outcome"], row["replay"]) == ("failed", 1)
    [again] = (await api.done("GET", "/dead-letters?kind=rejected"))["items"]
    assert (again["id"] != has.letter, again["replay"]) == (True, 1)
    none = await api.ask("POST", "/dead-letters/discard", {"letters": [again["id"], 99]})
    assert none.status == 404
    assert await api.done("POST", "/dead-letters/discard", {"letters": [again["id"]]}) == {"letters": 1}
    assert (await api.done("GET", "/dead-letters?kind=rejected"))["items"] == []
    assert len((await api.done("GET", "/dead-letters?status=discarded"))["items"]) == 1


async def test_a_conflict_is_decided_and_the_event_goes_on(world: World) -> None:
    api, has = world.api, world.ours
    [conflict] = (await api.done("GET", "/conflicts"))["items"]
    assert set(conflict["leads"]) == {has.lead, has.lost} and conflict["decision"] is None
    shown = await api.done("GET", f"/conflicts/{has.conflict}")
    assert {lead["fields"]["name"] for lead in shown["leads"]} == {"default one", "default three"}
    assert (await api.ask("POST", f"/conflicts/{has.conflict}/resolve", {})).status == 422
    decided = await api.done("POST", f"/conflicts/{has.conflict}/resolve", {"use": has.lead}, key="operator")
    assert (decided["how"], decided["lead"], decided["by"]) == ("use", has.lead, "operator@default.example.com")
    assert (await api.ask("POST", f"/conflicts/{has.conflict}/resolve", {"use": has.lost})).status == 409
    assert await arrived(api) == 1
    row = await row_of(world, conflict["event_id"])
    assert (row["outcome"], row["lead_id"], row["decision"]["how"]) == ("updated", has.lead, "use")
    assert (await api.done("GET", "/conflicts"))["items"] == []
    assert len((await api.done("GET", "/conflicts?state=decided"))["items"]) == 1


async def test_two_leads_are_made_one_and_taken_apart_again(world: World) -> None:
    api, has = world.api, world.ours
    merged = await api.done("POST", f"/leads/{has.lead}/merge", {"loser": has.lost})
    assert (merged["winner"], merged["loser"]) == (has.lead, has.lost)
    now = await api.done("GET", f"/leads/{has.lost}")
    assert (now["id"], now["redirected_from"], len(now["merges"])) == (has.lead, has.lost, 1)
    rows = (await api.done("GET", f"/journal?search={has.lead}"))["items"]
    assert {row["lead_id"] for row in rows} == {has.lead, has.lost}  # each as it was written, and found by what it is
    for row in rows:
        assert (await api.done("GET", f"/leads/{row['lead_id']}"))["id"] == has.lead
    for part in ("explain", "history"):
        assert (await api.ask("GET", f"/leads/{has.lost}/{part}")).status == 200
    assert (await api.ask("POST", f"/leads/{has.lead}/merge", {"loser": has.lost})).status == 409
    explained = (await api.done("GET", f"/leads/{has.lead}/explain?field=email"))["fields"]
    assert [(each["field"], each["connector"]) for each in explained] == [("email", has.connector)]
    assert (await api.ask("GET", f"/leads/{has.lead}/explain?field=nothing")).status == 404
    await api.done("GET", f"/leads/{has.lead}/history?field=name&limit=5")
    await api.done("POST", f"/leads/{has.lost}/unmerge")
    assert (await api.done("GET", f"/leads/{has.lost}"))["redirected_from"] is None
    rows = (await api.done("GET", f"/journal?search={has.lead}"))["items"]
    assert {row["lead_id"] for row in rows} == {has.lead}
    found = (await api.done("GET", "/leads?query=%2B91%2098220-12345"))["items"]
    assert [lead["id"] for lead in found] == [has.lead]
    first = await api.done("GET", "/leads?limit=1")
    second = await api.done("GET", f"/leads?limit=1&after={first['next']}")
    assert {first["items"][0]["id"], second["items"][0]["id"]} == {has.lead, has.lost}


async def test_a_field_is_not_changed_under_what_is_stored(world: World) -> None:
    api = world.api
    connector = await saved(
        api, api.ours, "second", fields=[{"name": "note", "label": "Note"}], map=[{"from": "note", "to": "lead.note"}]
    )
    await through(api, connector, [{"event_id": "9", "phone": "+919822012377", "note": "not a number"}])
    refused = await api.ask("PUT", "/fields/lead/note", {"name": "note", "label": "Note", "type": "number"})
    assert refused.status == 409
    assert any(each.get("value") == "not a number" for each in refused.error["problems"]), refused
    assert (await api.ask("DELETE", "/fields/lead/note")).status == 409  # a connector maps to it
    await api.done("DELETE", "/connectors/second")
    assert (await api.done("DELETE", "/fields/lead/note")) == {"done": "removed"}
    assert (await api.ask("GET", "/fields/lead/note")).status == 404
    required = {"name": "city", "label": "Town", "required": True}
    assert (await api.done("PUT", "/fields/lead/city", required))["origin"] == "changed"
    assert (await api.done("DELETE", "/fields/lead/city")) == {"done": "reset"}


async def test_connectors_as_code_take_effect_together_or_not_at_all(world: World) -> None:
    api, has = world.api, world.ours
    good, bad = settings_of("one"), settings_of("two", primary_key="city")
    refused = await api.ask("POST", "/connector-settings/apply", {"connectors": [good, bad]})
    assert refused.status == 422 and "connectors[1]" in refused.error["field"]
    assert [each["name"] for each in (await api.done("GET", "/connectors"))["items"]] == [has.connector]
    for body, states in (([good, bad], ["create", "refused"]), ([good], ["create", "remove"])):
        plan = await api.done("POST", "/connector-settings/plan", {"connectors": body, "prune": True})
        assert [entry["state"] for entry in plan["entries"]] == states
    applied = await api.done(
        "POST", "/connector-settings/apply", {"connectors": [good, settings_of(has.connector, access=OPEN)]}
    )
    assert [entry["state"] for entry in applied["entries"]] == ["created", "unchanged"]
    pages = [await api.done("GET", "/connectors?limit=1")]
    pages.append(await api.done("GET", f"/connectors?limit=1&after={pages[0]['next']}"))
    assert [page["items"][0]["name"] for page in pages] == [has.connector, "one"] and pages[1]["next"] is None


async def test_a_comparison_names_what_a_draft_does_otherwise(world: World) -> None:
    api, has = world.api, world.ours
    draft = settings_of(has.connector, access=OPEN, lead_source="Elsewhere")
    found = await api.done("POST", f"/connectors/{has.connector}/compare", {"draft": draft, "first": 1})
    assert (found["compared"], len(found["first"])) == (4, 1) and found["different"] >= 2
    wrong = await api.ask("POST", f"/connectors/{has.connector}/compare", {"draft": {**draft, "primary_key": "city"}})
    assert wrong.status == 422
    case = await api.done("POST", f"/journal/{has.event}/capture", {"name": "maybe"})
    assert case["path"] == f"{has.connector}.tests/maybe.toml" and "9822012346" not in case["toml"]


async def test_stages_tell_the_dead_letters_of_this_account_alone(world: World) -> None:
    shown = (await world.api.done("GET", "/stages"))["stages"]
    letters = (await world.api.done("GET", "/dead-letters"))["items"]
    assert len(letters) == 2 < await dead_letters.count(world.api.database)
    assert {each["stage"]: each["dead"] for each in shown if each["dead"]} == {"map": 1, "dedupe": 1}
    assert {each["undrained"] for each in shown} == {0}


async def test_while_the_broker_is_away_what_needs_it_says_so(world: World) -> None:
    api, has = world.api, world.ours
    cast(MemoryTransport, api.core.transport).connected = False
    for method, path in (("GET", "/stages"), ("POST", f"/dead-letters/{has.letter}/replay")):
        answer = await api.ask(method, path)
        assert answer.status == 503 and answer.headers["Retry-After"], answer
    assert (await api.done("GET", f"/dead-letters/{has.letter}"))["status"] == "dead"
    assert (await api.ask("GET", "/journal")).status == 200
