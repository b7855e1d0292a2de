"""When to stop: SIGTERM, SIGINT or SIGHUP, or the end of the supervisor. A second signal ends the process at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import structlog

log = structlog.get_logger(__name__)


def stop_requested(*, supervised: bool = False) -> asyncio.Event:
    """An event that is set when the process should drain and end. Call it once, inside the running loop.

    A supervised process also stops when its standard input ends: its supervisor is gone.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(name: str) -> None:
        if stop.is_set():
            log.warning("ending at once", because=f"a second {name}")
            os._exit(1)
        stop.set()

    def on_input() -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            loop.remove_reader(sys.stdin.fileno())
            stop.set()

    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN  # by nohup: it shall outlive its terminal
    for each in (signal.SIGTERM, signal.SIGINT, *(() if ignored else (signal.SIGHUP,))):
        loop.add_signal_handler(each, on_signal, each.name)
    if supervised:
        loop.add_reader(sys.stdin.fileno(), on_input)
    return stop
