"""How a spool does: what `/readyz`, the metrics and `leadpipe stages` show of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class State:
    """How the spool does. `oldest_s` is the age of the oldest event in it, `trouble` why it takes none now."""

    events: int
    bytes: int
    oldest_s: float
    limit: int
    trouble: str | None
