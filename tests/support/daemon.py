"""A real Leadpipe in real processes: started by its command line, posted to over HTTP, looked at by its commands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from tests.support.command import command, here
from tests.support.ports import free_port
from tests.support.until import PROCESSES, until_blocking

DAEMONS = ("up", "ingress", "work", "pull")
START = 150.0  # seconds until processes must be ready, on a machine with much else to do
EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"


@dataclass
class Leadpipe:
    """One installation: its settings, and the processes of it that a test has started."""

    folder: Path
    environment: Mapping[str, str]
    port: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    urls: dict[str, str] = field(default_factory=dict)  # webhook URLs of the connectors applied so far

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command that goes on running; its log goes to a file of the folder."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "pipeline.cli.main", *arguments],
                env=dict(self.environment),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        self.processes.append(process)
        return process

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command to its end; returns what it printed. AssertionError if its exit code is another one."""
        out, err = self.ran(*arguments, code=code)
        return out + (err if code else "")

    def ran(self, *arguments: str, code: int = 0, stdin: str = "") -> tuple[str, str]:
        """The same, with what it read; returns its standard output and its standard error.

        It runs here, which takes a tenth of what a process of its own does, unless it is one that goes on, or there
        are stages of this installation's own, which are imported for good.
        """
        ended, out, err = self._ended(arguments, stdin)
        assert ended == code, f"{arguments} ended with {ended}\n{out}\n{err}"
        return out, err

    def _ended(self, arguments: Sequence[str], stdin: str = "") -> tuple[int, str, str]:
        if arguments[0] in DAEMONS or "LEADPIPE_STAGE_DIRS" in self.environment:
            return command(arguments, self.environment, stdin)
        with ThreadPoolExecutor(1) as apart:  # in a loop of its own, also where the caller's loop runs
            return apart.submit(here, arguments, self.environment, stdin).result()

    def audited(self, accepted: int, *, receipts: int = 0, or_more: bool = False) -> Any:
        """The final balance, once it counts so many accepted, with so many receipts, and all of them journalled.

        A process that stalls is late to tell what it has accepted and what it has in hand: then it is looked again.
        """

        def look() -> Any:
            _, out, _ = self._ended(("audit", "--patience", "100", "--json"))
            found = orjson.loads(out)
            enough = found["balance"]["accepted"] >= accepted and found["balance"]["receipts"] >= receipts
            return found if found["final"] and found["balanced"] and enough else None

        found = until_blocking(look, f"a final balance of {accepted} events", 2 * PROCESSES)
        assert or_more or found["balance"]["accepted"] == accepted, found
        return found

    def json(self, *arguments: str) -> Any:
        """What a command prints with --json."""
        return orjson.loads(self.run(*arguments, "--json"))

    def apply(self, *names: str) -> dict[str, str]:
        """Put example connectors in force; returns their webhook URLs by name."""
        rows = self.json("connector", "apply", *(str(EXAMPLES / f"{name}.toml") for name in names))
        self.urls |= {row["name"]: row["url"] for row in rows["entries"]}
        return self.urls

    def ready(self) -> None:
        """Wait until the ingress says that it is ready."""
        import urllib.error
        import urllib.request

        def look() -> bool | None:
            try:
                with urllib.request.urlopen(f"{self.base}/readyz", timeout=20) as answer:  # noqa: S310 - loopback
                    return bool(answer.status == 200)
            except (urllib.error.URLError, OSError):
                return None

        try:
            until_blocking(look, "readiness", START)
        except AssertionError as late:
            raise AssertionError(f"{late}; the log says:\n{self.log()[-3000:]}") from None

    def log(self) -> str:
        """What the processes have logged."""
        file = self.folder / "log"
        return file.read_text(errors="replace") if file.exists() else ""

    def stop(self) -> list[int]:
        """Ask every process to drain; returns their exit codes."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        codes = [process.wait(timeout=PROCESSES) for process in self.processes]
        self.processes.clear()
        return codes


async def post(url: str, document: Any, **headers: str) -> tuple[int, Any]:
    """Post a document as JSON; returns status and answer."""
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers={"Content-Type": "application/json", **headers}) as answer,
    ):
        return answer.status, orjson.loads(await answer.read())


@contextmanager
def installed(folder: Path, database_url: str, broker_url: str | None = None, **settings: str) -> Iterator[Leadpipe]:
    """An installation on this database and broker; its processes end with the context.

    `up` starts one process of stages, unless `processes` says otherwise: each takes a second to start.
    """
    port = free_port()
    values = {
        "LEADPIPE_DATABASE_URL": database_url,
        "LEADPIPE_DATA_DIR": str(folder / "data"),
        "LEADPIPE_HTTP_PORT": str(port),
        "LEADPIPE_RUNGS": "0.2,0.4",
        "LEADPIPE_PROCESSES": "1",
        **({"LEADPIPE_BROKER_URL": broker_url} if broker_url else {}),
        **{f"LEADPIPE_{name.upper()}": value for name, value in settings.items()},
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEADPIPE_")}
    leadpipe = Leadpipe(folder, {**kept, **values}, port)
    try:
        yield leadpipe
    finally:
        for process in leadpipe.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
