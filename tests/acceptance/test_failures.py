"""What goes wrong, and what a person is told: refused, rejected by a rule, corrected, sent through again."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Install, ended
from tests.support.command import command
from tests.support.daemon import EXAMPLES, Leadpipe, post
from tests.support.until import PROCESSES, until

NUMBER = "a number field takes one number, such as 150000, 1,50,000 or ₹50000"
KEY = "an event needs a valid search key"


@pytest.fixture(scope="module", params=["postgresql", "rabbitmq"])
def leadpipe(request: pytest.FixtureRequest, install: Install) -> Leadpipe:
    leadpipe = install(request.param, max_event="20000")
    leadpipe.apply("website", "telephony-calls")
    leadpipe.start("up")
    leadpipe.ready()
    return leadpipe


async def test_what_the_door_refuses_is_told_and_never_half_accepted(leadpipe: Leadpipe) -> None:
    url = leadpipe.urls["website"]
    good = {"event_id": "half", "email": "half@example.com"}

    status, answer = await post(url, b'{"email": "a@example.com", ')
    assert (status, answer["title"]) == (400, "Malformed JSON")
    await answers(f"{url[:-3]}abc", good, 404, "Unknown token")  # or 503, while the database is slow to say so
    status, answer = await post(url, [good, {"event_id": "large", "notes": "x" * 20_000}])
    assert (status, answer["title"], answer["element"]) == (413, "Too large", 1)
    assert "20000 bytes" in answer["detail"]
    status, answer = await post(url, [good, "no event"])
    assert (status, answer["title"], answer["element"]) == (400, "Not an event", 1)
    assert (await ended(url, good))["outcome"] == "created"  # so nothing of the lists before was accepted


async def test_an_event_without_a_key_is_a_dead_letter_that_says_so(leadpipe: Leadpipe) -> None:
    junk = {"event_id": "no-key", "name": "Nobody", "phone": "+91-1111111111", "email": "not an address"}
    result = await ended(leadpipe.urls["website"], junk)

    assert (result["outcome"], result["stage"], result["rule"]) == ("failed", "dedupe", KEY)
    assert "email or phone" in result["reason"]
    [letter] = await listed(leadpipe, [result["id"]], "dead", "list", "--error", "search key")
    assert (letter["event_id"], letter["kind"], letter["attempts"]) == (result["id"], "rejected", 1)
    assert leadpipe.json("lead", "find", "Nobody")["items"] == []
    assert leadpipe.run("dead", "discard", str(letter["id"])) == "discarded 1\n"
    assert leadpipe.json("dead", "list", "--error", "search key")["items"] == []
    [discarded] = leadpipe.json("dead", "list", "--error", "search key", "--status", "discarded")["items"]
    assert discarded["id"] == letter["id"]


async def test_a_rejected_value_passes_once_the_mapping_is_corrected(leadpipe: Leadpipe, tmp_path: Path) -> None:
    url = leadpipe.urls["website"]
    people = ("one@example.com", "two@example.com", "three@example.com")
    events = [{"event_id": f"text-{each}", "email": each, "budget": "about a lakh"} for each in people]
    ids = []
    for event in events:
        result = await ended(url, event)
        assert (result["outcome"], result["stage"]) == ("failed", "map")
        assert (result["field"], result["value"], result["rule"]) == ("lead.budget", "about a lakh", NUMBER)
        ids.append(result["id"])

    letters = await listed(leadpipe, ids[::-1], "dead", "list", "--stage", "map", "--connector", "website")
    [group] = [each for each in leadpipe.json("dead", "groups")["items"] if each["field"] == "lead.budget"]
    assert (group["letters"], group["cause"], group["stage"]) == (3, NUMBER, "map")
    [line] = [each.split() for each in leadpipe.run("dead", "groups").splitlines() if "lead.budget" in each]
    assert line[:5] == ["3", "map", "website", "rejected", "lead.budget"]
    shown = leadpipe.json("dead", "show", str(letters[-1]["id"]))
    assert (shown["value"], shown["event"]["id"]) == ("about a lakh", ids[0])

    settings = (EXAMPLES / "website.toml").read_text()
    corrected = settings.replace('name = "budget"', 'name = "budget_said"').replace("lead.budget", "lead.budget_said")
    corrected = corrected.replace('type = "number"', 'type = "text"')
    (tmp_path / "website.toml").write_text(corrected)
    [applied] = leadpipe.json("connector", "apply", str(tmp_path / "website.toml"))["entries"]
    assert (applied["state"], applied["revision"], applied["url"]) == ("changed", 2, url)
    numbers = count()

    async def in_force() -> bool:
        probe = {"event_id": f"probe-{next(numbers)}", "email": "probe@example.com", "budget": "probing"}
        return (await ended(url, probe))["outcome"] in ("created", "updated")

    await until(in_force, "the corrected mapping", PROCESSES)
    assert leadpipe.run("dead", "replay", str(letters[-1]["id"])) == "replayed 1: 1 created\n"
    assert leadpipe.run("dead", "replay", "--stage", "map", "--error", "one number").startswith("replayed ")
    for id in ids:
        await until(lambda id=id: passes(leadpipe, id, "created"), "the replayed event", PROCESSES)
    row = leadpipe.json("journal", "show", ids[0])
    assert (row["failure"], row["replay"] >= 1, row["revision"]) == (None, True, 2)
    [found] = leadpipe.json("lead", "find", "one@example.com")["items"]
    assert found["fields"]["budget_said"] == "about a lakh"

    async def none_is_left() -> bool:
        """The probes that came too early die in their own time, and pass too."""
        if leadpipe.json("dead", "list", "--stage", "map")["items"] == []:
            return True
        leadpipe.run("dead", "replay", "--stage", "map", "--error", "one number")
        return False

    await until(none_is_left, "the last of the dead letters to pass", PROCESSES)


SURVEY = """
name = "survey"
preset = "generic-json"
reply.outcome = "full"
primary_key = "email"

