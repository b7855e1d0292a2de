"""How a source makes sure of a webhook URL. In: a request, and how the source asks. Out: what it wants back."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import orjson

from pipeline.ingress.refusal import Refusal
from schemas.scheme import Echo

LONGEST = 4_096  # characters that are sent back
Answer = str | dict[str, str]


class Echoed(Exception):
    """The request wants something sent back, and is no event. `answer` is a text, or a document."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("an echo")
        self.answer = answer


def of_query(echo: Echo, query: Mapping[str, str], token: bytes | None) -> Answer | None:
    """What a GET wants back; None: it is an ordinary ping. Refusal: it does not know the verify token."""
    value = query.get(echo.field)
    if value is None or any(query.get(name) != wanted for name, wanted in echo.when.items()):
        return None
    if token is not None and not hmac.compare_digest(_digest(query.get(echo.token or "", "")), _digest(token)):
        raise Refusal(403, "Wrong verify token", "this is not the verify token that the connector was set up with")
    return _answer(echo, value)


def of_body(echo: Echo, body: bytes) -> Answer | None:
    """What a posted document wants back; None: it is none of these. What it cannot read is left to those who can."""
    if len(body) > 4 * LONGEST or not all(wanted.encode() in body for wanted in echo.when.values()):
        return None
    try:
        document: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(document, dict) or any(document.get(name) != wanted for name, wanted in echo.when.items()):
        return None
    value = document.get(echo.field)
    return _answer(echo, value) if isinstance(value, str) else None


def _answer(echo: Echo, value: str) -> Answer:
    if len(value) > LONGEST:
        raise Refusal(400, "Too long", f"{echo.field} is longer than {LONGEST} characters")
    return value if echo.answer is None else {echo.answer: value}


def _digest(value: str | bytes) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value).digest()
