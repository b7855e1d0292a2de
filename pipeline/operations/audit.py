"""Does everything that was accepted end in the journal? In: receipts, journal, queues. Out: the balance.

accepted = journalled + under way + missing; missing must be 0. Events in a spool are under way.
Receipts are kept by the ingress apart from the broker, so this also catches what a broker, or a bug of ours, would
lose.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from pipeline.operations.chain import Chain
from pipeline.operations.queues import Queues, look
from pipeline.store import receipts
from pipeline.store.database import Database
from pipeline.store.receipts import Balance

PAUSE = 2.5  # seconds between two looks; longer than processes take to beat, and the ingress to ship its receipts


@dataclass(frozen=True, slots=True)
class Audit:
    """The balance, and whether it is final: nothing is under way that could still change it."""

    balance: Balance
    queues: Queues
    final: bool

    @property
    def balanced(self) -> bool:
        """Nothing is lost, and nothing is there twice."""
        return self.balance.missing == 0 and self.balance.double == 0


async def audit(database: Database, chain: Chain, since: datetime, patience: float) -> Audit:
    """Compare receipts and journal. While events are under way, look again for up to `patience` seconds.

    Missing counts as final once two looks in a row found nothing under way and the same numbers.
    """
    deadline = asyncio.get_running_loop().time() + patience
    before: Balance | None = None
    while True:
        seen = await look(database, chain)
        balance = await receipts.balance(database, since)
        final = not seen.under_way and balance == before
        if final or asyncio.get_running_loop().time() >= deadline:
            return Audit(balance, seen, final)
        before = None if seen.under_way else balance
        await asyncio.sleep(PAUSE)
