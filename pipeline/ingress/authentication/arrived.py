"""A request as the checks see it. In: what aiohttp read. Out: single headers, and bytes; or why it is not believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from multidict import CIMultiDictProxy

Reason = Literal["address", "missing", "repeated", "malformed", "mismatch", "stale", "unresolved"]


class Denied(Exception):
    """A request is not who it must be. `reason` may be counted and logged; `detail` repeats nothing that was sent."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Arrived:
    """One request: `target` is its path and query as they were sent, `peer` the address at the other end."""

    headers: CIMultiDictProxy[str]
    body: bytes
    target: str
    query: Mapping[str, str]
    peer: str | None

    def one(self, header: str) -> str:
        """The value of a header that must be there once: of two, nobody could say which one was checked. Denied."""
        found = self.headers.getall(header, [])
        if not found:
            raise Denied("missing", f"header {header} is missing")
        if len(found) > 1:
            raise Denied("repeated", f"header {header} is there {len(found)} times")
        return found[0]


def as_sent(text: str) -> bytes:
    """The bytes of a header's value, also of one that is no UTF-8."""
    return text.encode("utf-8", "surrogateescape")
