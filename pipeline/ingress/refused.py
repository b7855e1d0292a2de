"""A refused request, to be kept. In: a request that the door turned away, and why. Out: a row without its secrets.

Of its headers only those are kept that say how to read the body, and the key that names the request: never one that
proves who sent it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote_plus

from aiohttp.hdrs import CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE

from pipeline.ingress.authentication.guards import Proof
from pipeline.ingress.identity import HEADERS
from pipeline.ingress.redaction import clean_text, cleaned
from pipeline.ingress.refusal import Refusal
from pipeline.ingress.short import Asked
from pipeline.store.ids import new_id
from pipeline.store.refused import Missing, Row
from schemas.connector import Connector
from schemas.cutting import REDACTED
from schemas.preset import Door

WHOLE = 256 * 1024  # bytes of a body that is kept whole; of a longer one this much
FURTHER = 64 * 1024  # bytes behind them that are looked at: a secret that lies across the cut is seen for one
LONGEST = 2_000  # characters of a text that is kept beside the body

_TELLING = ("token", "key", "secret", "pass", "pwd", "auth", "sig", "hash", "code")  # parts of names in a query


@dataclass(frozen=True, slots=True)
class Refused:
    """One request as it was refused. `body` is what is looked at of it; None: it was never read, or not whole."""

    uid: str
    at: datetime
    connector: Connector
    refusal: Refusal
    answered: int  # the status that was sent
    proof: Proof
    content_type: str | None
    content_encoding: str | None
    query: str
    key: tuple[str, str] | None
    body: bytes | None
    size: int | None

    @classmethod
    def of(
        cls,
        connector: Connector,
        refusal: Refusal,
        proof: Proof,
        asked: Asked,
        body: bytes | None,
        answered: int | None = None,
    ) -> Refused:
        """What is kept of a request; nothing is copied but the beginning of a large body.

        `answered` is the status that was sent, where a preset has an answer of its own; None: the refusal's.
        """
        headers = asked.headers
        length = headers.get(CONTENT_LENGTH, "")
        return cls(
            uid=new_id(),
            at=datetime.now(UTC),
            connector=connector,
            refusal=refusal,
            answered=refusal.status if answered is None else answered,
            proof=proof,
            content_type=headers.get(CONTENT_TYPE),
            content_encoding=headers.get(CONTENT_ENCODING),
            query=asked.raw_path.partition("?")[2][:LONGEST],
            key=next(((name, headers[name]) for name in HEADERS if name in headers), None),
            body=None if body is None else body[: WHOLE + FURTHER],
            size=len(body) if body is not None else int(length) if length.isdecimal() and len(length) < 19 else None,
        )

    @property
    def held(self) -> int:
        return 0 if self.body is None else len(self.body)


class RefusedLog(Protocol):
    """Where the ingress hands what it refused."""

    def keep(self, refused: Refused) -> None:
        """Told of each request that was refused for good; must not raise, nor take long."""

    async def start(self) -> None:
        """Begin."""

    async def stop(self) -> None:
        """Write what there is, if that does not take long."""


class NoRefusedLog:
    """Keeps nothing."""

    def keep(self, refused: Refused) -> None:
        """Nothing."""

    async def start(self) -> None:
        """Nothing."""

    async def stop(self) -> None:
        """Nothing."""


def row_of(refused: Refused) -> Row:
    """The row of a request, without its secrets."""
    door, refusal = refused.connector.preset.door, refused.refusal
    body, missing, redacted = _body(refused, door)
    name, key = refused.key or (None, None)
    return Row(
        uid=refused.uid,
        account=refused.connector.account,
        connector=refused.connector.id,
        at=refused.at,
        status=refusal.status,
        title=refusal.title,
        detail=clean_text(refusal.detail[:LONGEST], door),
        place={name: _short(value, door) for name, value in refusal.where.items()},
        proven=refused.proof.given,
        content_type=_short(refused.content_type, door),
        content_encoding=_short(refused.content_encoding, door),
        query=_query(refused.query, door),
        key_header=name,
        key=None if key is None else key[:LONGEST],
        signed_key=refused.proof.key,
        body=body,
        size=refused.size,
        truncated=refused.held > WHOLE,
        redacted=redacted,
        missing=missing,
        answered=refused.answered,
    )


def _body(refused: Refused, door: Door) -> tuple[bytes | None, Missing | None, bool]:
    """The body as it is kept, why there is none, and whether secrets were taken out of it."""
    if refused.body is None:
        return None, "unread", False
    clean = cleaned(refused.body, refused.content_type or "", door)
    if clean.body is None:
        return None, clean.why, False
    return _begun(clean.body) if refused.held > WHOLE else clean.body, None, clean.changed


def _begun(body: bytes) -> bytes:
    """The beginning of a body, up to the last whole sign of UTF-8."""
    end = WHOLE
    while end > WHOLE - 4 and end < len(body) and body[end] & 0xC0 == 0x80:
        end -= 1
    return body[:end]


def _query(query: str, door: Door) -> str | None:
    """The query without whatever may prove something; how long to wait for an answer is of no interest."""
    pairs = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name != "wait"]
    told = [
        (name, REDACTED if any(part in name.lower() for part in _TELLING) else clean_text(value, door))
        for name, value in pairs
    ]
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in told)[:LONGEST] or None


def _quoted(text: str) -> str:
    return quote_plus(text, safe="[]", errors="replace")


def _short(text: Any, door: Door) -> Any:
    return clean_text(text[:LONGEST], door) if isinstance(text, str) else text
