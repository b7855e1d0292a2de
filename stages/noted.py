"""Counts what was read by a rule, or could not be read, on events that went on. In: notes. Out: a metric, by kind."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter

from schemas.notes import LABELS, kinds_of

NOTES = Counter(
    "leadpipe_notes_total", "What was read by a rule, or could not be read, on events that went on", ["kind"]
)
_COUNTERS = {kind: NOTES.labels(kind) for kind in LABELS}


def count(notes: Iterable[str]) -> None:
    """Count the notes of one event."""
    for note in notes:
        for kind in kinds_of(note):
            _COUNTERS[kind].inc()
