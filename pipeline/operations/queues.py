"""How each stage does. In: the broker's queues, the processes' beats, the dead-letter store. Out: a row a stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pipeline.engine.topology import Dead, Work, rung_queue
from pipeline.engine.transport import BrokerUnavailable, Depth
from pipeline.operations.chain import Chain
from pipeline.operations.reentry import check_stage
from pipeline.store import dead_letters, spools, workers
from pipeline.store.database import Database


@dataclass(frozen=True, slots=True)
class StageState:
    """One stage, now."""

    stage: str
    ready: int  # frames in its queue
    in_hand: int  # events that its processes have taken and not settled
    oldest_s: float  # about how long the oldest event has waited; 0 when nothing waits
    rate: float  # events a second, over the last beats
    consumers: int
    dead: int  # its dead letters that wait for a decision
    undrained: int  # frames in its dead queue that are not in the dead-letter store yet
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


async def look(database: Database, chain: Chain, account: int | None = None, names: Sequence[str] = ()) -> Queues:
    """Put together what the broker, the processes and the dead-letter store tell; dead letters of one account, or all.

    `names`: of these stages alone; none: of all. Raises Invalid (no stage has such a name), BrokerUnavailable (the
    broker is away or has no queues yet), DatabaseUnavailable.
    """
    for name in names:
        check_stage(chain.topology, "stage", name)
    depths, topology = await chain.transport.depths(), chain.topology
    if not depths:
        raise BrokerUnavailable("its queues do not exist yet")
    processes = await workers.live(database)
    dead = await dead_letters.by_stage(database, account)
    wanted = [name for name in topology.stages if not names or name in names]
    return Queues(
        [_state(name, depths, processes, dead.get(name, 0)) for name in wanted],
        {rung_queue(seconds): depths[rung_queue(seconds)].ready for seconds in topology.rungs},
        await spools.waiting(database),
    )


def _state(name: str, depths: Mapping[str, Depth], processes: Sequence[Mapping[str, Any]], dead: int) -> StageState:
    beats = [(worker["beat_at"], worker["stages"][name]) for worker in processes if name in worker["stages"]]
    work = depths[Work(name).queue]
    in_hand = sum(beat["in_hand"] for _, beat in beats)
    return StageState(
        stage=name,
        ready=work.ready,
        in_hand=in_hand,
        oldest_s=_oldest(beats) if work.ready or in_hand else 0.0,
        rate=sum(beat["rate"] for _, beat in beats),
        consumers=work.consumers,
        dead=dead,
        undrained=depths[Dead(name).queue].ready,
        waiting=next((beat["waiting"] for _, beat in beats if beat["waiting"]), None),
    )


def _oldest(beats: Sequence[tuple[datetime, Mapping[str, Any]]]) -> float:
    """What the last batches had waited, and what has passed since."""
    now = datetime.now(UTC)
    ages = [beat["waited_ms"] / 1000 + (now - at).total_seconds() for at, beat in beats]
    return round(max(ages, default=0.0), 1)
