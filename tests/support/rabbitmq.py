"""A private RabbitMQ node for tests: own name, ports, cookie and folder. In: nothing. Out: its URL, its faults."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import aiormq

from pipeline.engine.topology import Topology
from pipeline.transport.rabbitmq.names import Names
from tests.support.ports import free_port
from tests.support.until import until_blocking

SCRIPTS = Path("/usr/lib/rabbitmq/bin")  # the wrappers in /usr/sbin would change to the user `rabbitmq`
BOOT = 150.0  # seconds until a node must accept AMQP, on a machine with much else to do
PATIENTLY = ("-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=120")  # others may be installing too
POLICY = Path("/usr/sbin/policy-rc.d")  # Debian asks it whether a package may start its service


class PrivateRabbitMQ:
    """One node in one folder. What it stored outlives `kill` and `start`."""

    def __init__(self, folder: Path) -> None:
        self.port, distribution, names = (free_port() for _ in range(3))
        self.node = f"leadpipe-{uuid4().hex[:8]}@localhost"
        self.log = folder / "node.log"
        self._process: subprocess.Popen[bytes] | None = None
        plugins = folder / "enabled_plugins"
        plugins.write_text("[].\n")
        self._environment = {
            **os.environ,
            "HOME": str(folder),  # Erlang keeps its cookie here
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(names),  # an own name server, so that it can be ended with the node
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none.env"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none",
            "RUNNING_UNDER_SYSTEMD": "true",  # the script then becomes the Erlang machine: its pid is ours to signal
        }

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    @property
    def pid(self) -> int:
        """The process of the node; raises when it does not run."""
        if self._process is None:
            raise RuntimeError("the private RabbitMQ is not running")
        return self._process.pid

    def start(self) -> None:
        """Boot, and wait until AMQP is answered."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [SCRIPTS / "rabbitmq-server"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._await_amqp(self._process)

    def stop(self) -> None:
        """End the node politely, or not so politely after 20 s; and its name server."""
        self._end(signal.SIGTERM)
        subprocess.run(["epmd", "-kill"], env=self._environment, capture_output=True, timeout=20, check=False)

    def kill(self) -> None:
        """End the node as a crash would."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Crash, and boot again on the same data."""
        self.kill()
        self.start()

    def stop_app(self) -> None:
        """Stop the broker, not its Erlang machine: every connection is closed."""
        self.ctl("stop_app")

    def start_app(self) -> None:
        """Undo `stop_app`; returns when AMQP is answered."""
        self.ctl("start_app")

    def freeze(self) -> None:
        """Let the node hang: connections stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Undo `freeze`."""
        os.kill(self.pid, signal.SIGCONT)

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl against the node; returns what it printed, raises with it when it fails."""
        done = subprocess.run(
            [SCRIPTS / "rabbitmqctl", "--quiet", "--node", self.node, *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BOOT,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"rabbitmqctl {' '.join(arguments)} failed: {done.stdout}{done.stderr}")
        return done.stdout

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        process.send_signal(signal.SIGCONT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _await_amqp(self, process: subprocess.Popen[bytes]) -> None:
        try:
            until_blocking(lambda: self._answers() or process.poll() is not None, "an answer", BOOT)
        except AssertionError:
            self.kill()
        if process.returncode is not None:
            told = self.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"the private RabbitMQ did not start; its log ends:\n{told}")

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as peer:
                peer.sendall(b"AMQP\x00\x00\x09\x01")
                return bool(peer.recv(1))
        except OSError:
            return False


@contextmanager
def private_rabbitmq() -> Iterator[PrivateRabbitMQ]:
    """Start a node in a temporary folder, and end it. Installs Debian's package where there is none."""
    ensure_installed()
    with tempfile.TemporaryDirectory(prefix="leadpipe-mq-", ignore_cleanup_errors=True) as folder:
        node = PrivateRabbitMQ(Path(folder))
        try:
            node.start()
            yield node
        finally:
            node.stop()


def ensure_installed() -> None:
    """Install `rabbitmq-server` with apt where it is missing, without starting its service; raises if it cannot."""
    if (SCRIPTS / "rabbitmq-server").exists():
        return
    if shutil.which("apt-get") is None:
        raise RuntimeError(
            f"these tests need RabbitMQ: {SCRIPTS}/rabbitmq-server is missing and there is no apt-get to install it; "
            "set LEADPIPE_TEST_AMQP_URL to the URL of a broker, or install rabbitmq-server"
        )
    with (Path(tempfile.gettempdir()) / f"leadpipe-apt-{os.geteuid()}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # two processes of a run find it missing at once, and apt takes one alone
        if not (SCRIPTS / "rabbitmq-server").exists():
            _install()


def _install() -> None:
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    guarded = not POLICY.exists()
    if guarded:
        _run([*as_root, "sh", "-c", f"printf '#!/bin/sh\\nexit 101\\n' > {POLICY} && chmod 755 {POLICY}"])
    try:
        _run([*as_root, "apt-get", *PATIENTLY, "update", "--quiet"])
        _run(
            [
                *as_root,
                "env",
                "DEBIAN_FRONTEND=noninteractive",
                "apt-get",
                *PATIENTLY,
                "install",
                "--yes",
                "--no-install-recommends",
                "rabbitmq-server",
            ]
        )
    finally:
        if guarded:
            _run([*as_root, "rm", "-f", str(POLICY)])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"installing RabbitMQ for the tests failed at `{' '.join(command)}`: {(done.stdout + done.stderr)[-1000:]}"
        )


async def sweep(url: str, prefix: str, topology: Topology) -> None:
    """Delete what a test declared."""
    names = Names(prefix)
    connection = await aiormq.connect(url)
    try:
        channel = await connection.channel()
        for address in topology.addresses():
            await channel.queue_delete(names.queue(address))
            await channel.exchange_delete(names.route(address)[0])
    finally:
        await connection.close()
