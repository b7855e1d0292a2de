"""A gzip stream, inflated piece by piece under a cap. In: compressed pieces. Out: bytes, or a Refusal."""

from __future__ import annotations

import zlib

from pipeline.ingress.refusal import malformed, too_large

GZIP = 31  # zlib's wbits for the gzip format (RFC 1952)
MEMBERS = 16  # a gzip stream may be several, one after the other; a flood of empty ones is an attack


class Inflater:
    """Inflates up to `limit` bytes and never holds more, whatever the stream promises to become."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._room = limit
        self._stream = zlib.decompressobj(GZIP)
        self._members = 1

    def feed(self, piece: bytes) -> bytes:
        """What this piece inflates to."""
        inflated = []
        while piece:
            if self._stream.eof:
                self._next_member()
            inflated.append(self._some(piece))
            piece = self._stream.unused_data
        return b"".join(inflated)

    def end(self) -> None:
        """The stream is over; refuse it if it was cut short."""
        if not self._stream.eof:
            raise malformed("Malformed gzip", "the gzip stream is cut off")

    def _some(self, piece: bytes) -> bytes:
        try:
            inflated = self._stream.decompress(piece, self._room + 1)
        except zlib.error as error:
            raise malformed("Malformed gzip", f"the body is not a gzip stream: {error}") from error
        self._room -= len(inflated)
        if self._room < 0:
            raise too_large(f"the body inflates to more than {self._limit} bytes")
        return inflated

    def _next_member(self) -> None:
        self._members += 1
        if self._members > MEMBERS:
            raise malformed("Malformed gzip", f"the gzip stream has more than {MEMBERS} members")
        self._stream = zlib.decompressobj(GZIP)
