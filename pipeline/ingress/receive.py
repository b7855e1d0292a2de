"""From the socket to a whole body. In: a request. Out: its bytes, inflated; bounded in size, time and memory.

The server must run with `auto_decompress=False`: aiohttp would inflate before our cap is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import ClientError, web
from aiohttp.hdrs import CONTENT_ENCODING
from aiohttp.http_exceptions import HttpProcessingError

from pipeline.ingress.inflate import Inflater
from pipeline.ingress.limits import Limits
from pipeline.ingress.refusal import Refusal, malformed, too_large, unavailable, unsupported
from pipeline.ingress.trim import Trimmer

# what reading raises when the other side breaks off, or breaks the rules of HTTP
BROKEN = (web.RequestPayloadError, ClientError, HttpProcessingError, OSError, RuntimeError)


class Receiver:
    """Reads bodies, and keeps count of the bytes of those that are still arriving."""

    def __init__(self, limits: Limits) -> None:
        self.held = 0
        self._trimmer = Trimmer()
        self._limits = limits

    def bounded(self, body: bytes) -> bytes:
        """A body that came without being waited for, if it is not too large; raises Refusal."""
        if len(body) > self._limits.body:
            raise self._too_large()
        return body

    async def body(self, request: web.BaseRequest) -> bytes:
        """The whole body; raises Refusal."""
        length = request.content_length
        if length is not None and length > self._limits.body:
            raise self._too_large()
        encoding = request.headers.get(CONTENT_ENCODING, "identity").strip().lower()
        if encoding not in ("identity", "gzip", "x-gzip", ""):
            raise unsupported(f"Content-Encoding {encoding!r} is not taken; send gzip, or no encoding")
        inflater = Inflater(self._limits.body) if encoding.endswith("gzip") else None
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                return await self._slowly(request, inflater)
        except TimeoutError:
            detail = f"the body did not arrive within {self._limits.body_seconds:g} seconds"
            raise Refusal(408, "Too slow", detail, again=True) from None
        except BROKEN as error:
            raise malformed(
                "Broken body", "the connection or its framing broke before the body was complete"
            ) from error

    async def _slowly(self, request: web.BaseRequest, inflater: Inflater | None) -> bytes:
        open_: Callable[[bytes], bytes] = inflater.feed if inflater else bytes
        pieces: list[bytes] = []
        received = size = 0
        try:
            while piece := await request.content.readany():
                received += len(piece)
                if received > self._limits.body:
                    raise self._too_large()
                pieces.append(opened := open_(piece))
                size += len(opened)
                self.held += len(opened)
                if size < self.held > self._limits.held:  # one alone is bounded by its own cap
                    raise unavailable("too many large bodies are arriving at once", retry_after=1)
        finally:
            self.held -= size
            self._trimmer.read(size)
        if inflater and received:
            inflater.end()
        return b"".join(pieces)

    def _too_large(self) -> Refusal:
        return too_large(f"the body is larger than {self._limits.body} bytes")
