"""Event ids. In: the producer's key, where it gives one. Out: UUID text (RFC 9562).

With a key the id is a function of account, connector and key, so that two processes that meet the same event at the
same moment answer the same id without asking anybody. Without one it is new.

Where the sender's signature was checked, no header that anybody could add or change counts: the key is the event's
own, which the signature covers, and only where it has none that which the signature vouches for. So a request that
was signed once takes effect once, whatever is changed around it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import Final

from multidict import istr

from pipeline.ingress.refusal import malformed
from pipeline.store.ids import ids_under, new_id
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


def ids_of(connector: Connector, key: str | None, events: Sequence[object], *, signed: bool = False) -> list[str]:
    """One id per event: from the request's key, else from the event's own id paths, else new.

    Where the key is `signed`, the event's own comes first. Of several events under one key, each has
    the key `<key>/<index>`, from 0; so one of them can be sent again alone.
    """
    keys: list[str | None] = []
    if key is None or signed:
        keys = [producer_id(event, connector.id_paths) for event in events]
    if key is not None:
        given = [key] if len(events) == 1 else [f"{key}/{index}" for index in range(len(events))]
        keys = [own or other for own, other in zip_longest(keys, given)]
    return [new_id() if own is None else stable_id(connector.account, connector.id, own) for own in keys]


def stable_id(account: int, connector: int, key: str) -> str:
    """The id of the event that a producer calls `key`. A header may hold bytes that are no UTF-8: they count too."""
    return _under(account, connector)(key.encode("utf-8", "surrogateescape"))


@lru_cache(maxsize=10_000)
def _under(account: int, connector: int) -> Callable[[bytes], str]:
    return ids_under(account, connector)
