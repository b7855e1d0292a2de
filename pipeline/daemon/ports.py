"""A port that cannot be listened on. In: an address, and what sets it. Out: one line that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class CannotListen(RuntimeError):
    """The port is taken, or the address is not this machine's; the message says which, and what sets it."""


@contextmanager
def listening_on(host: str, port: int, set_by: str) -> Iterator[None]:
    """Turn what the system says while listening begins into CannotListen."""
    try:
        yield
    except OSError as error:
        told = (error.strerror or str(error)).rpartition(": ")[2]  # asyncio puts a sentence of its own before it
        raise CannotListen(f"cannot listen on {host}:{port}: {told}; {set_by} to what is free") from error
