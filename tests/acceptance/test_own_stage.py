"""A stage in one file, spliced between two shipped ones: it sees every event, and its failures harm no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.acceptance.conftest import Install, page
from tests.support.daemon import post
from tests.support.until import PROCESSES, until

STAGE = '''"""Tastes every event; spits out the bitter ones as long as a certain file exists."""

from pathlib import Path

from pipeline.engine.outcome import Forward
from pipeline.engine.stage import stage

FLAG = Path({flag!r})


@stage(after="map", before="dedupe")
async def taste(batch, tools):
    for event in batch:
        if "bitter" in event.raw and FLAG.exists():
            raise RuntimeError("too bitter for me")
    return [Forward(event) for event in batch]
'''


@pytest.mark.parametrize("broker", ["postgresql", "rabbitmq"])
async def test_one_bad_event_of_a_full_batch_harms_no_other(broker: str, install: Install, tmp_path: Path) -> None:
    folder, flag = tmp_path / "stages", tmp_path / "flag"
    folder.mkdir()
    flag.touch()
    (folder / "taste.py").write_text(STAGE.format(flag=str(flag)))
    leadpipe = install(broker, stage_dirs=str(folder))
    url = leadpipe.apply("website")["website"]
    leadpipe.start("up")
    leadpipe.ready()

    people = [{"event_id": f"e{n}", "email": f"p{n}@example.com", "name": f"P{n}"} for n in range(100)]
    people[37]["name"] = "bitter"
    status, answer = await post(f"{url}?wait=60", people)
    assert status == 200
    ends = [result["outcome"] for result in answer["results"]]
    assert [*ends[:37], *ends[38:]] == ["created"] * 99
    assert (ends[37], answer["results"][37]["stage"]) == ("failed", "taste")

    names = [stage["stage"] for stage in leadpipe.json("stages")["stages"]]
    assert names == ["normalize", "map", "taste", "dedupe", "upsert", "log", "notify"]
    rows = {row["event_id"]: row for row in leadpipe.json("journal", "list", "--limit", "200")["items"]}
    bad = rows.pop(answer["ids"][37])
    assert (len(rows), {row["attempts"] for row in rows.values()}) == (99, {1})
    assert bad["attempts"] == 3  # the first, and one for each rung
    assert max(row["finished_at"] for row in rows.values()) < bad["finished_at"]
    for id in (answer["ids"][0], answer["ids"][99]):
        trail = [step["stage"] for step in leadpipe.json("journal", "show", id)["stages"]]
        assert trail == ["normalize", "map", "taste", "dedupe", "upsert"]

    async def counted() -> bool:  # once the batch is settled, which is after its events have ended
        told = await page(f"{leadpipe.base}/metrics")
        forwarded = re.search(r'leadpipe_stage_events_total\{outcome="forward",stage="taste"\} (\S+)', told)
        return forwarded is not None and float(forwarded[1]) == 99

    await until(counted, "99 tasted")

    [letter] = await until(lambda: leadpipe.json("dead", "list")["items"], "the dead letter", PROCESSES)
    assert (letter["event_id"], letter["stage"], letter["kind"]) == (bad["event_id"], "taste", "poison")
    shown = leadpipe.run("dead", "show", str(letter["id"]))
    assert "RuntimeError: too bitter for me" in shown
    assert "taste.py" in shown and "Traceback" in shown

    flag.unlink()
    assert leadpipe.run("dead", "replay", "--stage", "taste") == "replayed 1: 1 created\n"
    await until(
        lambda: leadpipe.json("journal", "show", bad["event_id"])["outcome"] == "created",
        "the replayed event",
        PROCESSES,
    )
    shown = leadpipe.json("journal", "show", bad["event_id"])
    again = [step["stage"] for step in shown["stages"] if step["replay"] == 1]
    assert again == ["taste", "dedupe", "upsert"], "what a fault stopped goes on where it stopped"
    assert [(failure["stage"], failure["status"]) for failure in shown["failures"]] == [("taste", "replayed")]
    assert leadpipe.audited(100)["balance"]["dead"] == 0
    assert leadpipe.stop() == [0]
