"""Is this process fit to take events? In: broker, database, topology. Out: one line per check.

An ingress that knows its connectors is ready without the database: it goes on accepting, and the broker keeps. It is
ready without the broker while it can accept into its spool.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from pipeline.engine.outcome import Transient
from pipeline.engine.topology import Topology
from pipeline.engine.transport import Transport, Unroutable
from pipeline.ingress.needs import Answers, Connectors

log = structlog.get_logger(__name__)
PATIENCE = 1.0  # seconds that a probe of an orchestrator may wait
OK = "ok"
MISSING = "these queues are missing"


class Probe:
    """One question, asked at most once at a time: a server that hangs collects no further questions."""

    def __init__(self, name: str, ask: Callable[[], Awaitable[str]]) -> None:
        self.name = name
        self._ask = ask
        self._asking: asyncio.Task[str] | None = None

    async def answer(self) -> str:
        """`ok`, or what is wrong; within PATIENCE seconds."""
        if self._asking is None:
            self._asking = asyncio.create_task(self._asked())
        asking = self._asking
        done, _ = await asyncio.wait({asking}, timeout=PATIENCE)
        if not done:
            return f"no answer in {PATIENCE:g} s"
        if self._asking is asking:
            self._asking = None
        return asking.result()

    async def stop(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking}, timeout=PATIENCE)

    async def _asked(self) -> str:
        try:
            return await self._ask()
        except Transient as error:
            log.warning("not ready", check=self.name, error=str(error))
            return "cannot be reached"


@dataclass(frozen=True)
class Health:
    """The checks of `/readyz`."""

    broker: Probe
    database: Probe
    catalog: Connectors

    @classmethod
    def of(cls, transport: Transport, topology: Topology, database: Answers, catalog: Connectors) -> Health:
        async def broker() -> str:
            try:
                depths = await transport.depths()
            except Unroutable as error:
                return f"{MISSING}: {error}"
            missing = [address.queue for address in topology.addresses() if address.queue not in depths]
            return f"{MISSING}: {', '.join(missing)}" if missing else OK

        async def ask_database() -> str:
            await database.fetchval("SELECT 1")
            return OK

        return cls(Probe("broker", broker), Probe("database", ask_database), catalog)

    async def report(self, *, spools: bool = False) -> tuple[bool, dict[str, str]]:
        """Whether it is ready, and each check's line. `spools`: it can accept without the broker now."""
        broker, database = await asyncio.gather(self.broker.answer(), self.database.answer())
        missing = broker.startswith(MISSING)
        checks = {"broker": OK if missing else broker, "topology": broker, "database": database}
        knows = bool(self.catalog.names())
        if database != OK and knows:
            checks["database"] = f"{database}; accepting for the connectors already known"
        if broker != OK and spools:
            for check in ("broker", "topology"):
                checks[check] += "" if checks[check] == OK else "; accepting into the spool"
        return (broker == OK or spools) and (database == OK or knows), checks

    async def stop(self) -> None:
        """Ask no more."""
        await asyncio.gather(self.broker.stop(), self.database.stop())
