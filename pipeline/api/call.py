"""What a route is handed beside its parameters: who calls, and the open parts of the process."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.api.conditions import UNCONDITIONAL, Conditions
from pipeline.daemon.core import Core
from pipeline.operations.access import Actor
from pipeline.operations.chain import Chain
from pipeline.settings import Settings
from pipeline.store.database import Database


@dataclass(frozen=True, slots=True)
class Call:
    """One request of one user. `database` is the API's own small pool, so that it cannot starve the ingress."""

    actor: Actor
    core: Core
    database: Database
    conditions: Conditions = UNCONDITIONAL

    @property
    def account(self) -> int:
        return self.actor.account

    @property
    def chain(self) -> Chain:
        return Chain(self.core.topology, self.core.transport, self.core.bounds)

    @property
    def settings(self) -> Settings:
        return self.core.settings