[[source_fields]]
path = "has_budget"
label = "Has a budget"

[[map]]
from = "has_budget"
to = "lead.{field}"
"""
FIELDS = """
[[fields]]
name = "score"
label = "Score"
type = "number"

[[fields]]
name = "has_budget"
label = "Has a budget"
type = "text"
"""


def in_force(leadpipe: Leadpipe, folder: Path, text: str) -> dict[str, Any]:
    """Apply a connector's file."""
    (folder / "connector.toml").write_text(text)
    [applied] = leadpipe.json("connector", "apply", str(folder / "connector.toml"))["entries"]
    leadpipe.urls[applied["name"]] = applied["url"]
    return dict(applied)


async def test_maybe_is_no_number_and_passes_once_it_is_mapped_elsewhere(leadpipe: Leadpipe, tmp_path: Path) -> None:
    applied = in_force(leadpipe, tmp_path, SURVEY.format(field="score") + FIELDS)
    known = await ended(applied["url"], {"event_id": "known", "email": "known@example.com"})
    ids, known_letters = {}, list[str]()
    for who in ("known", "new"):
        event = {"event_id": f"maybe-{who}", "email": f"{who}@example.com", "has_budget": "maybe"}
        result = await ended(applied["url"], event)
        assert (result["outcome"], result["field"], result["value"]) == ("failed", "lead.score", "maybe")
        assert result["rule"] == NUMBER
        row = leadpipe.json("journal", "show", result["id"])
        assert {name: row["failure"][name] for name in ("field", "value", "rule")} == {
            "field": "lead.score",
            "value": "maybe",
            "rule": NUMBER,
        }
        letter = (await listed(leadpipe, [result["id"], *known_letters], "dead", "list", "--connector", "survey"))[0]
        known_letters.insert(0, result["id"])
        assert (letter["field"], letter["value"], letter["rule"]) == ("lead.score", "maybe", NUMBER)
        ids[who] = (result["id"], letter["id"])

    in_force(leadpipe, tmp_path, SURVEY.format(field="has_budget") + FIELDS)
    numbers = count()

    async def corrected() -> bool:
        probe = {"event_id": f"survey-{next(numbers)}", "email": "probe@example.com", "has_budget": "maybe"}
        return (await ended(applied["url"], probe))["outcome"] in ("created", "updated")

    await until(corrected, "the corrected mapping", PROCESSES)
    assert leadpipe.run("dead", "replay", str(ids["known"][1])) == "replayed 1: 1 updated\n"
    assert leadpipe.run("journal", "retry", ids["new"][0]) == "sent again 1: 1 created\n"
    await until(lambda: passes(leadpipe, ids["known"][0], "updated"), "the replayed event", PROCESSES)
    await until(lambda: passes(leadpipe, ids["new"][0], "created"), "the event that was sent again", PROCESSES)
    explained = leadpipe.json("lead", "explain", known["lead"], "--field", "has_budget")
    [field] = explained["fields"]
    assert (field["value"], field["event"], field["row"]["from"]) == ("maybe", ids["known"][0], "has_budget")
    assert "only events that failed or were dropped" in leadpipe.run("journal", "retry", known["id"], code=1)


