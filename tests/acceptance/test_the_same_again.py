"""The same thing again, with more to say; and dead letters sent through again: over HTTP, on both transports."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from tests.acceptance.conftest import Install, ended
from tests.support.daemon import Leadpipe, post
from tests.support.until import PROCESSES, until

CONNECTOR = """
name = "{name}"
preset = "generic-json"
reply.outcome = "full"
default_country = "IN"
time_zone = "Asia/Kolkata"
"""
BUDGET = """
[[fields]]
name = "budget"
label = "Budget"
type = "number"

[[map]]
from = "budget"
to = "lead.budget"
"""
PHONE_ROW = """
[[map]]
from = ["telefono", "phone"]
to = "lead.phone"

[[map]]
from = ["nombre", "name"]
to = "lead.name"
"""
CALL = {
    "SourceNumber": "+919845180001",
    "DestinationNumber": "+919611795980",
    "DisplayNumber": "+919020897874",
    "StartTime": "2026-07-05 08:35:00",
    "EndTime": "2026-07-05 08:35:00",
    "CallDuration": "0",
    "Status": "Missed",
    "Direction": "Inbound",
}


@pytest.fixture(scope="module", params=["postgresql", "rabbitmq"])
def leadpipe(request: pytest.FixtureRequest, install: Install) -> Leadpipe:
    leadpipe = install(request.param)
    leadpipe.apply("telephony-calls")
    leadpipe.start("up")
    leadpipe.ready()
    return leadpipe


def applied(leadpipe: Leadpipe, folder: Path, name: str, more: str = "") -> str:
    """Put a connector in force; returns its URL."""
    (folder / f"{name}.toml").write_text(CONNECTOR.format(name=name) + more)
    [row] = leadpipe.json("connector", "apply", str(folder / f"{name}.toml"))["entries"]
    return str(row["url"])


def lead_of(leadpipe: Leadpipe, key: str) -> dict[str, Any]:
    """The one lead that a key finds, whole."""
    [found] = leadpipe.json("lead", "find", key)["items"]
    shown: dict[str, Any] = leadpipe.json("lead", "show", found["id"])
    return shown


def row_of(leadpipe: Leadpipe, event: str) -> dict[str, Any]:
    row: dict[str, Any] = leadpipe.json("journal", "show", event)
    return row


async def settled(leadpipe: Leadpipe, event: str, *statuses: str) -> dict[str, Any]:
    """The journal row of an event once its dead letters have these statuses, the oldest first."""

    def look() -> dict[str, Any] | None:
        row = row_of(leadpipe, event)
        return row if [failure["status"] for failure in row["failures"]] == list(statuses) else None

    found = await until(look, f"letters that are {statuses}", PROCESSES)
    assert found is not None
    return found


async def replayed(leadpipe: Leadpipe, event: str, outcome: str, *statuses: str) -> dict[str, Any]:
    """The same, once it ended in this way."""

    def look() -> bool:
        return bool(row_of(leadpipe, event)["outcome"] == outcome)

    await until(look, f"{outcome} after a replay", PROCESSES)
    return await settled(leadpipe, event, *statuses)


async def test_a_call_log_and_the_same_call_with_more_to_say_are_one_call(leadpipe: Leadpipe) -> None:
    url = leadpipe.urls["telephony-calls"]
    call = {**CALL, "CallSessionId": "call-1"}
    more = {**call, "ResourceURL": "server/call-1.mp3", "CallNotes": "Asked for a price"}
    assert (await ended(url, call))["outcome"] == "created"
    assert (await ended(url, more))["outcome"] == "updated"
    [activity] = lead_of(leadpipe, CALL["SourceNumber"])["activities"]
    told = {name: activity["call"].get(name) for name in ("recording_url", "notes", "status")}
    assert told == {"recording_url": "server/call-1.mp3", "notes": "Asked for a price", "status": "missed"}


async def test_a_missed_call_that_was_answered_after_all_is_answered(leadpipe: Leadpipe) -> None:
    url = leadpipe.urls["telephony-calls"]
    missed = {**CALL, "CallSessionId": "call-2", "SourceNumber": "+919845180002"}
    answered = {**missed, "Status": "Answered", "CallDuration": "42", "EndTime": "2026-07-05 08:35:42"}
    await ended(url, missed)
    await ended(url, answered)
    await ended(url, missed)  # the first one once more says nothing new
    [activity] = lead_of(leadpipe, missed["SourceNumber"])["activities"]
    assert (activity["call"]["status"], activity["call"]["duration_s"]) == ("answered", 42)


async def test_an_id_with_another_body_is_a_later_version_of_the_same_thing(leadpipe: Leadpipe, tmp_path: Path) -> None:
    url = applied(leadpipe, tmp_path, "versions")
    first = {"event_id": "same-1", "phone": "9845180011", "city": "Pune", "message": "one"}
    one = await ended(url, first)
    other = await ended(url, {**first, "city": "Mysuru", "message": "two"})
    assert (one["outcome"], other["outcome"], one["lead"]) == ("created", "updated", other["lead"])
    assert one["activity"] == other["activity"]
    lead = lead_of(leadpipe, "+919845180011")
    assert lead["fields"]["city"] == "Mysuru"
    assert [activity["fields"]["message"] for activity in lead["activities"]] == ["two"]
    for mine, theirs in ((one, other), (other, one)):
        [version] = row_of(leadpipe, mine["id"])["versions"]
        assert (version["event_id"], version["outcome"]) == (theirs["id"], theirs["outcome"])
    assert "other versions of the same thing" in leadpipe.run("journal", "show", one["id"])
    assert len(leadpipe.json("journal", "list", "--connector", "versions")["items"]) == 2


async def test_the_same_again_changes_nothing_however_it_is_written(leadpipe: Leadpipe, tmp_path: Path) -> None:
    url = applied(leadpipe, tmp_path, "repeats")
    first = {"event_id": "same-2", "phone": "9845180012", "utm": {"a": "1", "b": "2"}, "message": "one"}
    one = await ended(url, first)
    for again in (first, dict(reversed(first.items())), {**first, "utm": {"b": "2", "a": "1"}}, [first]):
        assert await ended(url, again) == one
    assert len(leadpipe.json("journal", "list", "--connector", "repeats")["items"]) == 1
    assert len(lead_of(leadpipe, "+919845180012")["activities"]) == 1


async def test_versions_in_one_array_arrive_in_its_order(leadpipe: Leadpipe, tmp_path: Path) -> None:
    url = applied(leadpipe, tmp_path, "arrays")
    first = {"event_id": "same-3", "phone": "9845180013", "city": "Pune", "message": "one"}
    body = [first, {**first, "city": "Goa", "message": "two"}, {**first, "city": "Agra", "message": "three"}, first]
    _, answer = await post(f"{url}?wait=60", body)
    ids = answer["ids"]
    assert len(set(ids)) == 3 and ids[3] == ids[0]
    assert {result["outcome"] for result in answer["results"]} <= {"created", "updated", "unchanged"}
    lead = lead_of(leadpipe, "+919845180013")
    assert (lead["fields"]["city"], len(lead["activities"])) == ("Agra", 1)


async def test_versions_that_come_late_change_nothing_that_happened_after_them(
    leadpipe: Leadpipe, tmp_path: Path
) -> None:
    url = applied(leadpipe, tmp_path, "late")
    for hour, stage in ((12, "won"), (10, "new"), (11, "offer")):
        at = f"2026-07-05T{hour}:00:00+05:30"
        await ended(url, {"event_id": "same-4", "phone": "9845180014", "occurred_at": at, "stage": stage})
    assert lead_of(leadpipe, "+919845180014")["fields"]["lead_stage"] == "won"


async def test_a_key_in_a_header_names_one_request(leadpipe: Leadpipe, tmp_path: Path) -> None:
    url = applied(leadpipe, tmp_path, "keys")
    body = {"phone": "9845180015", "message": "one"}
    await ended(url, {"event_id": "warm", "phone": "9845180016"})  # so that the door knows the URL
    for number, header in enumerate(("Idempotency-Key", "webhook-id", "svix-id")):
        key = {header: f"key-{number}"}
        status, first = await post(f"{url}?wait=60", body, **key)
        assert status == 200
        for other in ({**body, "message": "two"}, [body, body], {**body, "n": None}):
            status, problem = await post(f"{url}?wait=60", other, **key)
            assert (status, problem["title"]) == (422, "Idempotency key reused")
        assert await post(f"{url}?wait=60", body, **key) == (200, first), "after a refusal as before it"
        assert (await post(url, {**body, "message": f"two of {number}"}, **{header: f"more-{number}"}))[0] == 202
    _, array = await post(f"{url}?wait=60", [body, body], **{"Idempotency-Key": "array"})
    assert len(set(array["ids"])) == 2
    assert (await post(url, [body, {**body, "message": "x"}], **{"Idempotency-Key": "array"}))[0] == 422
    assert await post(f"{url}?wait=60", [body, body], **{"Idempotency-Key": "array"}) == (200, array)


async def test_a_version_that_is_right_settles_the_ones_that_were_wrong(leadpipe: Leadpipe, tmp_path: Path) -> None:
    url = applied(leadpipe, tmp_path, "mended")
    wrong = [{"event_id": "fix-2", "phone": phone} for phone in ("12", "34")]
    failed = [await ended(url, each) for each in wrong]
    assert [result["outcome"] for result in failed] == ["failed", "failed"]
    for result in failed:
        await settled(leadpipe, result["id"], "dead")
    status, answer = await post(f"{url}?wait=5", {"event_id": "fix-2", "phone": "9845180021"})
    assert (status, answer["results"][0]["outcome"]) == (200, "created")
    for result in failed:
        row = await settled(leadpipe, result["id"], "superseded")
        assert (row["outcome"], row["failures"][0]["stage"]) == ("failed", "dedupe")
        assert "later version" in leadpipe.run("journal", "retry", result["id"], code=1)
    listed = leadpipe.json("dead", "list", "--connector", "mended", "--status", "superseded")["items"]
    assert {letter["event_id"] for letter in listed} == {result["id"] for result in failed}
    assert leadpipe.json("dead", "list", "--connector", "mended")["items"] == []


async def test_a_version_that_is_wrong_after_a_right_one_waits_for_a_person(leadpipe: Leadpipe, tmp_path: Path) -> None:
    url = applied(leadpipe, tmp_path, "worse", BUDGET)
    assert (await ended(url, {"event_id": "fix-3", "phone": "9845180022"}))["outcome"] == "created"
    failed = await ended(url, {"event_id": "fix-3", "phone": "9845180022", "budget": "maybe"})
    assert (failed["outcome"], failed["field"]) == ("failed", "lead.budget")
    await settled(leadpipe, failed["id"], "dead")
    assert (await ended(url, {"event_id": "fix-3", "phone": "9845180022", "budget": 5}))["outcome"] == "updated"
    await settled(leadpipe, failed["id"], "superseded")


async def test_what_the_rules_rejected_passes_once_the_mapping_has_the_row(leadpipe: Leadpipe, tmp_path: Path) -> None:
    """By the command for many, by Retry, and over REST for one."""
    url = applied(leadpipe, tmp_path, "rows")
    bodies = [{"nombre": f"R{number}", "telefono": f"984513000{number}"} for number in range(1, 5)]
    ids = [(await ended(url, body))["id"] for body in bodies]
    for id in ids:
        row = await settled(leadpipe, id, "dead")
        assert row["failures"][0]["stage"] == "dedupe"
    assert applied(leadpipe, tmp_path, "rows", PHONE_ROW) == url

    [letter] = row_of(leadpipe, ids[0])["failures"]
    key = leadpipe.run("user", "create", "sre@example.com", "--name", "SRE", "--role", "admin") and leadpipe.run(
        "key", "create", "--user", "sre@example.com", "--name", "replays"
    )
    secret = next(word for word in key.split() if word.startswith("lp_"))
    api = f"{leadpipe.base}/api/v1/dead-letters"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {secret}"}) as session:
        async with session.post(f"{api}/{letter['id']}/replay?from_stage=nowhere") as answer:
            assert answer.status == 422 and "normalize" in await answer.text()
        async with session.post(f"{api}/{letter['id']}/replay?from_stage=map") as answer:
            assert answer.status == 409 and "is not kept" in await answer.text()
        async with session.post(f"{api}/{letter['id']}/replay") as answer:
            assert (answer.status, orjson.loads(await answer.read())) == (202, {"letters": 1})
    assert leadpipe.run("journal", "retry", ids[1]) == "sent again 1: 1 created\n"
    assert re.fullmatch(r"replayed (\d): \1 created\n", leadpipe.run("dead", "replay", "--connector", "rows"))

    for id, body in zip(ids, bodies, strict=True):
        row = await replayed(leadpipe, id, "created", "replayed")
        assert [step["stage"] for step in row["stages"] if step["replay"] == 0] == ["normalize", "map", "dedupe"]
        assert [step["stage"] for step in row["stages"] if step["replay"] == 1] == [
            "normalize",
            "map",
            "dedupe",
            "upsert",
        ]
        assert lead_of(leadpipe, f"+91{body['telefono']}")["fields"]["name"] == body["nombre"]
    shown = leadpipe.run("journal", "show", ids[0])
    assert "failures" in shown and "replay 1" in shown and "replayed" in shown


async def test_a_stage_can_be_chosen_and_one_whose_input_is_not_kept_cannot(leadpipe: Leadpipe, tmp_path: Path) -> None:
    url = applied(leadpipe, tmp_path, "chosen", BUDGET)
    failed = await ended(url, {"event_id": "c-1", "phone": "9845180031", "budget": "maybe"})
    unread = await ended(url, {"event_id": "c-2", "phone": "12"})
    await settled(leadpipe, failed["id"], "dead")
    [letter] = (await settled(leadpipe, unread["id"], "dead"))["failures"]

    told = leadpipe.run("dead", "replay", "--connector", "chosen", "--from-stage", "normalise", code=2)
    assert "'normalise'" in told and "'normalize'" in told
    told = leadpipe.run("dead", "replay", "--connector", "chosen", "--from-stage", "map", code=1)
    assert f"letter {letter['id']} died in stage 'dedupe'" in told and "is not kept" in told
    for event in (failed, unread):
        assert [each["status"] for each in row_of(leadpipe, event["id"])["failures"]] == ["dead"], "none was sent"

    applied(leadpipe, tmp_path, "chosen", BUDGET.replace('type = "number"', 'type = "text"').replace("budget", "said"))
    # budget has no row any more; but a stage behind the first is not told that it asks for a new revision

    async def passed() -> bool:
        row = row_of(leadpipe, failed["id"])
        if row["failures"][-1]["status"] == "dead":
            leadpipe.run("dead", "replay", str(row["failures"][-1]["id"]), "--from-stage", "map", "--no-wait")
        return bool(row["outcome"] == "created")

    await until(passed, "the event", PROCESSES)
    row = row_of(leadpipe, failed["id"])
    assert {failure["status"] for failure in row["failures"]} == {"replayed"}
    last = [step["stage"] for step in row["stages"] if step["replay"] == row["replay"]]
    assert last == ["map", "dedupe", "upsert"]
    told = leadpipe.run("dead", "replay", str(letter["id"]), "--from-stage", "dedupe", code=1)
    assert told.startswith("replayed 1: 1 failed again\n  1 failed in dedupe: ")
    row = await settled(leadpipe, unread["id"], "replayed", "dead")
    assert (row["replay"], [failure["replay"] for failure in row["failures"]]) == (1, [0, 1])
    assert [step["stage"] for step in row["stages"] if step["replay"] == 1] == ["dedupe"]


async def test_a_letter_whose_connector_is_removed_says_so_and_a_new_one_of_its_name_does_not_take_it(
    leadpipe: Leadpipe, tmp_path: Path
) -> None:
    url = applied(leadpipe, tmp_path, "gone")
    failed = await ended(url, {"telefono": "9845180041"})
    await settled(leadpipe, failed["id"], "dead")
    leadpipe.run("connector", "remove", "gone", "--yes")

    async def told_so() -> bool:
        """The stages hear of it within a second or so; a replay that comes before dies of what the first one did."""
        [*_, letter] = row_of(leadpipe, failed["id"])["failures"]
        if letter["status"] == "dead" and "was removed" not in letter["reason"]:
            leadpipe.run("dead", "replay", str(letter["id"]), "--no-wait")
        return letter["status"] == "dead" and "was removed" in letter["reason"]

    await until(told_so, "a letter that says that the connector is gone", PROCESSES)
    applied(leadpipe, tmp_path, "gone", PHONE_ROW)
    assert leadpipe.run("dead", "replay", "--connector", "gone") == "replayed 0\n"
    assert row_of(leadpipe, failed["id"])["outcome"] == "failed"


def test_everything_accepted_is_in_the_journal(leadpipe: Leadpipe) -> None:
    assert leadpipe.audited(1, or_more=True)["balance"]["double"] == 0
