"""The examples of docs/values.md, row by row: what is sent becomes what the page says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.engine.outcome import DeadLetter, Forward, Outcome
from schemas.event import Event
from stages.map import map_fields
from stages.normalize import normalize
from tests.support.chain import connector_of, event_of, outcome_of

PAGE = Path(__file__).parents[2] / "docs" / "values.md"
HEAD = "| type | sent | country | becomes | noted |"
ZONES = {"IN": "Asia/Kolkata", "US": "America/New_York", "DE": "Europe/Berlin", "GB": "Europe/London"}
CELL = re.compile(r"(?<!\\)\|")


def examples() -> Iterator[tuple[str, ...]]:
    """The rows of the page's tables of examples."""
    inside = False
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        inside = line == HEAD or (inside and line.startswith("|"))
        cells = tuple(cell.strip().replace("\\|", "|") for cell in CELL.split(line)[1:-1]) if inside else ()
        if cells and line != HEAD and not cells[0].startswith("--"):
            yield cells


def code(cell: str) -> Any:
    """The JSON value in a cell."""
    assert cell.startswith("`") and cell.endswith("`"), cell
    return orjson.loads(cell.strip("`").strip())


async def through(connector: Any, document: dict[str, Any]) -> Outcome:
    read = await outcome_of(normalize, event_of(document), connector)
    return await outcome_of(map_fields, read.event, connector) if isinstance(read, Forward) else read


def settings_of(type: str, country: str) -> dict[str, Any]:
    fields = {"name": "it", "label": "It", "type": type}
    own = {"default_country": country, "time_zone": ZONES.get(country, "UTC")} if country else {}
    return {**own, "fields": [fields], "map": [{"from": "it", "to": "lead.it"}]}


@pytest.mark.parametrize(("type", "sent", "country", "becomes", "noted"), [*examples()])
async def test_a_value_becomes_what_the_page_says(type: str, sent: str, country: str, becomes: str, noted: str) -> None:
    connector = connector_of("generic-json", settings_of(type, country.strip("`–")))
    outcome = await through(connector, {"it": code(sent)})
    if becomes == "rejected":
        assert isinstance(outcome, DeadLetter) and outcome.field == "lead.it", outcome
        assert noted.strip("`") in str(outcome.rule)
        return
    assert isinstance(outcome, Forward), outcome
    event: Event = outcome.event
    if becomes == "blank":
        assert "it" not in event.data["lead"]
    else:
        assert event.data["lead"]["it"] == code(becomes)
    assert bool(event.notes) == bool(noted)
    assert all(noted.strip("`") in note for note in event.notes)


def test_the_page_has_examples_of_every_type() -> None:
    types = {"text", "number", "boolean", "phone", "email", "date", "datetime", "duration"}
    assert {row[0] for row in examples()} == types
