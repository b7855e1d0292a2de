"""Ports to listen on. In: an address, what sets it, and whose it is. Out: a free one, or one line that says what to do.

Between the look at a port and listening on it nobody else of us begins to: each port has a name in the system's table
of sockets that one process has at a time, and that ends with the process.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from pipeline.settings import Settings, address

DOOR = "set LEADPIPE_HTTP_HOST and LEADPIPE_HTTP_PORT to what is free"
TURN = 5.0  # seconds until nobody else should be about to listen; each takes a few milliseconds
LOOK_AGAIN = 0.02


class CannotListen(RuntimeError):
    """The port is taken, or the address is not this machine's; the message says which, by whom, and what sets it."""


def free_for(settings: Settings, set_by: str = DOOR) -> None:
    """Return if the ingress may listen: nobody does yet, or processes of the same data folder. Raises CannotListen."""
    with listening_on(settings.http_host, settings.http_port, set_by):
        _refuse_strangers(settings, set_by)


@asynccontextmanager
async def door_of(settings: Settings) -> AsyncIterator[None]:
    """Begin to listen for the ingress while this lasts. Raises CannotListen, also if another installation listens."""
    async with _in_turn(settings.http_port):
        free_for(settings)
        with listening_on(settings.http_host, settings.http_port, DOOR):
            yield


@contextmanager
def listening_on(host: str, port: int, set_by: str) -> Iterator[None]:
    """Turn what the system says while listening begins into CannotListen."""
    try:
        yield
    except OSError as error:
        told = (error.strerror or str(error)).rpartition(": ")[2].lower()  # asyncio puts a sentence before it
        raise CannotListen(_refusal(host, port, told, set_by, _there(host, port))) from error


def _refuse_strangers(settings: Settings, set_by: str) -> None:
    """Raise CannotListen if anybody listens who is not of this data folder."""
    from pipeline.daemon.neighbours import is_taken, listeners

    host, port = settings.http_host, settings.http_port
    if port == 0 or not is_taken(host, port):
        return
    there = listeners(host, port)
    ours = settings.data_dir.resolve()
    if strangers := [each for each in there if each.folder is None or not _same(each.folder, ours)]:
        raise CannotListen(_refusal(host, port, "address already in use", set_by, ", ".join(map(str, strangers))))
    if not there:
        raise CannotListen(
            _refusal(host, port, "address already in use", set_by, "a process that is not seen from here")
        )


def _same(one: Path, other: Path) -> bool:
    return one == other or (one.exists() and other.exists() and one.samefile(other))


def _there(host: str, port: int) -> str:
    from pipeline.daemon.neighbours import listeners

    try:
        return ", ".join(map(str, listeners(host, port)))
    except OSError:  # the name of the host is what is wrong
        return ""


def _refusal(host: str, port: int, told: str, set_by: str, who: str) -> str:
    there = f"; there is {who}" if who else ""
    return f"cannot listen on {address(host, port)}: {told}; {set_by}{there}"


@asynccontextmanager
async def _in_turn(port: int) -> AsyncIterator[None]:
    """One process at a time; who holds a name for too long is passed by."""
    if sys.platform != "linux":
        yield
        return
    deadline = asyncio.get_running_loop().time() + TURN
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as turn:
        while asyncio.get_running_loop().time() < deadline:
            try:
                turn.bind(f"\0leadpipe-listens-{port}")
                break
            except OSError:
                await asyncio.sleep(LOOK_AGAIN)
        yield
