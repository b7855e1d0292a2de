"""Why a request was not accepted. Raised anywhere in the ingress, made into an answer in one place (`reply`)."""

from __future__ import annotations

from collections.abc import Mapping


class Refusal(Exception):
    """Nothing of this request was accepted.

    `title` is one of a fixed set and may be logged; `detail` is for the producer alone, as it may quote what was
    sent. `again` says that the same request may be accepted later. `where` holds the line, element or field; `headers`
    go with the answer.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        again: bool = False,
        retry_after: int = 0,
        where: Mapping[str, int | str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.again = again
        self.retry_after = retry_after
        self.where = where or {}
        self.headers = headers or {}


def malformed(title: str, detail: str, **where: int | str) -> Refusal:
    """400: the body is not what its content type says."""
    return Refusal(400, title, detail, where=where)


def too_large(detail: str, **where: int | str) -> Refusal:
    """413: a bound of size or number is passed."""
    return Refusal(413, "Too large", detail, where=where)


def unsupported(detail: str) -> Refusal:
    """415: a content type or encoding that is not taken."""
    return Refusal(415, "Unsupported content", detail)


def slow_down(detail: str, wait: int) -> Refusal:
    """429: this address has tried too much that was wrong; `wait` in seconds."""
    headers = {"Retry-After": str(wait)}
    return Refusal(
        429, "Too many wrong tries", f"{detail}; wait {wait} s", again=True, retry_after=wait, headers=headers
    )


def unavailable(detail: str, retry_after: int = 5) -> Refusal:
    """503: it cannot be made durable now."""
    return Refusal(503, "Unavailable", detail, again=True, retry_after=retry_after)
