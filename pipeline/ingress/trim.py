"""Memory goes back to the system after large bodies. In: a word that one was read. Out: a trimmed heap, soon after.

glibc keeps what was freed between other things for ever: a hundred large bodies once would be paid for until the
process ends. On another C library nothing is done.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable
from typing import Final

LARGE = 1024 * 1024  # bytes of a body that make a trim worth while
AFTER = 1.0  # seconds: what was made of the body is gone by then, and a flood of them is trimmed once

_trim: Final[Callable[[int], int] | None] = getattr(ctypes.CDLL(None), "malloc_trim", None)


class Trimmer:
    """Trims once for all large bodies of a second."""

    def __init__(self) -> None:
        self._due: asyncio.TimerHandle | None = None

    def read(self, size: int) -> None:
        """A body of this size was read, or given up."""
        if size >= LARGE and self._due is None and _trim is not None:
            self._due = asyncio.get_running_loop().call_later(AFTER, self._now)

    def _now(self) -> None:
        self._due = None
        if _trim is not None:
            _trim(0)
