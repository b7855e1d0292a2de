"""How each stage does: depth, age, rate, consumers, dead. In: the broker's queues and the processes' beats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pipeline.engine.topology import Dead, Topology, Work, rung_queue
from pipeline.engine.transport import Depth


@dataclass(frozen=True, slots=True)
class StageState:
    """One stage, now."""

    stage: str
    ready: int  # frames in its queue
    in_hand: int  # events that its processes have taken and not settled
    oldest_s: float  # about how long the oldest event has waited; 0 when nothing waits
    rate: float  # events a second, over the last beats
    consumers: int
    dead: int  # frames in its dead queue that are not drained yet
    waiting: str | None  # why its processes hold their batches, when they do


@dataclass(frozen=True, slots=True)
class Queues:
    """Every stage, every rung of the retry ladder, and the spools."""

    stages: list[StageState]
    rungs: dict[str, int]  # frames that wait on each
    spools: list[dict[str, Any]]  # accepted events that wait on the disks of ingress processes, by folder

    @property
    def under_way(self) -> bool:
        """Whether any event is between the door and the journal, as far as can be seen."""
        at_stages = any(state.ready or state.in_hand for state in self.stages)
        return at_stages or any(self.rungs.values()) or bool(self.spools)


def queues(
    topology: Topology,
    depths: Mapping[str, Depth],
    workers: Sequence[Mapping[str, Any]],
    spools: Sequence[dict[str, Any]],
) -> Queues:
    """Put together what the broker and the processes tell."""
    return Queues(
        [_state(name, depths, workers) for name in topology.stages],
        {rung_queue(seconds): depths[rung_queue(seconds)].ready for seconds in topology.rungs},
        list(spools),
    )


def _state(name: str, depths: Mapping[str, Depth], workers: Sequence[Mapping[str, Any]]) -> StageState:
    beats = [(worker["beat_at"], worker["stages"][name]) for worker in workers if name in worker["stages"]]
    work = depths[Work(name).queue]
    in_hand = sum(beat["in_hand"] for _, beat in beats)
    return StageState(
        stage=name,
        ready=work.ready,
        in_hand=in_hand,
        oldest_s=_oldest(beats) if work.ready or in_hand else 0.0,
        rate=sum(beat["rate"] for _, beat in beats),
        consumers=work.consumers,
        dead=depths[Dead(name).queue].ready,
        waiting=next((beat["waiting"] for _, beat in beats if beat["waiting"]), None),
    )


def _oldest(beats: Sequence[tuple[datetime, Mapping[str, Any]]]) -> float:
    """What the last batches had waited, and what has passed since."""
    now = datetime.now(UTC)
    ages = [beat["waited_ms"] / 1000 + (now - at).total_seconds() for at, beat in beats]
    return round(max(ages, default=0.0), 1)