async def test_a_conflict_is_held_until_somebody_says_whose_event_it_is(leadpipe: Leadpipe, tmp_path: Path) -> None:
    url = in_force(
        leadpipe, tmp_path, 'name = "desk"\npreset = "generic-json"\nreply.outcome = "full"\ndefault_country = "IN"\n'
    )["url"]
    one = await ended(url, {"event_id": "k1", "phone": "9611795983", "city": "Pune"})
    other = await ended(url, {"event_id": "k2", "email": "two@example.com", "city": "Goa"})
    both = {"phone": "9611795983", "email": "two@example.com"}
    held = [await ended(url, {"event_id": f"k{n}", **both, "name": f"Asha {n}"}) for n in (3, 4)]
    assert [each["outcome"] for each in held] == ["failed", "failed"]

    rows = await listed(leadpipe, [each["id"] for each in held[::-1]], "conflict", "list", "--connector", "desk")
    assert rows[0]["leads"] == [one["lead"], other["lead"]]
    shown = leadpipe.json("conflict", "show", str(rows[1]["id"]))
    assert [lead["fields"]["city"] for lead in shown["leads"]] == ["Pune", "Goa"]
    assert "not one of the leads" in leadpipe.run(
        "conflict", "resolve", str(rows[1]["id"]), "--use", held[0]["id"], code=1
    )

    decision = leadpipe.json("conflict", "resolve", str(rows[1]["id"]), "--use", other["lead"])
    assert (decision["how"], decision["lead"]) == ("use", other["lead"])
    assert "was decided by" in leadpipe.run("conflict", "resolve", str(rows[1]["id"]), "--merge", code=1)
    await until(lambda: journalled(leadpipe, held[0]["id"], "updated", other["lead"]), "the decided event", PROCESSES)
    assert leadpipe.json("journal", "show", held[0]["id"])["decision"] == decision
    assert "use lead" in leadpipe.run("journal", "show", held[0]["id"])

    leadpipe.run("conflict", "resolve", str(rows[0]["id"]), "--merge")
    await until(lambda: journalled(leadpipe, held[1]["id"], "updated", one["lead"]), "the merged event", PROCESSES)
    assert leadpipe.json("conflict", "list", "--connector", "desk")["items"] == []
    merged = leadpipe.json("lead", "show", other["lead"])
    assert (merged["id"], merged["redirected_from"], merged["fields"]["name"]) == (one["lead"], other["lead"], "Asha 4")
    assert "was merged into this one" in leadpipe.run("lead", "show", other["lead"])
    written = {row["lead_id"] for row in leadpipe.json("journal", "list", "--search", one["lead"])["items"]}
    assert written == {one["lead"], other["lead"]}  # whichever id a row has, it leads to the one lead
    leadpipe.run("lead", "unmerge", other["lead"])
    assert leadpipe.json("lead", "show", other["lead"])["fields"]["city"] == "Goa"
    assert leadpipe.json("lead", "history", one["lead"])["items"][0]["field"] in leadpipe.run(
        "lead", "history", one["lead"]
    )


