"""Counts local times that needed a rule: where clocks change, one time happens twice and another never. In: notes."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter

from schemas.normal.time import NEVER, TWICE

LOCAL_TIMES = Counter(
    "leadpipe_local_times_total",
    "Local times that happen twice (the first is meant) or never (moved forward)",
    ["kind"],
)
_TWICE, _NEVER = LOCAL_TIMES.labels("twice"), LOCAL_TIMES.labels("never")


def count(notes: Iterable[str]) -> None:
    """Count those that the notes of one event tell of."""
    for note in notes:
        if note.endswith(TWICE):
            _TWICE.inc()
        elif note.endswith(NEVER):
            _NEVER.inc()
