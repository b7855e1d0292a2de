"""CPU and memory of everything that takes part. In: where to look. Out: seconds and bytes, by process.

Only what runs on this machine, and may be looked at, can be seen; the rest is left out, and the tables show it so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil

POSTGRES, RABBITMQ, LOAD = "PostgreSQL", "RabbitMQ", "load generator"


@dataclass(frozen=True, slots=True)
class Use:
    """CPU seconds since a process began, and resident bytes now."""

    cpu: float
    memory: int


@dataclass(frozen=True)
class Parties:
    """Who takes part: processes by what they are called."""

    by_name: dict[str, list[psutil.Process]]

    def look(self) -> dict[str, Use]:
        """What each has used so far; one that has ended is left out."""
        return {name: use for name, roots in self.by_name.items() if (use := _use(roots)) is not None}


def parties(
    supervisor: int | None, workers: Iterable[tuple[int, str]], port: int, backend: int, broker: str
) -> Parties:
    """Find them: the processes of an instance, its database (by a backend of it) and its broker (by the port)."""
    found: dict[str, list[psutil.Process]] = {}
    for pid, name in workers:
        _add(found, name, _process(pid))
    _add(found, "ingress", _listener(port))
    _add(found, "supervisor", None if supervisor is None else _process(supervisor))
    seen = _process(backend)
    _add(found, POSTGRES, seen and seen.parent())
    parts = urlsplit(broker)
    if parts.scheme.startswith("amqp"):
        _add(found, RABBITMQ, _listener(parts.port or 5672))
    found[LOAD] = [psutil.Process()]
    return Parties(found)


def spent(before: dict[str, Use], after: dict[str, Use]) -> dict[str, float]:
    """CPU seconds from one look to the next."""
    return {name: use.cpu - before[name].cpu for name, use in after.items() if name in before}


def _add(found: dict[str, list[psutil.Process]], name: str, process: psutil.Process | None) -> None:
    if process is not None:
        found.setdefault(name, []).append(process)


def _use(roots: Sequence[psutil.Process]) -> Use | None:
    """Of a database all its backends count, also those that have ended meanwhile: their parent has inherited them."""
    cpu, memory = 0.0, 0
    for root in roots:
        try:
            family = [root, *root.children(recursive=True)] if _is_database(root) else [root]
        except psutil.Error:
            return None
        for process in family:
            try:
                times = process.cpu_times()
                cpu += times.user + times.system
                if process is root and len(family) > 1:
                    cpu += times.children_user + times.children_system
                memory += _resident(process)
            except psutil.Error:  # it ended while we looked
                continue
    return Use(cpu, memory)


def _resident(process: psutil.Process) -> int:
    """Bytes in memory without those shared, which every backend of a database would count again."""
    info = process.memory_info()
    return int(info.rss - getattr(info, "shared", 0))


def _is_database(process: psutil.Process) -> bool:
    return str(process.name()).startswith("postgres")


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None


def _listener(port: int) -> psutil.Process | None:
    """The process that listens on a port of this machine, where the system lets us see it."""
    try:
        pids = [
            connection.pid
            for connection in psutil.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid
        ]
    except psutil.AccessDenied:
        return None
    return _process(pids[0]) if pids else None