async def listed(leadpipe: Leadpipe, events: list[str], *arguments: str) -> Any:
    """The rows of a list once it has these events, and no others, in the events' order.

    A dead letter is told of before it is stored, and two processes store them: in which order is a matter of chance.
    """
    rows: list[dict[str, Any]] = []

    async def complete() -> bool:
        rows[:] = leadpipe.json(*arguments)["items"]
        return sorted(row["event_id"] for row in rows) == sorted(events)

    await until(complete, f"a list of {len(events)}", PROCESSES)
    return sorted(rows, key=lambda row: events.index(row["event_id"]))


async def passes(leadpipe: Leadpipe, event: str, outcome: str) -> bool:
    """Whether a replayed event ended so. One process may not have heard of the new mapping yet: then once more."""
    row = leadpipe.json("journal", "show", event)
    if row["outcome"] == "failed" and row["replay"]:
        command(["journal", "retry", event], leadpipe.environment)
    return (row["outcome"], row["failure"]) == (outcome, None)


async def journalled(leadpipe: Leadpipe, event: str, outcome: str, lead: str) -> bool:
    row = leadpipe.json("journal", "show", event)
    return (row["outcome"], row["lead_id"]) == (outcome, lead)


async def test_what_a_behaviour_drops_says_so_and_a_retry_decides_anew(leadpipe: Leadpipe, tmp_path: Path) -> None:
    text = 'name = "updates"\npreset = "generic-json"\nreply.outcome = "full"\n[sync]\nlead = "{}"\n'
    url = in_force(leadpipe, tmp_path, text.format("update"))["url"]
    dropped = await ended(url, {"event_id": "u1", "email": "unknown@example.com"})
    assert dropped["outcome"] == "dropped"
    assert dropped["reason"].startswith("no lead was found, and connector updates only updates leads")
    row = leadpipe.json("journal", "show", dropped["id"])
    assert (row["lead_sync"], row["activity_sync"]) == ("update", "capture")
    assert "only updated" in leadpipe.run("journal", "show", dropped["id"])
    in_force(leadpipe, tmp_path, text.format("capture"))
    numbers = count()

    async def captures() -> bool:
        probe = {"event_id": f"capture-{next(numbers)}", "email": "captured@example.com"}
        return (await ended(url, probe))["outcome"] != "dropped"

    await until(captures, "the new behaviour", PROCESSES)
    assert (await ended(url, {"event_id": "u1", "email": "unknown@example.com"}))["outcome"] == "dropped"
    assert leadpipe.run("journal", "retry", dropped["id"]) == "sent again 1: 1 created\n"

    async def created() -> bool:
        row = leadpipe.json("journal", "show", dropped["id"])
        if row["outcome"] == "dropped" and row["replay"]:  # by a process that had not heard of the change yet
            leadpipe.run("journal", "retry", dropped["id"])
        return (row["outcome"], row["lead_sync"]) == ("created", "capture")

    await until(created, "the dropped event to be decided anew", PROCESSES)


async def test_a_connector_that_is_switched_off_or_removed_takes_nothing(leadpipe: Leadpipe) -> None:
    url = leadpipe.urls["telephony-calls"]
    ping = b""

    assert leadpipe.run("connector", "disable", "telephony-calls") == "disabled telephony-calls\n"
    await answers(url, {"a": 1}, 403, "Connector disabled")
    assert leadpipe.run("connector", "enable", "telephony-calls") == "enabled telephony-calls\n"
    await answers(url, ping, 200, None)
    assert leadpipe.run("connector", "remove", "telephony-calls", "--yes") == "removed telephony-calls\n"
    await answers(url, ping, 404, "Unknown token")
    assert "no connector" in leadpipe.run("connector", "show", "telephony-calls", code=1)


async def answers(url: str, document: Any, status: int, title: str | None) -> None:
    """The door knows of a changed connector within seconds."""

    async def look() -> bool:
        answer = await post(url, document)
        return (answer[0], answer[1].get("title")) == (status, title)

    await until(look, f"the answer {status}", PROCESSES)
