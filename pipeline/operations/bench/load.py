"""What a run sends. In: what somebody asked for. Out: a checked load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Body = Literal["single", "array", "ndjson"]
People = Literal["new", "returning", "duplicates"]

MOST = 10_000_000  # events in one run
LONGEST = 3_600.0  # seconds that one run may take
KNOWN = 500  # events sent before a run is measured; `duplicates` repeats them


@dataclass(frozen=True, slots=True)
class Load:
    """The events of one run.

    `people`: everybody is `new`; four of five events are about people seen before (`returning`); or every event was
    sent before (`duplicates`). `rate` is events a second, arriving at random; None: as fast as the door answers.
    `failing` is the share of events that the rules refuse. `in_flight` bounds open connections, `seconds` the run.
    """

    events: int
    body: Body = "single"
    batch: int = 500  # events in one array or NDJSON body
    people: People = "new"
    rate: float | None = None
    failing: float = 0.01
    in_flight: int = 64
    seconds: float = 600.0

    def __post_init__(self) -> None:
        """Raises ValueError that names what is out of bounds."""
        for name, value, least, most in (
            ("events", self.events, 1, MOST),
            ("batch", self.batch, 1, 10_000),
            ("in-flight", self.in_flight, 1, 1_000),
            ("seconds", self.seconds, 1, LONGEST),
            ("failing", self.failing, 0, 0.5),
        ):
            if not least <= value <= most:
                raise ValueError(f"{name} must be from {least:,} to {most:,}")
        if self.rate is not None and not 0 < self.rate <= 100_000:
            raise ValueError("rate must be above 0 and up to 100,000")

    @property
    def per_request(self) -> int:
        """Events in one request."""
        return 1 if self.body == "single" else self.batch

    @property
    def requests(self) -> int:
        return -(-self.events // self.per_request)
