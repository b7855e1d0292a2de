"""Where a dead letter goes when it is sent through again. In: what it died of, the chain, a wish. Out: a stage.

What the rules rejected goes to the first stage, where the configuration begins, and so does a conflict that nobody has
decided: the mapping, the settings or the keys may be others now. What an infrastructure or a bug stopped goes to the
stage that gave it up, with what came to it, and so does a conflict with a person's decision. A wish decides otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pipeline.engine.topology import Topology, unknown_stage
from pipeline.operations.errors import InUse, Invalid, Problem

NOTHING = "nothing is done"
FIELD = "from_stage"


class StageGone(InUse):
    """A dead letter died in a stage that the chain no longer has."""


class TooEarly(InUse):
    """A dead letter cannot go to a stage before the one that it died in: what came to that one is not kept."""


class Death(NamedTuple):
    """What one letter, or many alike, died of. `letter` is the id of one of them."""

    letter: int
    stage: str
    kind: str
    decided: bool


def check(deaths: Iterable[Death], topology: Topology, wish: str | None) -> None:
    """See that each of these has a stage to go to. Raises Invalid (there is no such stage), StageGone, TooEarly."""
    check_stage(topology, FIELD, wish)
    for death in deaths:
        stage_for(death, topology, wish)


def check_stage(topology: Topology, field: str, name: str | None) -> None:
    """See that a name that somebody gave as `field` is a stage's; None: they gave none. Raises Invalid."""
    if name is not None and name not in topology.stages:
        raise Invalid(NOTHING, [Problem(field, unknown_stage(name, topology.stages), name)])


def stage_for(death: Death, topology: Topology, wish: str | None) -> str:
    """The stage that a letter goes to, `wish` being one of the chain's or None. Raises StageGone, TooEarly.

    At the first one it begins anew; at any other it arrives with what came to the stage that it died in.
    """
    if wish == topology.entry or (wish is None and _begins_anew(death)):
        return topology.entry
    if death.stage not in topology.stages:
        raise StageGone(
            f"dead letter {death.letter} died in stage {death.stage!r}, which no longer exists; the "
            f"stages are {', '.join(topology.stages)}; from {topology.entry!r} it can begin anew"
        )
    if wish is None or wish == death.stage or wish in topology.downstream(death.stage):
        return wish or death.stage
    raise TooEarly(
        f"dead letter {death.letter} died in stage {death.stage!r}, and the event as it came to {wish!r} is not "
        f"kept; it can be sent to {', '.join(repr(name) for name in _possible(death, topology))}"
    )


def _begins_anew(death: Death) -> bool:
    return death.kind == "rejected" or (death.kind == "conflict" and not death.decided)


def _possible(death: Death, topology: Topology) -> list[str]:
    """The stages that it can go to, in order."""
    behind = topology.downstream(death.stage)
    return [name for name in topology.stages if name in (topology.entry, death.stage) or name in behind]
