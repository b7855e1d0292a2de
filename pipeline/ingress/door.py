"""What one request brings. In: its connector, headers and body. Out: events, ready to be committed, or a Refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from pipeline.ingress.body import Document, documents
from pipeline.ingress.identity import ids_of, key_of
from pipeline.ingress.limits import Limits
from pipeline.ingress.refusal import malformed, too_large
from schemas.connector import Connector
from schemas.cutting import TooDeep, events_in, is_pairs, redacted
from schemas.event import Event


@dataclass(frozen=True, slots=True)
class Cut:
    """The events of one request, and about how many bytes they are."""

    events: list[Event]
    size: int

    @property
    def ids(self) -> list[str]:
        return [event.id for event in self.events]


def cut(
    connector: Connector, headers: Mapping[str, str], body: bytes, limits: Limits, signed_key: str | None = None
) -> Cut:
    """Every event of a body, or a Refusal that names the first one that cannot be taken: all or nothing.

    `raw` is the event as compact JSON, written anew from what was read: that way nothing that was sent, such as a
    secret under a name that appears twice, gets past the redaction. `signed_key` is the key that a signature vouches
    for.
    """
    key = signed_key or key_of(headers)
    door = connector.preset.door
    found = documents(body, headers.get("Content-Type", ""), door.form, limits.events)
    values: list[Any] = []
    texts: list[str] = []
    size = 0
    for document in found:
        cut_out = events_in(document.value, door)
        if len(values) + len(cut_out) > limits.events:
            raise too_large(f"more than {limits.events} events in one request", **document.where)
        for index, value in enumerate(cut_out):
            where = _where(document, index, value)
            text = _text(value, connector, where)
            if len(text) > limits.event:
                raise too_large(f"{_named(where)} is larger than {limits.event} bytes", **where)
            values.append(value)
            texts.append(text.decode())
            size += len(text)
    ids = ids_of(connector, key, values, signed=signed_key is not None)
    now, kind = datetime.now(UTC), connector.preset.kind
    one = Event("", connector.account, connector.id, kind, now, "", revision=connector.revision)
    return Cut([one.evolve(id=id, raw=text) for id, text in zip(ids, texts, strict=True)], size)


def _text(value: Any, connector: Connector, where: dict[str, int]) -> bytes:
    if not isinstance(value, dict) and not (isinstance(value, list) and is_pairs(value)):
        raise malformed("Not an event", f"{_named(where)} is {_kind(value)}; an event is a JSON object", **where)
    try:
        clean, _ = redacted(value, connector.preset.door)
    except TooDeep as error:
        raise malformed("Too deep", f"{_named(where)}: {error}", **where) from None
    return orjson.dumps(clean)


def _where(document: Document, index: int, value: Any) -> dict[str, int]:
    return document.where if value is document.value else {**document.where, "element": index}


def _named(where: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in where.items()) or "the body"


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a text"
        case int() | float():
            return "a number"
        case _:
            return "a list"
