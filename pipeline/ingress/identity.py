"""Event ids. In: the producer's key, where it gives one, and what the event says. Out: UUID text (RFC 9562).

An id in the body names a thing. The event's id is a function of account, connector, that id and of what the event says,
so that two processes that meet the same event at the same moment answer the same id without asking anybody, and
another version of the thing is an event of its own; see `pipeline.store.ids`.

Where the body names nothing, a key in a header stands for the request, and each event for its place in it. Where the
sender's signature was checked, no header that anybody could add or change counts: only the key that the signature
vouches for. Without any key an id is new.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import orjson
from multidict import istr

from pipeline.ingress.authentication.signature import DIGEST
from pipeline.ingress.refusal import malformed
from pipeline.store.ids import ids_under, new_id, version_of
from schemas.connector import Connector
from schemas.cutting import producer_id

# draft-ietf-httpapi-idempotency-key-header; Standard Webhooks; Svix (vendor-facts §6). The first one present counts.
HEADERS: Final = tuple(map(istr, ("Idempotency-Key", "webhook-id", "svix-id")))
LONGEST = 255


def key_of(headers: Mapping[str, str]) -> str | None:
    """The key that the request carries in a header, or None; raises Refusal if it is empty or too long."""
    for name in HEADERS:
        key = headers.get(name)
        if key is not None:
            key = key.strip()
            if not key or len(key) > LONGEST:
                raise malformed("Bad idempotency key", f"{name} must have 1 to {LONGEST} characters", field=name)
            return key
    return None


def names_request(connector: Connector, headers: Mapping[str, str]) -> bool:
    """Whether a header may hold a key of the whole request: one of ours, or a message's id that its scheme has."""
    if any(name in headers for name in HEADERS):
        return True
    signatures = () if connector.auth is None else connector.auth.scheme.signature
    return any(each.id_header is not None and each.id_header in headers for each in signatures)


def claimed_key(headers: Mapping[str, str], signed: str | None) -> str | None:
    """The key that stands for this request and for no other, or None; raises Refusal.

    `signed`: what a signature vouches for, which is then all that counts. A digest of what was signed, where there is
    no id, cannot come with another content.
    """
    if signed is None:
        return key_of(headers)
    return None if signed.startswith(DIGEST) else signed


def ids_of(connector: Connector, key: str | None, events: Sequence[Any], documents: Sequence[Any]) -> list[str]:
    """One id per event: by the event's own id paths, else by the request's key, else new.

    `documents` are what is kept of the events, without their secrets: the content that tells versions apart. Of
    several events under one key, each has the key `<key>/<index>`, from 0; so one of them can be sent again alone.
    """
    keys = [producer_id(event, connector.id_paths) for event in events]
    if key is not None:
        many = len(events) > 1
        keys = [f"{key}/{at}" if own is None and many else own or key for at, own in enumerate(keys)]
    return [
        new_id() if own is None else event_id(connector.account, connector.id, own, document)
        for own, document in zip(keys, documents, strict=True)
    ]


def event_id(account: int, connector: int, key: str, document: Any) -> str:
    """The id of the event in which a producer says this of what it calls `key`.

    A header may hold bytes that are no UTF-8: they count too.
    """
    return version_of(_under(account, connector)(key.encode("utf-8", "surrogateescape")), canonical(document))


def canonical(document: Any) -> bytes:
    """What a document says, whatever the order of its members."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


@lru_cache(maxsize=10_000)
def _under(account: int, connector: int) -> Callable[[bytes], str]:
    return ids_under(account, connector)
