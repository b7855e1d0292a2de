"""Ports on loopback that nobody listens on. Out: one that is free, and that neither the system nor a test gives away.

A port that the system itself would give out may be taken by any outgoing connection before a server is started on it.
So these lie below its range. And two runs on one machine would find the same one free: each is claimed by a lock on
its own byte of one file, which ends with the process that claimed it.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from functools import cache
from itertools import count
from pathlib import Path

FIRST, NUMBER = 20_000, 12_000  # Linux gives out ports from 32768 on
_counted = count(os.getpid() * 101)


def free_port() -> int:
    """A port that nobody listens on, another one each time."""
    return next(port for number in _counted if _is_ours(port := FIRST + number % NUMBER) and _is_free(port))


def _is_ours(port: int) -> bool:
    try:
        fcntl.lockf(_claims(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


@cache
def _claims() -> int:
    """The file of claims, open as long as this process lives: to close it would give up every claim."""
    return os.open(Path(tempfile.gettempdir()) / f"leadpipe-ports-{os.geteuid()}", os.O_RDWR | os.O_CREAT, 0o600)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
