"""What became of events that were sent through again. In: which ones, as they are sent. Out: counts, and why.

However many they are, memory is bounded: what was sent is noted in a file, and looked for some at a time. A look costs
one query for a thousand events.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import NamedTuple
from uuid import UUID

from pipeline.engine.outcome import Transient
from pipeline.engine.topology import Topology, Work
from pipeline.operations.chain import Chain
from pipeline.store import outcomes as store
from pipeline.store.database import Database
from pipeline.store.outcomes import End

WINDOW = 1_000  # events that are looked for at a time
IN_MEMORY = 1024 * 1024  # bytes of what was sent, before it goes to a file
RECORD = 20  # bytes: the id of an event, and the number of its run
SOON, LATE = 0.05, 1.0  # seconds between two looks: twice as many each time nothing has ended
NEWS = 60.0  # seconds without an end after which nobody waits on, unless a time was given
IDLE = 5.0  # seconds without an end after which it is asked whether anybody works
CAUSES = 50  # causes of failures that are told apart
ENDS = ("created", "updated", "unchanged", "dropped", "failed")


class Cause(NamedTuple):
    """What events failed of: the stage that gave them up, the kind of failure, the field, the rule or error."""

    stage: str | None
    kind: str | None
    field: str | None
    cause: str | None


@dataclass(slots=True)
class Failures:
    """How many failed of one cause, and the id of one of them."""

    events: int
    example: str


@dataclass(slots=True)
class Outcomes:
    """How events ended. `pending`: how many have not, as far as is known; `unheard`: how many were sent on to stages
    behind the journal, which then tells nothing of them; `idle`: stages that nobody works on, seen while waiting."""

    ended: Counter[str] = field(default_factory=Counter)
    pending: int = 0
    unheard: int = 0
    failures: dict[Cause, Failures] = field(default_factory=dict)
    idle: list[str] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """How many failed again."""
        return self.ended["failed"]

    @property
    def good(self) -> bool:
        """Whether all ended, and none failed."""
        return not self.failed and not self.pending

    def add(self, event: str, end: End) -> None:
        """One more has ended."""
        self.ended[end.outcome] += 1
        if end.outcome == "failed":
            cause = Cause(end.stage, end.kind, end.field, end.cause or end.kind)
            if cause not in self.failures and len(self.failures) >= CAUSES:
                cause = Cause(None, None, None, "other causes")
            known = self.failures.setdefault(cause, Failures(0, event))
            known.events += 1

    def by_number(self) -> list[tuple[Cause, Failures]]:
        """The causes of failures, the most frequent first."""
        return sorted(self.failures.items(), key=lambda each: -each[1].events)


class Sent:
    """The events that were sent, each with the number of its run. Use it as a context: it may hold a file."""

    def __init__(self) -> None:
        self.count = 0
        self.unheard = 0
        self._file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # closed with this
        self.began = time.time()

    def __enter__(self) -> Sent:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, events: Iterable[tuple[str, int]]) -> None:
        """These were sent: id, and the number of the run."""
        for event, replay in events:
            self._file.write(UUID(event).bytes + replay.to_bytes(4, "big"))
            self.count += 1

    def windows(self) -> Iterator[list[tuple[str, int]]]:
        """All that were sent, some at a time, in order."""
        at = 0
        while True:
            self._file.seek(at)
            if not (content := self._file.read(WINDOW * RECORD)):
                return
            at += len(content)
            parts = (content[start : start + RECORD] for start in range(0, len(content), RECORD))
            yield [(str(UUID(bytes=part[:16])), int.from_bytes(part[16:], "big")) for part in parts]


def is_heard(topology: Topology, stage: str) -> bool:
    """Whether the journal tells how an event ended that was sent to this stage."""
    return topology.stages[stage].hears_ends or bool(topology.hearers(stage))


async def wait(
    database: Database,
    chain: Chain,
    sent: Sent,
    *,
    timeout: float | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Outcomes:
    """Wait until they have ended, and tell how; `on_progress` hears how many more have.

    At most `timeout` seconds; without one for as long as one of them ends now and then. A database that is away is
    waited for likewise. Where nobody works on a stage it waits no longer than a few seconds.
    """
    watch = _Watch(database, chain, timeout, on_progress)
    watch.found.unheard = sent.unheard
    for window in sent.windows():
        await watch.over(dict(window))
    return watch.found


class _Watch:
    """One wait: its bounds, and what was found so far."""

    def __init__(
        self, database: Database, chain: Chain, timeout: float | None, on_progress: Callable[[int], None]
    ) -> None:
        self.found = Outcomes()
        self._database = database
        self._chain = chain
        self._timeout = timeout
        self._on_progress = on_progress
        self._began = self._news = time.monotonic()
        self._asked = False  # whether anybody works
        self._over = False

    async def over(self, missing: dict[str, int]) -> None:
        """Look for these, until they have ended or the time is over; then once."""
        pause = SOON
        while missing:
            over = self._is_over()
            ended = await self._look(missing)
            for event, end in ended.items():
                del missing[event]
                self.found.add(event, end)
            if ended:
                self._news, pause = time.monotonic(), SOON
                self._on_progress(len(ended))
            if over or not missing:
                break
            await self._see_who_works()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LATE)
        self.found.pending += len(missing)

    async def _look(self, missing: dict[str, int]) -> dict[str, End]:
        try:
            return await store.ends(self._database, list(missing.items()))
        except Transient:
            return {}

    def _is_over(self) -> bool:
        now = time.monotonic()
        late = now - self._news > NEWS if self._timeout is None else now - self._began >= self._timeout
        self._over = self._over or late or bool(self.found.idle)
        return self._over

    async def _see_who_works(self) -> None:
        """Where nothing ends, ask once whether anybody works on the stages."""
        if self._asked or time.monotonic() - self._news < IDLE:
            return
        self._asked = True
        try:
            depths = await self._chain.transport.depths()
        except Transient:
            return
        names = self._chain.topology.stages
        idle = [name for name in names if (depth := depths.get(Work(name).queue)) and not depth.consumers]
        if len(idle) == len(names):
            self.found.idle = idle
