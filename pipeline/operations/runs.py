"""Which run each step of an event's way belongs to. In: its steps, and where its runs ended. Out: the steps, numbered.

A run is the first way of an event through the stages, 0, or a replay of it, from 1. A journal row keeps the steps of
all of them in one list. In a run each stage has one step, and the run that a dead letter tells of ends with its stage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def numbered(steps: Sequence[Mapping[str, Any]], ends: Mapping[int, str], replays: int) -> list[dict[str, Any]]:
    """The steps, each with `replay`, the number of its run; None where that cannot be told.

    `ends`: by the number of a run the stage that gave the event up in it; `replays`: how often it was sent again.
    """
    runs: list[list[Mapping[str, Any]]] = [[]]
    for step in steps:
        run = runs[-1]
        over = bool(run) and run[-1]["stage"] == ends.get(len(runs) - 1)
        if over or any(step["stage"] == earlier["stage"] for earlier in run):
            runs.append(run := [])
        run.append(step)
    all_there = len(runs) == replays + 1
    return [{**step, "replay": number if all_there else None} for number, run in enumerate(runs) for step in run]
