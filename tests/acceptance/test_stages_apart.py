"""The ingress and each stage in a process of its own, over RabbitMQ: mixed traffic, to the last event."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from tests.acceptance.conftest import ALL, Install
from tests.support.daemon import Leadpipe
from tests.support.traffic import expected, traffic
from tests.support.until import until_blocking

STAGES = ("normalize", "map", "dedupe", "upsert", "log", "notify")
COUNT = 3_000


def all_rows(leadpipe: Leadpipe, *options: str) -> list[dict[str, Any]]:
    """Every row, page by page, as the command line gives them out."""
    rows: list[dict[str, Any]] = []
    following: list[str] = []
    while True:
        page = leadpipe.json("journal", "list", "--limit", "1000", *options, *following)
        rows += page["items"]
        if page["next"] is None:
            return rows
        following = ["--after", page["next"]]


def test_every_event_is_journalled_once_and_every_duplicate_takes_effect_once(install: Install, tmp_path: Path) -> None:
    leadpipe = install("rabbitmq")
    leadpipe.apply(*ALL)
    for stage in STAGES:
        leadpipe.start("work", stage)
    leadpipe.start("ingress")
    pairs = list(islice(traffic(seed=7, count=COUNT), COUNT))
    told = expected(pairs)
    assert told.rejected["number"] and told.rejected["key"]
    leadpipe.ready()

    for name in ALL:
        events = [event for connector, event in pairs if connector == name]
        file = tmp_path / f"{name}.ndjson"
        file.write_bytes(b"\n".join(map(orjson.dumps, events)))
        size = {"website": "1", "marketplace": "7"}.get(name, "100")
        sent = leadpipe.json("send", str(file), "--connector", name, "--batch", size)
        assert (sent["accepted"], sent["refused"]) == (len(events), 0)

    balance = leadpipe.audited(told.distinct, receipts=told.sent)["balance"]
    assert (balance["journalled"], balance["receipts"]) == (told.distinct, told.sent)
    rows = all_rows(leadpipe)
    assert len(rows) == len({row["event_id"] for row in rows}) == told.distinct
    assert {row["outcome"] for row in rows} == {"created", "updated", "unchanged", "failed"}
    assert len([row for row in rows if row["outcome"] == "created"]) == len(told.people)
    assert len({row["lead_id"] for row in rows if row["lead_id"]}) == len(told.people)

    assert len([row for row in rows if row["outcome"] == "failed"]) == told.failed
    dead = {("map", "lead.budget"): len(told.rejected["number"]), ("dedupe", "phone"): len(told.rejected["key"])}

    def groups() -> dict[tuple[str, str], int]:
        return {
            (group["stage"], group["field"]): group["letters"] for group in leadpipe.json("dead", "groups")["items"]
        }

    def at_rest() -> bool:
        seen = [(stage["stage"], stage["ready"], stage["in_hand"]) for stage in leadpipe.json("stages")["stages"]]
        return seen == [(stage, 0, 0) for stage in STAGES]

    # the journal is told first: dead letters are stored, and those who are to hear of them are told, after that
    until_blocking(lambda: sum(groups().values()) >= sum(dead.values()), "every dead letter")
    assert groups() == dead
    until_blocking(at_rest, "empty queues")
    assert leadpipe.stop() == [0] * 7
