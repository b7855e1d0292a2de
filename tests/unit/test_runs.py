"""Which run a step belongs to: told by where runs ended, and by a stage that comes twice; else not told."""

from __future__ import annotations

import pytest

from pipeline.operations.runs import numbered


@pytest.mark.parametrize(
    ("way", "ends", "replays", "runs"),
    [
        ("", {}, 0, []),
        ("nmdu", {}, 0, [0, 0, 0, 0]),
        ("nm", {0: "m"}, 0, [0, 0]),
        ("nmnmdu", {0: "m"}, 1, [0, 0, 1, 1, 1, 1]),  # begun anew
        ("nmdu", {0: "m"}, 1, [0, 0, 1, 1]),  # a stage was skipped
        ("nmdudu", {0: "u"}, 1, [0, 0, 0, 0, 1, 1]),  # replayed from the stage before the one it died in
        ("nmnmnmdu", {0: "m", 1: "m"}, 2, [0, 0, 1, 1, 2, 2, 2, 2]),
        ("nmddu", {0: "m", 1: "d"}, 2, [0, 0, 1, 2, 2]),
        ("nmdunmdu", {}, 1, [0, 0, 0, 0, 1, 1, 1, 1]),  # dropped, and sent again: there is no letter
        ("nmdu", {}, 1, [None] * 4),  # the letter is gone, and a stage was skipped
        ("nmnm", {0: "m"}, 3, [None] * 4),  # runs that left no trace
    ],
)
def test_steps_are_numbered_by_run(way: str, ends: dict[int, str], replays: int, runs: list[int | None]) -> None:
    steps = [{"stage": stage, "attempt": 1} for stage in way]
    told = numbered(steps, ends, replays)
    assert [step["replay"] for step in told] == runs
    assert [step["stage"] for step in told] == list(way)
    assert all(step["attempt"] == 1 for step in told) and all("replay" not in step for step in steps)
