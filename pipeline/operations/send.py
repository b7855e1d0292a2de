"""Send a file of events through the HTTP door, as a producer would. In: JSON, NDJSON or CSV. Out: what was accepted.

A refusal for the moment (503, 429, a lost connection) is tried again, honouring Retry-After; any other refusal
is counted, kept with its text, and does not stop the rest.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import orjson

from pipeline.operations.proving import Prove, nothing

NOT_NOW = {429, 502, 503, 504}
TRIES = 60
LONGEST_PAUSE = 5.0  # seconds


class UnreadableFile(ValueError):
    """The file is not what its name says; the message names the line and what is wrong."""


class DoorClosed(Exception):
    """The ingress could not be reached, or went on saying "not now"."""


@dataclass
class Sent:
    """What became of a file."""

    accepted: int = 0
    refused: int = 0
    ids: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)  # the first few, as answered


def keys_of(file: Path, batch: int) -> str:
    """What the idempotency keys of this file begin with: the same for the same content, cut up in the same way."""
    with file.open("rb") as content:
        return f"{hashlib.file_digest(content, 'sha256').hexdigest()[:32]}-{batch}"


def read(file: Path) -> Iterator[Any]:
    """The events of a file, by its suffix: .ndjson or .jsonl, .csv (a header line names the members), else JSON."""
    match file.suffix.lower():
        case ".ndjson" | ".jsonl":
            with file.open("rb") as lines:
                yield from (_parsed(line, f"line {number}") for number, line in enumerate(lines, 1) if line.strip())
        case ".csv":
            with file.open(newline="", encoding="utf-8-sig") as rows:
                yield from csv.DictReader(rows)
        case _:
            document = _parsed(file.read_bytes(), str(file))
            yield from document if isinstance(document, list) else [document]


def _parsed(text: bytes, where: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise UnreadableFile(f"{where} is not JSON: {error}") from error


async def send(
    url: str,
    events: Iterator[Any],
    *,
    batch: int = 1,
    in_flight: int = 32,
    keys: str | None = None,
    owns: Callable[[Any], bool] = lambda _: False,
    prove: Prove = nothing,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Sent:
    """Post the events to a webhook URL, `batch` to a request, at most `in_flight` requests at once.

    `keys` begins the idempotency key of each request, so that trying it again, also in another run, does nothing
    twice; events of which `owns` says that they have an id of their own go without one, which would hide it. `prove`
    says what each request must send along to be believed.
    `on_progress` hears how many events each answered request held. Raises DoorClosed.
    """
    sent = Sent()
    run, numbers = keys or uuid4().hex, count()
    requests = _requests(events, batch, owns)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=in_flight), timeout=aiohttp.ClientTimeout(total=60)
    ) as session:

        async def feed() -> None:
            for group, own in requests:
                key, body = f"{run}-{next(numbers)}", orjson.dumps(group[0] if batch == 1 else group)
                target, proof = prove(url, body, key)
                headers = {"Content-Type": "application/json", **proof}
                if keys is not None and not own:
                    headers["Idempotency-Key"] = key
                await _post(session, target, headers, body, len(group), sent)
                on_progress(len(group))

        try:
            async with asyncio.TaskGroup() as feeding:
                for _ in range(in_flight):
                    feeding.create_task(feed())
        except ExceptionGroup as failed:
            closed, other = failed.split(DoorClosed)
            if closed is None or other is not None:
                raise
            raise closed.exceptions[0] from None  # several may have found it closed; one is enough to say so
    return sent


def _requests(events: Iterator[Any], batch: int, owns: Callable[[Any], bool]) -> Iterator[tuple[list[Any], bool]]:
    """The events of each request, and whether they have ids of their own: all of them, or none."""
    while group := list(islice(events, batch)):
        told = [(event, owns(event)) for event in group]
        for own in (True, False):
            if alike := [event for event, its in told if its is own]:
                yield alike, own


async def _post(
    session: aiohttp.ClientSession, url: str, headers: dict[str, str], body: bytes, events: int, sent: Sent
) -> None:
    problem = ""
    for attempt in range(TRIES):
        pause = min(0.2 * 2**attempt, LONGEST_PAUSE) * random.uniform(0.5, 1.5)
        try:
            async with session.post(url, data=body, headers=headers) as answer:
                text = await answer.read()
                if answer.status not in NOT_NOW:
                    _count(answer.status, text, events, sent)
                    return
                problem = f"{answer.status} {text[:200].decode(errors='replace')}"
                pause = max(pause, _seconds(answer.headers.get("Retry-After")))
        except (aiohttp.ClientError, TimeoutError) as error:
            problem = f"{type(error).__name__}: {error}"
        if attempt < TRIES - 1:
            await asyncio.sleep(pause)
    raise DoorClosed(f"gave up after {TRIES} tries: {problem}")


def _count(status: int, text: bytes, events: int, sent: Sent) -> None:
    answer = orjson.loads(text) if status < 300 and text.startswith(b"{") else {}
    if status >= 300:
        sent.refused += events
        if len(sent.refusals) < 5:
            sent.refusals.append(f"{status} {text[:500].decode(errors='replace')}")
        return
    sent.accepted += int(answer.get("accepted", events))
    sent.ids.extend(answer.get("ids", ()))


def _seconds(value: str | None) -> float:
    return min(float(value), LONGEST_PAUSE) if value and value.isdigit() else 0.0
