"""A real Leadpipe in real processes: started by its command line, posted to over HTTP, looked at by its commands."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import orjson

from tests.support.command import command

T = TypeVar("T")
EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
PATIENCE = 30.0  # seconds


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(look: Callable[[], T | None], what: str, patience: float = PATIENCE) -> T:
    """Look again and again until there is something to see; AssertionError after `patience` seconds."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come about within {patience:g} s")


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
        ended, out, err = command(arguments, self.environment)
        assert ended == code, f"{arguments} ended with {ended}\n{out}\n{err}"
        return out + (err if code else "")

    def json(self, *arguments: str) -> Any:
        """What a command prints with --json."""
        return orjson.loads(self.run(*arguments, "--json"))

    def apply(self, *names: str) -> dict[str, str]:
        """Put example connectors in force; returns their webhook URLs by name."""
        rows = self.json("connector", "apply", *(str(EXAMPLES / f"{name}.toml") for name in names))
        self.urls |= {row["name"]: row["url"] for row in rows}
        return self.urls

    def ready(self) -> None:
        """Wait until the ingress says that it is ready."""
        import urllib.error
        import urllib.request

        def look() -> bool | None:
            try:
                with urllib.request.urlopen(f"{self.base}/readyz", timeout=2) as answer:  # noqa: S310 - loopback
                    return bool(answer.status == 200)
            except (urllib.error.URLError, OSError):
                return None

        until(look, f"readiness; the log says:\n{self.log()[-3000:]}")

    def log(self) -> str:
        """What the processes have logged."""
        file = self.folder / "log"
        return file.read_text(errors="replace") if file.exists() else ""

    def stop(self) -> list[int]:
        """Ask every process to drain; returns their exit codes."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        codes = [process.wait(timeout=40) for process in self.processes]
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
    """An installation on this database and broker; its processes end with the context."""
    port = free_port()
    values = {
        "LEADPIPE_DATABASE_URL": database_url,
        "LEADPIPE_DATA_DIR": str(folder / "data"),
        "LEADPIPE_HTTP_PORT": str(port),
        "LEADPIPE_RUNGS": "0.2,0.4",
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
