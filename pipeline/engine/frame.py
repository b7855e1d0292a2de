"""A frame: one broker message that carries one to a few hundred events. In: exits. Out: messages, and back.

On the wire, version 1, JSON:

    {"v": 1, "at": 1767225600.25, "entries": [{"attempt": 1, "event": {"id": …, "raw": …, …}}, …]}

`at` is when the frame was made (Unix seconds); `attempt` counts the tries of that event at the stage it goes to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from pipeline.engine.topology import Address, Delivery, Exit
from pipeline.engine.transport import Message
from schemas.event import Event, Failure, Step

VERSION = 1
_HEAD = re.compile(rb'\{"v":%d,"at":[0-9.]+,"entries":\[' % VERSION)
_FIRST = re.compile(rb'%b\{"attempt":[0-9]+,"event":\{"id":"([^"\\]+)"' % _HEAD.pattern)


class UnreadableFrame(ValueError):
    """These bytes are not a frame of a version we know."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a frame may grow. One event that is larger than `bytes` travels alone."""

    events: int = 200
    bytes: int = 256 * 1024


def pack(exits: Iterable[Exit], at: float, bounds: Bounds) -> list[Message]:
    """The exits as messages: one or more frames per address, each within the bounds, order kept."""
    by_address: dict[Address, list[bytes]] = {}
    for to, event, attempt in exits:
        entry = b'{"attempt":%d,"event":%b}' % (attempt, orjson.dumps(event, option=orjson.OPT_UTC_Z))
        if (entries := by_address.get(to)) is None:
            entries = by_address[to] = []
        entries.append(entry)
    return [message for to, entries in by_address.items() for message in _framed(to, entries, at, bounds)]


def pack_new(to: Address, events: Iterable[Event], at: float, bounds: Bounds) -> list[Message]:
    """As `pack`, for events that go to one place for the first time."""
    entries = [orjson.dumps({"attempt": 1, "event": event}, option=orjson.OPT_UTC_Z) for event in events]
    return list(_framed(to, entries, at, bounds))


def merged(bodies: Sequence[bytes]) -> bytes:
    """One frame with the entries of several, in their order; `at` is the first one's. Raises UnreadableFrame.

    Entries are copied as they are: merging decodes nothing.
    """
    heads = [_HEAD.match(body) for body in bodies]
    if not all(heads) or not all(body.endswith(b"]}") for body in bodies):
        raise UnreadableFrame("only frames as this program packs them can be merged")
    entries = [body[head.end() : -2] for head, body in zip(heads, bodies, strict=True) if head]
    return b"%b%b]}" % (heads[0].group() if heads[0] else b"", b",".join(entries))


def first_id(body: bytes) -> str | None:
    """The id of the first event, without decoding any; None for a frame that this program does not pack so."""
    found = _FIRST.match(body)
    return found[1].decode() if found else None


def unpack(body: bytes, now: float) -> list[Delivery]:
    """The deliveries of a frame; raises UnreadableFrame."""
    try:
        frame = orjson.loads(body)
        if frame["v"] != VERSION:
            raise UnreadableFrame(f"frame version {str(frame['v'])[:20]!r}, this program reads version {VERSION}")
        waited = max(0.0, (now - frame["at"]) * 1000)
        return [Delivery(event_of(entry["event"]), _attempt(entry), waited) for entry in frame["entries"]]
    except orjson.JSONDecodeError as error:
        raise UnreadableFrame(f"not JSON: {error}") from error
    except UnreadableFrame:
        raise
    except (KeyError, TypeError, ValueError) as error:  # their text may quote a value of a person: it stays the cause
        raise UnreadableFrame(f"not the shape of a frame of version {VERSION}: {type(error).__name__}") from error


def dump_event(event: Event) -> bytes:
    """One event as JSON."""
    return orjson.dumps(event, option=orjson.OPT_UTC_Z)


def event_of(document: dict[str, Any]) -> Event:
    """One event from its decoded JSON."""
    document["received_at"] = datetime.fromisoformat(document["received_at"])
    if document.get("occurred_at"):
        document["occurred_at"] = datetime.fromisoformat(document["occurred_at"])
    document["notes"] = tuple(document["notes"])
    document["trail"] = tuple([Step(**step) for step in document["trail"]])
    if failure := document.get("failure"):
        failure["at"] = datetime.fromisoformat(failure["at"])
        document["failure"] = Failure(**failure)
    return Event.of(document)


def _attempt(entry: dict[str, Any]) -> int:
    attempt = entry["attempt"]
    if type(attempt) is not int or attempt < 1:
        raise ValueError("an attempt is a whole number from 1 on")
    return attempt


def _framed(to: Address, entries: list[bytes], at: float, bounds: Bounds) -> Iterable[Message]:
    head = b'{"v":%d,"at":%.3f,"entries":[' % (VERSION, at)
    for chunk in _chunks(entries, bounds.events, bounds.bytes - len(head) - len(b"]}")):
        yield Message(to, b"%b%b]}" % (head, b",".join(chunk)))


def _chunks(entries: list[bytes], most: int, room: int) -> Iterable[list[bytes]]:
    chunk: list[bytes] = []
    size = 0
    for entry in entries:
        if chunk and (len(chunk) >= most or size + len(entry) > room):
            yield chunk
            chunk, size = [], 0
        chunk.append(entry)
        size += len(entry) + len(b",")
    if chunk:
        yield chunk
