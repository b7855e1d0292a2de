"""Ports on loopback that nobody listens on. Out: one that was free a moment ago, and that the system gives to nobody.

A port that the system itself would give out may be taken by any outgoing connection before a server is started on it.
So these lie below its range, and every process begins to count at another place.
"""

from __future__ import annotations

import os
import socket
from itertools import count

FIRST, NUMBER = 20_000, 12_000  # Linux gives out ports from 32768 on
_counted = count(os.getpid() * 101)


def free_port() -> int:
    """A port that nobody listens on, another one each time."""
    return next(port for number in _counted if _is_free(port := FIRST + number % NUMBER))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
