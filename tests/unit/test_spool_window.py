"""The window of the spool: an idle chain is fed as fast as it works, and no event waits long behind what was fed in."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pipeline.ingress.needs import Results
from pipeline.ingress.spool.window import EVERY, LEAST, MOST, PATIENCE, PROMPT, Window
from pipeline.store.database import DatabaseUnavailable

FRAME = 200  # events


class Chain:
    """Time that is played: it works off `rate` events a second in the order in which they came.

    `others` a second come by another door.
    """

    def __init__(self, rate: float, others: float = 0.0) -> None:
        self.now = 0.0
        self.rate = rate
        self.others = others
        self.away = False
        self.window = Window(self.look, lambda: self.now, self.passes)
        self.waits: list[float] = []  # of events that came when something was fed in, in seconds
        self._free_at = 0.0
        self._done_at: dict[str, float] = {}

    async def look(self, ids: Sequence[str]) -> Results:
        self._pass(0.002)
        if self.away:
            raise DatabaseUnavailable("away")
        return {id: {} for id in ids if self._done_at[id] <= self.now}

    async def feed(self, events: int = FRAME) -> None:
        await self.window.room()
        self._pass(0.002)  # a publish
        id = str(len(self._done_at))
        self._take(events)
        self._done_at[id] = self._free_at + 0.05
        self.waits.append(self._free_at - self.now)
        self.window.fed(id, events)

    async def feed_for(self, seconds: float) -> float:
        """Feed in what there is room for; returns events a second."""
        began, fed = self.now, 0
        while self.now - began < seconds:
            await self.feed()
            fed += FRAME
        return fed / (self.now - began)

    async def passes(self, seconds: float) -> None:
        self._pass(seconds)

    def _pass(self, seconds: float) -> None:
        self.now += seconds
        self._take(self.others * seconds)

    def _take(self, events: float) -> None:
        self._free_at = max(self._free_at, self.now) + events / self.rate


@pytest.mark.parametrize("rate", [1_000, 3_000, 12_000])
async def test_an_idle_chain_is_fed_nearly_as_fast_as_it_works_and_never_far_ahead(rate: float) -> None:
    chain = Chain(rate)
    await chain.feed_for(20)  # it finds the size
    chain.waits.clear()
    assert await chain.feed_for(60) > 0.9 * rate
    assert max(chain.waits) < 2 * PROMPT


async def test_new_events_come_first_and_the_spool_gets_what_is_left() -> None:
    chain = Chain(3_000, others=2_000)
    await chain.feed_for(20)
    chain.waits.clear()
    assert 700 < await chain.feed_for(60) < 1_050
    assert max(chain.waits) < 2 * PROMPT


async def test_a_chain_that_slows_down_is_fed_less_within_a_moment() -> None:
    chain = Chain(10_000)
    await chain.feed_for(20)
    before = chain.window.size
    chain.rate = 500
    await chain.feed_for(5)
    assert chain.window.size <= before / 4
    await chain.feed_for(20)  # what it had in hand
    chain.waits.clear()
    await chain.feed_for(20)
    assert max(chain.waits) < PATIENCE + PROMPT


@pytest.mark.parametrize("away", [False, True])
async def test_a_chain_that_stands_still_gets_a_little_and_is_found_again(away: bool) -> None:
    chain = Chain(5_000)
    await chain.feed_for(20)
    chain.away, chain._free_at = away, chain.now + 60
    assert await chain.feed_for(58) < 3 * LEAST / PATIENCE
    chain.away = False
    await chain.feed_for(20)
    assert await chain.feed_for(20) > 4_000


async def test_what_nobody_looked_at_in_time_says_nothing() -> None:
    chain = Chain(5_000)
    await chain.feed_for(20)
    size = chain.window.size
    chain.now += 3_600  # the spool was empty
    await chain.feed()
    assert chain.window.size == size > LEAST


@pytest.mark.parametrize("idle", [0, 2, 3_600])
async def test_after_any_pause_it_is_fed_no_further_ahead_than_at_first(idle: float) -> None:
    chain = Chain(1_000)
    chain.now += idle  # the process had started before, and there was nothing to feed in
    assert await chain.feed_for(3) < 1_300
    assert max(chain.waits) < 2 * PROMPT


async def test_the_window_has_a_bound() -> None:
    chain = Chain(10_000_000)
    await chain.feed_for(60)
    assert chain.window.size <= MOST


async def test_a_frame_whose_events_cannot_be_told_passes_after_a_while() -> None:
    chain = Chain(5_000)
    chain.window.fed(None, FRAME)
    await chain.feed()
    assert PATIENCE <= chain.now < PATIENCE + 2 * EVERY
