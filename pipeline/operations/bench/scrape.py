"""What an instance tells of itself. In: the text of `/metrics`. Out: events done and batch sizes, by stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from pipeline.operations.bench.poster import DoorTrouble

WANTED = {
    "leadpipe_stage_events_total": "events",
    "leadpipe_stage_batch_size_count": "batches",
    "leadpipe_stage_batch_size_sum": "in_batches",
    "leadpipe_stage_seconds_sum": "seconds",
    "leadpipe_ingress_group_events_count": "batches",
    "leadpipe_ingress_group_events_sum": "in_batches",
}
DOOR = "ingress"


@dataclass(slots=True)
class Work:
    """What one stage has done: events, batches of how many, and the time they took; for the ingress, its commits."""

    events: float = 0.0
    batches: float = 0.0
    in_batches: float = 0.0
    seconds: float = 0.0

    def since(self, before: Work) -> Work:
        return Work(
            self.events - before.events,
            self.batches - before.batches,
            self.in_batches - before.in_batches,
            self.seconds - before.seconds,
        )

    @property
    def mean_batch(self) -> float | None:
        """Events in a batch, on average."""
        return round(self.in_batches / self.batches, 1) if self.batches else None


def read(text: str) -> dict[str, Work]:
    """By stage, and `ingress`."""
    found: dict[str, Work] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if attribute := WANTED.get(sample.name):
                work = found.setdefault(sample.labels.get("stage", DOOR), Work())
                setattr(work, attribute, getattr(work, attribute) + sample.value)
    return found


def between(before: Mapping[str, Work], after: Mapping[str, Work]) -> dict[str, Work]:
    """What was done from one look to the next."""
    return {name: work.since(before.get(name, Work())) for name, work in after.items()}


async def look(session: aiohttp.ClientSession, url: str) -> dict[str, Work]:
    """What the instance behind a webhook URL has done so far. Raises DoorTrouble."""
    parts = urlsplit(url)
    try:
        async with session.get(f"{parts.scheme}://{parts.netloc}/metrics") as answer:
            if answer.status != 200:
                raise DoorTrouble(f"/metrics answered {answer.status}")
            return read(await answer.text())
    except (aiohttp.ClientError, TimeoutError) as error:
        raise DoorTrouble(f"/metrics does not answer: {error}") from error
