"""Answers. In: what became of a request, and the preset's templates. Out: HTTP responses.

Where a preset says what its vendor must be told, that is the answer; else it is Leadpipe's own, and a refusal is
`application/problem+json` (RFC 9457).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from aiohttp import web

from pipeline.ingress.refusal import Refusal
from pipeline.ingress.short import Brief
from schemas.preset import Answer, Reply
from schemas.settings import Told

JSON = "application/json"
PROBLEM = "application/problem+json"


def accepted(reply: Reply | None, ids: Sequence[str]) -> Brief:
    """202 with the ids, or the preset's answer: every event is durable."""
    if reply is not None:
        return Brief(reply.accepted.status, orjson.dumps(filled(reply.accepted.body, "")))
    return Brief(202, orjson.dumps({"accepted": len(ids), "ids": ids}))


def finished(ids: Sequence[str], results: Mapping[str, Mapping[str, Any]], tells: Told) -> web.Response:
    """200 with what became of each event, as far as its sender may know; 202 if some are still on their way."""
    told = [{"id": id, "event_id": id, **_told(results.get(id), tells)} for id in ids]
    status = 200 if all(id in results for id in ids) else 202
    return respond(status, {"accepted": len(ids), "ids": ids, "results": told})


def _told(result: Mapping[str, Any] | None, tells: Told) -> Mapping[str, Any]:
    """Of one event; that it failed, or was new, would tell whether a person is known."""
    if tells == "none":
        return {"finished": result is not None}
    if result is None:
        return {"outcome": "pending"}
    return result if tells == "full" else {"outcome": result["outcome"]}


def ping(reply: Reply | None) -> web.Response:
    """200: the vendor asks whether anybody is there."""
    return respond(200, {"accepted": 0, "ids": []} if reply is None else filled(reply.accepted.body, ""))


def echoed(answer: str | dict[str, str]) -> web.Response:
    """200 with what a source wants back: as a text that no browser takes for a page, or as JSON."""
    if isinstance(answer, str):
        headers = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
        return web.Response(body=answer.encode("utf-8", "replace"), headers=headers)
    return respond(200, answer)


def refused(reply: Reply | None, refusal: Refusal) -> web.Response:
    """The refusal as a problem, or as the preset wants it; never a 500."""
    if reply is not None:
        answer = reply.unavailable if refusal.again else reply.refused
        response = _answer(answer, f"{refusal.title}: {refusal.detail}")
    else:
        problem = {"title": refusal.title, "status": refusal.status, "detail": refusal.detail, **refusal.where}
        response = respond(refusal.status, problem, PROBLEM)
    if response.status == refusal.status:
        response.headers.update(refusal.headers)
    if refusal.status == 415:
        response.headers["Accept-Encoding"] = "gzip"  # RFC 9110 §15.5.16
    if response.status == 503:
        response.headers["Retry-After"] = str(max(1, refusal.retry_after))
    if refusal.status in (408, 413):
        response.force_close()  # the rest of the body is not worth reading
    return response


def respond(status: int, document: Any, content_type: str = JSON) -> web.Response:
    """A JSON response."""
    return web.Response(status=status, body=orjson.dumps(document), headers={"Content-Type": content_type})


def _answer(answer: Answer, reason: str) -> web.Response:
    return respond(answer.status, filled(answer.body, reason))


def filled(template: Any, reason: str) -> Any:
    """The template with `{reason}` in its texts replaced."""
    if isinstance(template, str):
        return template.replace("{reason}", reason)
    if isinstance(template, dict):
        return {name: filled(member, reason) for name, member in template.items()}
    if isinstance(template, list):
        return [filled(member, reason) for member in template]
    return template
