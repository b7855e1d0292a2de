"""`/stages`: how each stage of the chain does, for all accounts together, but for the dead letters."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.api.call import Call
from pipeline.api.listing import Shown
from pipeline.api.route import Several, Table
from pipeline.operations.queues import look
from schemas.access import Scope
from schemas.strict import Strict

api = Table()


class StageShown(Shown):
    """One stage, now."""

    stage: str
    ready: int = Field(description="frames in its queue")
    in_hand: int = Field(description="events that its processes have taken and not settled")
    oldest_s: float = Field(description="about how long the oldest event has waited; 0 when nothing waits")
    rate: float = Field(description="events a second, over the last seconds")
    consumers: int
    dead: int = Field(description="its dead letters that wait for a decision, of this account")
    undrained: int = Field(description="frames in its dead queue that are not in the dead-letter store yet")
    waiting: str | None = Field(description="why its processes hold their batches, when they do")


class SpoolShown(Shown):
    """Accepted events on the disk of an ingress process, which took them while the broker was away."""

    events: int
    bytes: int
    oldest_s: float = Field(description="how long the oldest has waited")
    heard_s: float = Field(description="how long ago the process last reported")


class Stages(Shown):
    """The chain."""

    stages: list[StageShown]
    rungs: dict[str, int] = Field(description="frames that wait on each rung of the retry ladder")
    spools: list[SpoolShown] = Field(description="what ingress processes keep on disk until the broker is back")


class WhichStages(Strict):
    """Which stages."""

    stage: Annotated[
        list[Annotated[str, Field(max_length=200)]] | None,
        Several(),
        Field(
            max_length=50,
            description="only these stages; for several, repeat the parameter, or separate the names by commas",
        ),
    ] = None


@api.route("GET", "/stages", scope=Scope.STAGES_READ, tag="Stages")
async def list_stages(call: Call, query: WhichStages) -> Stages:
    """Show the depth, age, rate, consumers and dead letters of each stage."""
    return Stages.model_validate(await look(call.database, call.chain, call.account, query.stage or ()))
