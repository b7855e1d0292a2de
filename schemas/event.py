"""The event: one thing that happened, as a connector received it, and what the stages made of it so far.

Travels between stages as JSON (see `pipeline.engine.frame`); every value in it is a JSON value or a datetime.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal, Self

FailureKind = Literal["rejected", "poison", "conflict"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a stage gave an event up.

    `rejected`: a rule of ours says no, and `field`, `value`, `rule` name it; a retry works once the mapping or
    the settings are fixed. `conflict`: its keys name several leads, and a person must say which one it is about.
    `poison`: the stage raised on it until its attempts were spent; `error` and `trace` hold the last exception.
    """

    stage: str
    kind: FailureKind
    reason: str
    attempts: int
    at: datetime
    field: str | None = None
    value: str | None = None
    rule: str | None = None
    error: str | None = None
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One stage's part in an event's way: which attempt it was, and the time it took, in milliseconds."""

    stage: str
    attempt: int
    waited_ms: float  # from the publish of its frame to the hand-over to the stage
    spent_ms: float  # the stage's time for the whole batch the event was in


@dataclass(frozen=True)
class Event:
    """One event.

    `id` is a UUID: where the producer gave an id of its own, it follows from that and from what the event says, so that
    sending twice gives the same id, and another version of the thing an id near it; else it is made at the door.
    `raw` is the source's document as JSON text, with its secrets redacted; only the first stage and the journal read
    it. `data` is what the last stage made of it. `result` is what became of it in the records. `failure` is set on an
    event that died, for the stages that hear of ends.
    """

    id: str
    account: int
    connector: int
    kind: str
    received_at: datetime
    raw: str
    occurred_at: datetime | None = None
    data: dict[str, Any] = field(default_factory=dict)
    revision: int = 0
    replay: int = 0
    notes: tuple[str, ...] = ()
    trail: tuple[Step, ...] = ()
    result: dict[str, Any] | None = None
    failure: Failure | None = None

    def evolve(self, **changes: Any) -> Self:
        """This event with some attributes changed; events are never changed in place, so a batch can run again."""
        attributes = {**self.__dict__, **changes}
        if len(attributes) != len(NAMES):
            raise TypeError(f"an event has no {', '.join(changes.keys() - set(NAMES))}")
        event = object.__new__(type(self))
        object.__setattr__(event, "__dict__", attributes)
        return event

    def arrived(self, id: str, received_at: datetime, raw: str) -> Self:
        """This event as one that has arrived under this id; what every event costs at the door."""
        event = object.__new__(type(self))
        attributes = event.__dict__
        attributes.update(self.__dict__)
        attributes["id"] = id
        attributes["received_at"] = received_at
        attributes["raw"] = raw
        return event

    def after(self, step: Step) -> Self:
        """This event, one step further on its way; what every event costs at every stage."""
        event = object.__new__(type(self))
        attributes = event.__dict__
        attributes.update(self.__dict__)
        attributes["trail"] = (*self.trail, step)
        return event

    @classmethod
    def of(cls, attributes: dict[str, Any]) -> Self:
        """The event with these attributes, which it keeps; TypeError if one is missing or not an event's."""
        if tuple(attributes) != NAMES:
            return cls(**attributes)
        event = object.__new__(cls)
        object.__setattr__(event, "__dict__", attributes)
        return event


# An event has no slots: stages copy it several times each, and one dictionary is copied faster than 14 attributes,
# or than `__init__` and `dataclasses.replace` set them.
NAMES = tuple(each.name for each in fields(Event))
