"""The list of scenarios. In: functions that play one, declared by a decorator. Out: the list, in order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.ground import Servers
from tests.chaos.verdict import Verdict
from tests.chaos.world import World, world

Play = Callable[[World], Awaitable[None]]
BOTH = ("rabbitmq", "postgres")


@dataclass(frozen=True)
class Scenario:
    """One fault, and the figures that it must reach. `small` replaces options in the short form."""

    name: str
    about: str
    brokers: tuple[str, ...]
    play: Play
    options: Mapping[str, Any] = field(default_factory=dict)
    small: Mapping[str, Any] = field(default_factory=dict)

    async def run(self, servers: Servers, seed: int, *, long: bool) -> Verdict:
        """Set the stage, play, judge."""
        options = {**self.options, **({} if long else self.small)}
        async with world(servers, f"{self.name} {self.about}", seed, long=long, **options) as here:
            await self.play(here)
        if (figures := here.figures) is not None:
            await figures(here)
        return here.verdict


SCENARIOS: dict[str, Scenario] = {}


def scenario(
    name: str,
    about: str,
    *,
    brokers: tuple[str, ...] = BOTH,
    small: Mapping[str, Any] | None = None,
    **options: Any,
) -> Callable[[Play], Play]:
    """Put the decorated function on the list; options are those of `world`."""

    def declare(play: Play) -> Play:
        SCENARIOS[name] = Scenario(name, about, brokers, play, options, small or {})
        return play

    return declare
