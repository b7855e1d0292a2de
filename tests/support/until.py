"""The one way in which tests wait by looking. In: a look, and what it looks for. Out: what was seen, once there is any.

A test waits for a signal where there is one. This is for the rest: another process, a file, a broker's own queue.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from inspect import isawaitable
from typing import TypeVar

T = TypeVar("T")
# These end what hangs, and say nothing of speed: a machine that is starved takes a hundred times as long as another.
PATIENCE = 60.0  # seconds
PROCESSES = 100.0  # seconds, where whole processes start, stop or hear of a change
TRIES = 5
SOONEST, LATEST = 0.001, 0.05  # seconds from one look to the next: twice as long each time, until the latter


async def until(look: Callable[[], Awaitable[T] | T], what: str = "it", within: float = PATIENCE) -> T:
    """Look, with a plain or an async function, until it sees something; AssertionError after `within` seconds."""
    try:
        async with asyncio.timeout(within) as limit:
            for pause in _pauses():
                seen = look()
                if found := await seen if isawaitable(seen) else seen:
                    return found
                await asyncio.sleep(pause)
    except TimeoutError:
        if not limit.expired():  # it was the look that took too long, for itself
            raise
    raise AssertionError(f"{what} did not come about within {within:g} s")


async def in_some_try(attempt: Callable[[], Awaitable[bool]], what: str) -> None:
    """For promises about time: `attempt` tells whether this one was kept; AssertionError when none of a few was.

    A machine that stalls for a moment spoils one try, and a program that is slow spoils all. What must hold every time
    is asserted within `attempt`.
    """
    for _ in range(TRIES):
        if await attempt():
            return
    raise AssertionError(f"{what}: not once in {TRIES} tries")


def until_blocking(look: Callable[[], T | None], what: str = "it", within: float = PROCESSES) -> T:
    """The same outside of a loop, where it is always processes that are waited for."""
    deadline = time.monotonic() + within
    for pause in _pauses():
        if found := look():
            return found
        if time.monotonic() >= deadline:
            break
        time.sleep(pause)
    raise AssertionError(f"{what} did not come about within {within:g} s")


def _pauses() -> Iterator[float]:
    pause = SOONEST
    while True:
        yield pause
        pause = min(LATEST, 2 * pause)
