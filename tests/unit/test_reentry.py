"""Where a dead letter goes when it is sent through again: by what it died of, or as somebody wishes."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.engine.outcome import Forward, Outcome
from pipeline.engine.stage import Stage
from pipeline.engine.topology import Topology
from pipeline.operations.errors import InUse, Invalid
from pipeline.operations.reentry import Death, StageGone, TooEarly, check, stage_for


async def forward(batch: Any, tools: Any) -> list[Outcome]:
    return [Forward(event) for event in batch]


TOPOLOGY = Topology.of(
    [
        Stage("read", forward),
        Stage("map", forward, after="read"),
        Stage("write", forward, after="map"),
        Stage("tell", forward, after="write"),
        Stage("count", forward, after="map"),  # beside `write`
    ],
    [5],
)


def goal(stage: str, kind: str = "rejected", wish: str | None = None, *, decided: bool = False) -> str:
    death = Death(7, stage, kind, decided)
    check([death], TOPOLOGY, wish)
    return stage_for(death, TOPOLOGY, wish)


@pytest.mark.parametrize(
    ("stage", "kind", "decided", "wish", "goes"),
    [
        ("map", "rejected", False, None, "read"),
        ("write", "rejected", False, None, "read"),
        ("read", "rejected", False, None, "read"),
        ("gone", "rejected", False, None, "read"),
        ("map", "conflict", False, None, "read"),
        ("map", "conflict", True, None, "map"),
        ("map", "poison", False, None, "map"),
        ("write", "poison", True, None, "write"),
        ("read", "poison", False, None, "read"),
        ("map", "rejected", False, "map", "map"),
        ("map", "rejected", False, "write", "write"),
        ("map", "rejected", False, "tell", "tell"),
        ("map", "rejected", False, "count", "count"),
        ("map", "poison", False, "read", "read"),
        ("gone", "poison", False, "read", "read"),
        ("map", "conflict", True, "read", "read"),
        ("write", "poison", False, "tell", "tell"),
    ],
)
def test_where_a_letter_goes(stage: str, kind: str, decided: bool, wish: str | None, goes: str) -> None:
    assert goal(stage, kind, wish, decided=decided) == goes


@pytest.mark.parametrize(("stage", "wish"), [("write", "map"), ("tell", "write"), ("tell", "map"), ("write", "count")])
def test_what_came_to_an_earlier_stage_is_not_kept(stage: str, wish: str) -> None:
    with pytest.raises(TooEarly) as caught:
        goal(stage, "poison", wish)
    assert isinstance(caught.value, InUse)
    assert f"as it came to {wish!r} is not kept" in str(caught.value)
    assert f"'read', '{stage}'" in str(caught.value)


@pytest.mark.parametrize("wish", [None, "map", "gone-too", "tell"])
def test_a_stage_that_is_gone_is_named_with_what_can_be_done(wish: str | None) -> None:
    with pytest.raises((StageGone, Invalid)) as caught:
        goal("gone", "poison", wish)
    if wish == "gone-too":
        assert isinstance(caught.value, Invalid)
    else:
        assert "letter 7 died in stage 'gone'" in str(caught.value) and "'read'" in str(caught.value)


@pytest.mark.parametrize(("wish", "near"), [("maps", "mean 'map'?"), ("wrte", "mean 'write'?"), ("zzz", "read")])
def test_a_stage_that_nobody_knows_is_refused_with_the_nearest_name(wish: str, near: str) -> None:
    with pytest.raises(Invalid) as caught:
        goal("map", "poison", wish)
    told = str(caught.value)
    assert repr(wish) in told and near in told and "read, map" in told
    assert caught.value.problems[0].field == "from_stage"


def test_one_letter_that_cannot_go_keeps_all_others_back() -> None:
    with pytest.raises(TooEarly, match="letter 2 "):
        check([Death(1, "map", "poison", False), Death(2, "tell", "poison", False)], TOPOLOGY, "write")


def test_a_wish_that_nobody_knows_is_refused_also_where_no_letter_matches() -> None:
    with pytest.raises(Invalid):
        check([], TOPOLOGY, "zzz")
