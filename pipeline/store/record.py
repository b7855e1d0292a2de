"""A record in hand: read from the store, changed by events, written back if anything came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pipeline.store.merge import EMPTY, Fields, Stamp, changed, merge

Replaced = tuple[str, Any, Stamp, Stamp]  # a field, the value that it had, since when, and what took its place


@dataclass(slots=True)
class Record:
    """A lead, a call or an activity. `version` is the stored one; 0: it is not stored yet."""

    id: str
    account: int
    connector: int = 0
    state: Fields = EMPTY
    version: int = 0
    touched: bool = False  # something must be written, be it only a stamp
    visible: bool = False  # a value changed
    contested: bool = False  # it had values before, so that not all that was said needs to have won
    replaced: list[Replaced] = field(default_factory=list)  # values that gave way to others, or to blanks

    def apply(self, said: Fields) -> list[str]:
        """Merge what an event says; returns the names of the fields that show another value."""
        before, self.state = self.state, merge(self.state, said)
        self.contested = self.contested or before is not EMPTY
        if self.state is before:
            return []
        self.touched = True
        names = changed(before, self.state)
        if names:
            self.visible = True
        if before.values:
            for name in names:
                if (old := before.values.get(name)) is not None:
                    self.replaced.append((name, old, before.stamps[name], self.state.stamps[name]))
        return names
