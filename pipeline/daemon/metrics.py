"""Prometheus metrics of the stages and queues. In: reports, depths, dead letters. Out: the default registry.

`leadpipe_dead_letters` is what `leadpipe stages` shows as dead: letters in the dead-letter store that wait for a
decision, of all accounts. `leadpipe_dead_letters_undrained` are frames that are still on their way there.
"""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import Counter, Gauge, Histogram

from pipeline.engine.observe import NAMES, Report
from pipeline.engine.topology import Dead, Topology, Work
from pipeline.engine.transport import Depth

EVENTS = Counter("leadpipe_stage_events_total", "Events that a stage decided on", ["stage", "outcome"])
BATCH = Histogram(
    "leadpipe_stage_batch_size", "Events in a batch", ["stage"], buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)
)
SECONDS = Histogram("leadpipe_stage_seconds", "Time from taking a batch to its frames being confirmed", ["stage"])
DEPTH = Gauge("leadpipe_queue_depth", "Frames ready in a stage's queue", ["stage"], multiprocess_mode="mostrecent")
DEAD = Gauge(
    "leadpipe_dead_letters",
    "A stage's dead letters that wait for a decision",
    ["stage"],
    multiprocess_mode="mostrecent",
)
UNDRAINED = Gauge(
    "leadpipe_dead_letters_undrained",
    "Frames in a stage's dead queue that are not in the dead-letter store yet",
    ["stage"],
    multiprocess_mode="mostrecent",
)
OLDEST = Gauge(
    "leadpipe_queue_oldest_seconds",
    "How long the oldest event of the last batch had waited",
    ["stage"],
    multiprocess_mode="max",
)


class StageMetrics:
    """An observer with its labels bound once."""

    def __init__(self, stage: str) -> None:
        self._events = {name: EVENTS.labels(stage, name) for name in NAMES.values()}
        self._batch = BATCH.labels(stage)
        self._seconds = SECONDS.labels(stage)
        self._oldest = OLDEST.labels(stage)

    def __call__(self, report: Report) -> None:
        for name, count in report.outcomes.items():
            self._events[name].inc(count)
        self._batch.observe(report.events)
        self._seconds.observe(report.seconds)
        self._oldest.set(report.waited_ms / 1000)


def show_depths(topology: Topology, depths: Mapping[str, Depth]) -> None:
    """Set the gauges of the queues."""
    for stage in topology.stages:
        DEPTH.labels(stage).set(depths[Work(stage).queue].ready)
        UNDRAINED.labels(stage).set(depths[Dead(stage).queue].ready)


def show_dead(topology: Topology, letters: Mapping[str, int]) -> None:
    """Set the gauges of the dead letters that wait in the store, by stage."""
    for stage in topology.stages:
        DEAD.labels(stage).set(letters.get(stage, 0))
