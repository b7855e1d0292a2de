"""Prometheus metrics of the ingress. Label values come from the connectors in force, and from the fixed set below.

| metric | meaning |
|---|---|
| `leadpipe_ingress_events_total{connector,result}` | `accepted` events; `refused`, `unavailable` requests |
| `leadpipe_ingress_answers_total{account,connector,status,error,reason}` | answers, by the status that was sent |
| `leadpipe_ingress_denied_total{connector,reason,mode}` | requests that proved nobody, and why |
| `leadpipe_wrong_tries_total{what,result}` | wrong tries of a `key`, `token` or `secret`: `refused`, or `slowed` down |
| `leadpipe_ingress_seconds` | from a request's first byte at the handler to its answer |
| `leadpipe_ingress_group_events` | events of one group commit |
| `leadpipe_ingress_backlog_events` | events that wait for the broker's confirm |
| `leadpipe_spool_events`, `leadpipe_spool_bytes` | what waits in the spool |
| `leadpipe_spool_oldest_seconds` | how long the oldest event in the spool has waited |
| `leadpipe_spool_total{result}` | events `kept`, `fed` in, `confirmed` after all, `refused`, `failed`; `damaged` |
| `leadpipe_ingress_connections_refused_total` | connections that came when too many were open |
| `leadpipe_ingress_refused_kept_total{result}` | refused requests that were `kept`, or `dropped` for want of room |
| `leadpipe_ingress_unchecked_keys_total` | idempotency keys that passed unchecked, without the database |
| `leadpipe_receipt_errors_total` | groups whose receipts could not be written |

Of an answer that refuses, `error` is the status of the refusal and `reason` its title. `status` is what was sent: it
differs from `error` where a preset has an answer of its own. `account` is the account's id, so that connectors of the
same name in two accounts are counted apart.
"""

from __future__ import annotations

import asyncio
import os
from bisect import bisect_left
from collections import Counter as Multiset
from functools import lru_cache
from typing import NamedTuple

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from pipeline.ingress.refusal import Refusal
from pipeline.ingress.spool.state import State
from schemas.connector import Connector

EVENTS = Counter("leadpipe_ingress_events_total", "Events accepted, and requests refused", ["connector", "result"])
ANSWERS = Counter(
    "leadpipe_ingress_answers_total",
    "Answers to requests, by the status that was sent, and the error behind it",
    ["account", "connector", "status", "error", "reason"],
)
DENIED = Counter(
    "leadpipe_ingress_denied_total", "Requests that did not prove who they are", ["connector", "reason", "mode"]
)
WRONG = Counter(
    "leadpipe_wrong_tries_total", "API keys, webhook tokens and secrets that are not valid", ["what", "result"]
)
SECONDS = Histogram(
    "leadpipe_ingress_seconds",
    "Time from request to answer",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
GROUP = Histogram(
    "leadpipe_ingress_group_events", "Events in one group commit", buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)
)
BACKLOG = Gauge("leadpipe_ingress_backlog_events", "Events waiting for the broker", multiprocess_mode="livesum")
RECEIPT_ERRORS = Counter("leadpipe_receipt_errors_total", "Groups whose receipts could not be written")
REFUSED_KEPT = Counter("leadpipe_ingress_refused_kept_total", "What became of refused requests", ["result"])
UNCHECKED_KEYS = Counter("leadpipe_ingress_unchecked_keys_total", "Idempotency keys that passed unchecked")
CONNECTIONS_REFUSED = Counter("leadpipe_ingress_connections_refused_total", "Connections over the cap")
SPOOL = Counter("leadpipe_spool_total", "What became of events that were to be spooled", ["result"])
SPOOL_EVENTS = Gauge("leadpipe_spool_events", "Events in the spool", multiprocess_mode="livesum")
SPOOL_BYTES = Gauge("leadpipe_spool_bytes", "Bytes in the spool", multiprocess_mode="livemax")
SPOOL_OLDEST = Gauge(
    "leadpipe_spool_oldest_seconds", "Age of the oldest event in the spool", multiprocess_mode="livemax"
)

EVERY = 0.1  # seconds between two writes of what requests add
NOBODY = "-"  # the connector of a request whose token is unknown
OTHERS = "others"  # all connectors together whose answers come when MOST sets of labels are there
MOST = 10_000  # sets of labels of answers in one process: connectors come and go, and a counter stays


class Answer(NamedTuple):
    """What is counted of an answer; the members are the labels. Only an answer that refuses has an error."""

    account: str
    connector: str
    status: int
    error: str = ""
    reason: str = ""


_answers: dict[Answer, Counter] = {}


@lru_cache(maxsize=100_000)
def events(connector: str, result: str) -> Counter:
    """The counter of one connector and result, bound once."""
    return EVENTS.labels(connector, result)


class Tally:
    """What requests add to the metrics, written a few times a second and before it is shown.

    Processes share the values in mapped files: to write them for each request costs as much as to read its JSON.
    """

    def __init__(self) -> None:
        self._accepted: Multiset[str] = Multiset()
        self._answers: Multiset[Answer] = Multiset()
        self._seconds: list[float] = []
        self._soon: asyncio.TimerHandle | None = None

    def accepted(self, connector: str, count: int) -> None:
        """Events are durable; `took` follows."""
        self._accepted[connector] += count

    def answered(self, connector: Connector | None, status: int, refusal: Refusal | None = None) -> None:
        """A request was answered with this status; None: of an unknown token. A refusal is the error behind it."""
        if connector is None:
            answer = Answer(NOBODY, NOBODY, status)
        else:
            answer = Answer(str(connector.account), connector.name, status)
        if refusal is not None:
            answer = answer._replace(error=str(refusal.status), reason=refusal.title)
        self._answers[answer] += 1
        self._write_soon()

    def took(self, seconds: float) -> None:
        """A request was answered after so long."""
        self._seconds.append(seconds)
        self._write_soon()

    def tell(self) -> None:
        """Write what is not written yet."""
        self._soon = None
        accepted, self._accepted = self._accepted, Multiset()
        for connector, count in accepted.items():
            events(connector, "accepted").inc(count)
        answers, self._answers = self._answers, Multiset()
        for answer, count in answers.items():
            _counter(answer).inc(count)
        seconds, self._seconds = self._seconds, []
        buckets = Multiset(bisect_left(SECONDS._upper_bounds, each) for each in seconds)
        for bucket, count in buckets.items():  # `observe` takes one at a time
            SECONDS._buckets[bucket].inc(count)
        SECONDS._sum.inc(sum(seconds))

    def _write_soon(self) -> None:
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(EVERY, self.tell)


def _counter(answer: Answer) -> Counter:
    """The counter of answers like this one, bound once; beyond MOST of them, that of all others together."""
    if answer not in _answers and len(_answers) >= MOST:
        answer = answer._replace(account=NOBODY, connector=OTHERS)
    if answer not in _answers:
        _answers[answer] = ANSWERS.labels(*answer)
    return _answers[answer]


def denied(connector: str, reason: str, mode: str) -> Counter:
    """The counter of requests that did not prove who they are."""
    return DENIED.labels(connector, reason, mode)


def show_spool(state: State | None) -> None:
    """Set the gauges of the spool."""
    if state is not None:
        SPOOL_EVENTS.set(state.events)
        SPOOL_BYTES.set(state.bytes)
        SPOOL_OLDEST.set(state.oldest_s)


def exposition() -> bytes:
    """The text that Prometheus scrapes: of this process, or of all of them in multiprocess mode."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
