"""Every worked example of every preset, from its body to mapped fields."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
import pytest

from pipeline.engine.outcome import DeadLetter, Forward
from schemas.cutting import events_in, producer_id, redacted
from schemas.event import Event
from schemas.fields import AS_SENT
from schemas.preset import Example, Expected, Preset
from schemas.presets import presets
from stages.map import map_fields
from stages.normalize import normalize
from tests.support.chain import ARRIVED, connector_of, event_of, tools_with

EXAMPLES = [
    pytest.param(preset, example, id=f"{preset.name}: {example.name}")
    for preset in presets().values()
    for example in preset.example
]


@pytest.mark.parametrize(("preset", "example"), EXAMPLES)
async def test_example(preset: Preset, example: Example) -> None:
    connector = connector_of(preset.name, example.connector)
    tools = tools_with(connector)
    found = events_in(orjson.loads(example.body), preset.door)
    assert len(found) == len(example.expect)
    for document, expected in zip(found, example.expect, strict=True):
        clean, _ = redacted(document, preset.door)
        assert producer_id(clean, connector.id_paths) == expected.id
        [read] = await normalize.run([event_of(clean)], tools)
        [outcome] = await map_fields.run([read.event], tools) if isinstance(read, Forward) else [read]
        if expected.rejected is None:
            assert isinstance(outcome, Forward), outcome
            assert _summary(outcome.event) == _wanted(expected)
        else:
            assert isinstance(outcome, DeadLetter), outcome
            assert outcome.field and outcome.rule
            assert expected.rejected in outcome.reason


def _summary(event: Event) -> dict[str, Any]:
    """Without what follows from the number: how it was sent, and the zone that it is in."""
    lead, defaults = event.data["lead"], event.data["defaults"]
    return {
        "occurred_at": event.occurred_at,
        "lead": {name: value for name, value in lead.items() if not name.endswith(AS_SENT)},
        "defaults": {name: value for name, value in defaults.items() if name != "time_zone"},
        "call": event.data.get("call"),
        "activity": event.data.get("activity"),
        "keys": event.data["keys"]["search"],
    }


def _wanted(expected: Expected) -> dict[str, Any]:
    return {
        "occurred_at": datetime.fromisoformat(expected.occurred_at) if expected.occurred_at else ARRIVED,
        "lead": {**expected.lead, **dict.fromkeys(expected.cleared)},
        "defaults": expected.defaults,
        "call": expected.call,
        "activity": expected.activity,
        "keys": expected.keys,
    }
