"""How much the ingress takes, and how long it waits. Sizes in bytes, times in seconds."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one ingress process.

    Of the server: `connections`, also idle ones; who comes then is answered 503 and closed. Of a request: `body`
    before and after inflating, `event` as JSON, `events` in number, `body_seconds` until the body is whole. Of the
    process: `held` bytes of bodies that are still arriving, `backlog_events` and `backlog_bytes` that are not durable
    yet; past any of them it answers 503 at once. Of a group commit: it starts when no other is in flight, when it has
    waited `linger`, or when it holds `group_events`; at most `commits` are in flight; after `commit_seconds` its
    requests are answered 503.
    """

    connections: int = 2_000
    body: int = 10 * MEBIBYTE
    event: int = MEBIBYTE
    events: int = 10_000
    body_seconds: float = 10.0
    held: int = 64 * MEBIBYTE
    backlog_events: int = 50_000
    backlog_bytes: int = 64 * MEBIBYTE
    group_events: int = 1_000
    linger: float = 0.005
    commits: int = 4
    commit_seconds: float = 5.0
    wait_seconds: float = 60.0
