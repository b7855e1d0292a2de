"""Who listens on a port. In: an address. Out: processes, by number, command and installation, as the system tells.

Processes of one installation may share a port (`SO_REUSEPORT`). The system would let two installations share one as
well, and give each some of the other's requests.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from pipeline.daemon.installation import NAME

COMMAND = "pipeline.cli.main"  # how the supervisor calls us
WILD = ("0.0.0.0", "::")
MAPPED = "::ffff:"  # an IPv4 address as seen by a socket of IPv6


@dataclass(frozen=True)
class Neighbour:
    """A process that listens; `folder` is its data folder, if it is one of ours."""

    pid: int
    command: str
    folder: Path | None
    parent: str = ""

    def __str__(self) -> str:
        by = f", started by {self.parent}" if self.parent else ""
        of = f", of the installation in {self.folder}" if self.folder else ""
        return f"process {self.pid} ({self.command}{by}){of}"


def is_taken(host: str, port: int) -> bool:
    """Whether anybody listens on the address. Raises OSError where it cannot be listened on for another reason."""
    for family, kind, protocol, _, address in _addresses(host, port):
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind(address)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return True
                raise
    return False


def listeners(host: str, port: int) -> list[Neighbour]:
    """The processes that listen on the address, as far as the system shows them to this user."""
    wanted = {str(address[0]) for *_, address in _addresses(host, port)}
    try:
        found = psutil.net_connections("tcp")
    except psutil.Error:
        return []
    pids = {
        each.pid
        for each in found
        if each.status == psutil.CONN_LISTEN and each.laddr.port == port and _overlap(each.laddr.ip, wanted)
    }
    return [neighbour for pid in sorted(pids - {None, os.getpid()}) if (neighbour := _neighbour(pid)) is not None]


def _addresses(host: str, port: int) -> Iterator[tuple[int, int, int, str, tuple[str | int, ...]]]:
    """What the name of a host stands for, to listen on."""
    yield from socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)  # type: ignore[misc]


def _overlap(theirs: str, ours: set[str]) -> bool:
    theirs = theirs.removeprefix(MAPPED)
    if theirs in ours or theirs == "::":
        return True
    return any(":" not in theirs if each == WILD[0] else each == "::" for each in ours) or (
        theirs == WILD[0] and any(":" not in each for each in ours)
    )


def _neighbour(pid: int) -> Neighbour | None:
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            folder = _folder(process)
            command = _command(process)
            above = process.parent()
        parent = _command(above) if above is not None and folder is not None else ""
        shown = f"process {above.pid}, {parent}" if above is not None and parent.startswith("leadpipe ") else ""
        return Neighbour(pid, command, folder, shown)
    except psutil.NoSuchProcess:
        return None


def _command(process: psutil.Process) -> str:
    """A command of ours as it was called; of another program its name alone: its arguments may hold secrets."""
    try:
        words = process.cmdline()
    except psutil.Error:
        return "unknown"
    for place, word in enumerate(words[:4]):
        if word == COMMAND or Path(word).name == "leadpipe":
            return " ".join(["leadpipe", *(each for each in words[place + 1 :] if each != "--supervised")])
    return str(process.name())


def _folder(process: psutil.Process) -> Path | None:
    """The data folder of a process of ours: of the file that it has open, or else of the settings that it was given."""
    try:
        for file in process.open_files():
            if Path(file.path).name == NAME:
                return Path(file.path).parent
        if not _command(process).startswith("leadpipe "):
            return None
        said = str(process.environ().get("LEADPIPE_DATA_DIR", "var"))  # one of an older version has no such file open
        return (Path(process.cwd()) / said).resolve()
    except psutil.Error:
        return None
