"""When to stop: SIGTERM, SIGINT or SIGHUP, or the end of the supervisor. A second signal ends the process at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import structlog

log = structlog.get_logger(__name__)
T = TypeVar("T")
LETTING_GO = 2.0  # seconds for what is given up to let go of what it holds
LAST = 8.0  # seconds from being asked to stop, before anything has begun, to the end


class Stopped(BaseException):
    """The process was asked to stop before it had begun; the message names the signal, where it was one.

    It is no Exception: whoever tries again after any error must not try again after this.
    """


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Raise Stopped on a signal that asks to stop, where no loop runs that listens for it. A second one ends at once.

    Each takes the way of Ctrl-C, which Python and asyncio know how to get out by. Off the main thread, where Python
    has no signals, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[str] = []

    def on_signal(number: int, _: object) -> None:
        name = signal.Signals(number).name
        if came:
            _at_once(name)
        came.append(name)
        signal.raise_signal(signal.SIGINT)

    before = {each: signal.signal(each, on_signal) for each in _asking() if each is not signal.SIGINT}
    # what a shell starts in the background has it ignored, and then no signal would end it
    ctrl_c = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped(*came or ["SIGINT"]) from None
    finally:
        signal.signal(signal.SIGINT, ctrl_c or signal.SIG_DFL)
        for each, handler in before.items():
            signal.signal(each, handler or signal.SIG_DFL)


def stop_requested(*, supervised: bool = False) -> asyncio.Event:
    """An event that is set when the process should drain and end. Call it once, inside the running loop.

    A supervised process also stops when its standard input ends: its supervisor is gone.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(name: str) -> None:
        if stop.is_set():
            _at_once(name)
        stop.set()

    def on_input() -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            loop.remove_reader(sys.stdin.fileno())
            stop.set()

    for each in _asking():
        loop.add_signal_handler(each, on_signal, each.name)
    if supervised:
        loop.add_reader(sys.stdin.fileno(), on_input)
    return stop


async def unless(stop: asyncio.Event | None, work: Awaitable[T]) -> T:
    """What `work` returns; given up with Stopped once `stop` is set before."""
    if stop is None:
        return await work
    working, asked = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        _end_in_any_case()
        raise Stopped
    finally:
        asked.cancel()
        if not working.done():
            working.cancel()
            await asyncio.wait({working}, timeout=LETTING_GO)


def _asking() -> list[signal.Signals]:
    """The signals that ask to stop."""
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN  # by nohup: it shall outlive its terminal
    return [signal.SIGTERM, signal.SIGINT, *(() if ignored else (signal.SIGHUP,))]


def _end_in_any_case() -> None:
    """A server that hangs does not let go of whoever waits for it; there is nothing to drain that would be lost."""
    last = threading.Timer(LAST, os._exit, (0,))
    last.daemon = True
    last.start()


def _at_once(name: str) -> None:
    log.warning("ending at once", because=f"a second {name}")
    os._exit(1)
