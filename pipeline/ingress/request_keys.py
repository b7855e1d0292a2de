"""Keys of requests at the door. In: what came under a key. Out: nothing, or a Refusal: it stood for something else.

The database decides, for all processes. What was claimed here lately is known here, so a repetition costs no query, and
a key that is used for two contents is noticed also while the database is away. Claims of one turn of the loop, and
those that come while a statement is under way, share the next one.

An ingress accepts without its database. Where that does not answer in good time a request passes unchecked, and for a
while so do the next ones at once. Its events have ids of their own by what they say, so nothing is taken for something
else and lost.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import structlog

from pipeline.engine.outcome import Transient
from pipeline.ingress import metrics
from pipeline.ingress.needs import ClaimKeys
from pipeline.ingress.refusal import Refusal
from pipeline.store.request_keys import Claim, Slot

log = structlog.get_logger(__name__)

PATIENCE = 1.0  # seconds that a request waits for the database
AGAIN = 5.0  # seconds without asking a database that did not answer
MOST = 10_000  # keys that are remembered: about three megabytes

Found = Mapping[Slot, bytes] | None  # what keys stand for; None: nobody could say


class Held(NamedTuple):
    """What a key stands for here, and whether the database knows of it."""

    content: bytes
    sure: bool


class RequestKeys:
    """`ask(claims)` is `pipeline.store.request_keys.claim`; without it a process knows its own claims alone."""

    def __init__(self, ask: ClaimKeys | None = None, *, patience: float = PATIENCE, most: int = MOST) -> None:
        self._ask = ask
        self._patience = patience
        self._most = most
        self._held: OrderedDict[Slot, Held] = OrderedDict()
        self._waiting: list[tuple[Claim, asyncio.Future[Found]]] = []
        self._asking: asyncio.Task[None] | None = None
        self.away_until = float("-inf")  # of the loop's clock: until then the database is not asked

    async def claim(self, claim: Claim) -> None:
        """Let the key stand for this content from now on. Refusal: it stands for another one, here or elsewhere."""
        held = self._held.get(claim.slot)
        if held is not None and held.content != claim.content:
            raise reused()
        if held is not None and held.sure:
            self._held.move_to_end(claim.slot)
            return
        found = await self._found(claim)
        if found is None:
            metrics.UNCHECKED_KEYS.inc()
        held = self._held.get(claim.slot)  # another request may have been faster
        if held is None:
            held = Held(claim.content if found is None else found.get(claim.slot, claim.content), found is not None)
        elif found is not None:
            held = Held(held.content, sure=True)  # what was accepted here goes on to be
        self._hold(claim.slot, held)
        if held.content != claim.content:
            raise reused()

    async def stop(self) -> None:
        """Ask no more; whoever waits passes unchecked."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    async def _found(self, claim: Claim) -> Found:
        loop = asyncio.get_running_loop()
        if self._ask is None:
            return {}
        if loop.time() < self.away_until:
            return None
        answer: asyncio.Future[Found] = loop.create_future()
        self._waiting.append((claim, answer))
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_all(self._ask))
        return await answer

    async def _ask_all(self, ask: ClaimKeys) -> None:
        """Ask for those who wait, in groups, until nobody does or nobody answers."""
        group: list[tuple[Claim, asyncio.Future[Found]]] = []
        found: Found = {}
        try:
            while self._waiting and found is not None:
                group, self._waiting = self._waiting, []
                found = await self._answer(ask, [claim for claim, _ in group])
                _tell(group, found)
        finally:
            group, self._waiting = group + self._waiting, []
            _tell(group, None)  # those who were told something hear no more

    async def _answer(self, ask: ClaimKeys, claims: Sequence[Claim]) -> Found:
        try:
            async with asyncio.timeout(self._patience):
                return await ask(claims)
        except (Transient, TimeoutError) as error:
            log.warning("idempotency keys are not checked", reason=str(error) or "no answer in time")
        except Exception as error:  # whatever it is, such as a migration that is missing: the door stays open
            log.error("idempotency keys are not checked", error=f"{type(error).__name__}: {error}")
        self.away_until = asyncio.get_running_loop().time() + AGAIN
        return None

    def _hold(self, slot: Slot, held: Held) -> None:
        self._held[slot] = held
        self._held.move_to_end(slot)
        if len(self._held) > self._most:
            self._held.popitem(last=False)


def reused() -> Refusal:
    """422: as the draft of the header's standard has it (draft-ietf-httpapi-idempotency-key-header §2.7)."""
    return Refusal(
        422,
        "Idempotency key reused",
        "nothing of this request was accepted: its idempotency key was used before with another body; "
        "send this body with a new key, or, to repeat the earlier request, send the earlier body",
    )


def _tell(group: Sequence[tuple[Claim, asyncio.Future[Found]]], found: Found) -> None:
    for _, answer in group:
        if not answer.done():  # it was told, or its request was given up
            answer.set_result(found)
