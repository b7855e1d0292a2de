"""What became of events that a call sent through again. In: `?wait=SECONDS`. Out: how they ended, in the answer.

Without `wait` a call answers 202 once the events are sent. With it, 200 when all have ended, 202 when some have not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from pipeline.api.call import Call
from pipeline.api.listing import Shown
from pipeline.operations import masked, outcomes
from pipeline.operations.errors import Busy
from pipeline.operations.outcomes import Outcomes, Sent
from schemas.strict import Strict

LONGEST = 60  # seconds, as at the ingress
MOST = 20  # calls of one process that wait at a time
DONE, UNDER_WAY = 200, 202

Wait = Annotated[
    float | None,
    Field(
        gt=0,
        le=LONGEST,
        description="seconds to wait for the outcome of the events: 200 when all have ended, 202 when some have not; "
        "left out: 202 once they are sent",
    ),
]


class Waited(Strict):
    """Whether to wait for the outcome."""

    wait: Wait = None


class FailedAgain(Shown):
    """Events that failed of one cause."""

    events: int = Field(description="how many")
    stage: str | None = Field(description="the stage that gave them up")
    kind: str | None = Field(description="rejected (by a rule), poison (by a fault), conflict (for a person to decide)")
    field: str | None
    cause: str | None = Field(description="the rule, or the kind of error")
    example: str = Field(description="the id of one of the events")


class EndedShown(Shown):
    """How the events ended that were sent; only in the answer to a call that waited."""

    created: int | None = Field(default=None, description="how many made a new record")
    updated: int | None = Field(default=None, description="how many changed a record")
    unchanged: int | None = Field(default=None, description="how many changed nothing")
    dropped: int | None = Field(default=None, description="how many were dropped")
    failed: int | None = Field(default=None, description="how many failed")
    pending: int | None = Field(default=None, description="how many have not ended yet")
    unheard: int | None = Field(
        default=None, description="how many went to stages behind the journal, so that their outcome is not known"
    )
    failures: list[FailedAgain] | None = Field(default=None, description="why they failed, the largest group first")

    @property
    def http_status(self) -> int:
        """What the call is answered with."""
        return UNDER_WAY if self.pending is None or self.pending else DONE

    @model_serializer(mode="wrap")
    def _without_nothing(self, handler: SerializerFunctionWrapHandler) -> Any:
        """Where nobody waited nothing is said of how they ended."""
        told = handler(self)
        return {name: value for name, value in told.items() if value is not None or name not in ENDED}


ENDED = frozenset(EndedShown.model_fields)
_waiting = 0


@contextmanager
def noted(query: Waited) -> Iterator[Sent]:
    """Where to put down what is sent. Raises Busy where too many calls wait already, before anything is sent."""
    global _waiting
    if query.wait is not None and _waiting >= MOST:
        raise Busy("too many calls wait for their outcome; wait a moment, or leave out `wait`", retry_after=5)
    _waiting += query.wait is not None
    try:
        with Sent() as note:
            yield note
    finally:
        _waiting -= query.wait is not None


async def told(call: Call, note: Sent, query: Waited) -> dict[str, Any]:
    """How they ended, as members of EndedShown; nothing where nobody waits."""
    if query.wait is None:
        return {}
    found = members(await outcomes.wait(call.database, call.chain, note, timeout=query.wait))
    failures = [FailedAgain(**masked.row(call.actor, each.model_dump())) for each in found["failures"]]
    return {**found, "failures": failures}


def members(found: Outcomes) -> dict[str, Any]:
    """How events ended, as members of EndedShown."""
    failures = [
        FailedAgain(**cause._asdict(), events=each.events, example=each.example) for cause, each in found.by_number()
    ]
    counts = {name: found.ended[name] for name in outcomes.ENDS}
    return {**counts, "pending": found.pending, "unheard": found.unheard, "failures": failures}
