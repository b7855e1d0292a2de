"""A record in hand: read from the store, changed by events, written back if anything came of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.store.merge import Fields, changed, merge


@dataclass(slots=True)
class Record:
    """A lead, a call or an activity. `version` is the stored one; 0: it is not stored yet."""

    id: str
    account: int
    connector: int = 0
    state: Fields = field(default_factory=Fields)
    version: int = 0
    touched: bool = False  # something must be written, be it only a stamp
    visible: bool = False  # a value changed

    def apply(self, said: Fields) -> list[str]:
        """Merge what an event says; returns the names of the fields that show another value."""
        before, self.state = self.state, merge(self.state, said)
        if self.state is before:
            return []
        self.touched = True
        names = changed(before, self.state)
        self.visible = self.visible or bool(names)
        return names
