"""What a route is handed beside its parameters: who calls, and the open parts of the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pipeline.daemon.core import Core
from pipeline.operations.access import Actor
from pipeline.operations.chain import Chain
from pipeline.operations.errors import Busy
from pipeline.settings import Settings
from pipeline.store.database import Database


@dataclass(frozen=True, slots=True)
class Call:
    """One request of one user. `database` is the API's own small pool, so that it cannot starve the ingress."""

    actor: Actor
    core: Core
    database: Database
    heavy: asyncio.Lock  # of what takes long: one at a time, since the ingress runs beside it

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """For what takes long. Raises Busy while another one is under way in this process."""
        if self.heavy.locked():
            raise Busy("a trial or a comparison is under way; try again in a moment", retry_after=2)
        async with self.heavy:
            yield

    @property
    def account(self) -> int:
        return self.actor.account

    @property
    def chain(self) -> Chain:
        return Chain(self.core.topology, self.core.transport, self.core.bounds)

    @property
    def settings(self) -> Settings:
        return self.core.settings
