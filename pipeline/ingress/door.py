"""What one request brings. In: its connector, headers and body. Out: events, ready to be committed, or a Refusal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from aiohttp.hdrs import CONTENT_TYPE

from pipeline.ingress.arrivals import Arrivals
from pipeline.ingress.body import Document, Signed, documents
from pipeline.ingress.identity import canonical, claimed_key, ids_of
from pipeline.ingress.limits import Limits
from pipeline.ingress.refusal import malformed, too_large
from pipeline.store.request_keys import Claim
from schemas.beside import joined
from schemas.connector import Connector
from schemas.cutting import TooDeep, envelopes_in, events_in, is_pairs, redacted
from schemas.event import Event
from schemas.normal.path import ROOT
from schemas.preset import Door

ARRIVALS = Arrivals()  # of this process
REPEATED = 1024  # bytes of what stands beside events that go with every one of them


class Cut(NamedTuple):
    """The events of one request, about how many bytes they are, and what its key, if it has one, stands for."""

    events: list[Event]
    size: int
    claim: Claim | None = None

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
    key = claimed_key(headers, signed_key)
    door = connector.preset.door
    signed = "nothing" if signed_key is None else _signed(connector)
    found = documents(body, headers.get(CONTENT_TYPE, ""), connector.form_field, limits.events, signed)
    values: list[Any] = []
    clean: list[Any] = []
    texts: list[str] = []
    size = 0
    for document in found:
        cut_out, beside = _cut_out(document, door)
        if len(values) + len(cut_out) > limits.events:
            raise too_large(f"more than {limits.events} events in one request", **document.where)
        for index, value in enumerate(cut_out):
            clean.append(_clean(value, door, document, index))
            text = orjson.dumps(joined(clean[-1], beside[index]) if beside and beside[index] else clean[-1])
            if len(text) > limits.event:
                where = _where(document, index, value)
                raise too_large(f"{_named(where)} is larger than {limits.event} bytes", **where)
            texts.append(text.decode())
            size += len(text)
        values += cut_out
    ids = ids_of(connector, signed_key or key, values, clean)
    claim = None if key is None else Claim.of(connector.id, key, canonical(clean))
    fresh = _fresh(connector.account, connector.id, connector.preset.kind, connector.revision)
    times = ARRIVALS.of(len(ids))
    events = [fresh.arrived(id, at, text) for id, at, text in zip(ids, times, texts, strict=True)]
    if found and found[0].notes:  # they are of the whole body
        events = [event.evolve(notes=found[0].notes) for event in events]
    return Cut(events, size, claim)


def _cut_out(document: Document, door: Door) -> tuple[list[Any], list[dict[str, Any]]]:
    """The events in a document, and without its secrets what stands beside each in its envelope; no list: nothing does.

    It is no part of what the event says, so that an event which comes again in another envelope is the same one. The
    first event of an envelope has all of it; the others too, unless it is so large that a body would grow by much.
    """
    if door.events[:1] == [ROOT]:
        return events_in(document.value, door), []
    events: list[Any] = []
    beside: list[dict[str, Any]] = []
    for found, others in envelopes_in(document.value, door):
        clean = _clean(others, door, document, len(events)) if others else others
        rest = clean if len(found) < 2 or len(orjson.dumps(clean)) <= REPEATED else {}
        beside += [clean if at == 0 else rest for at in range(len(found))]
        events += found
    return events, beside


def _signed(connector: Connector) -> Signed:
    """What a signature that was checked is over."""
    return "fields" if connector.auth is not None and connector.auth.signs_fields else "bytes"


@lru_cache(maxsize=10_000)
def _fresh(account: int, connector: int, kind: str, revision: int) -> Event:
    """What the events of one connector have in common; copies of a copy cost least."""
    return Event("", account, connector, kind, datetime.fromtimestamp(0, UTC), "", revision=revision).evolve()


def _clean(value: Any, door: Door, document: Document, index: int) -> Any:
    """The event without its secrets."""
    if not isinstance(value, dict) and not is_pairs(value):
        where = _where(document, index, value)
        raise malformed("Not an event", f"{_named(where)} is {_kind(value)}; an event is a JSON object", **where)
    try:
        clean, _ = redacted(value, door)
    except TooDeep as error:
        where = _where(document, index, value)
        raise malformed("Too deep", f"{_named(where)}: {error}", **where) from None
    return clean


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
