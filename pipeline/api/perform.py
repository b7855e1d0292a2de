"""A call whose caller is known, from what was sent to its answer. In: a route, query and body. Out: HTTP responses."""

from __future__ import annotations

import traceback
from typing import Any

import structlog
from aiohttp import web
from pydantic import BaseModel

from pipeline.api import answer
from pipeline.api.answer import Refusal
from pipeline.api.aside import Gone
from pipeline.api.call import Call
from pipeline.api.conditions import Conditions
from pipeline.api.listing import Tagged
from pipeline.api.read import body_value, query_values
from pipeline.api.route import Route
from pipeline.engine.outcome import Transient
from pipeline.engine.transport import Unroutable
from pipeline.operations import masked
from pipeline.operations.errors import Refused
from pipeline.store.database import UNFIT

log = structlog.get_logger(__name__)
AGAIN = 5  # seconds, while the database or the broker is away


async def performed(
    route: Route, arguments: dict[str, Any], query: str, body: bytes | None, call: Call
) -> web.Response:
    """Check query and body, call the route's function, and show what it returned. Raises what `answer_to` takes."""
    found = query_values(route, query)
    if route.asks:
        arguments["query"] = found
    if body is not None:
        arguments["body"] = await body_value(route, body)
    try:
        done = await route.work(call, **arguments)
    except Refused as error:
        raise masked.refusal(call.actor, error) from None
    return _shown(route, done, call.conditions)


def answer_to(error: Exception) -> web.Response:
    """The answer to a call that came to nothing."""
    match error:
        case Refusal():
            return answer.failed(error.status, error.detail, error.problems, error.headers)
        case Refused():
            return answer.refused(error)
        case Transient() | Unroutable():  # a queue that is not there is not declared yet
            log.warning("api unavailable", error=type(error).__name__)
            return answer.failed(503, "the database or the broker is away", headers={"Retry-After": str(AGAIN)})
        case Gone():
            detail = "the call was cut off before it was done; see whether it took effect before you send it again"
            return answer.failed(503, detail, headers={"Retry-After": str(AGAIN)})
    if isinstance(error, UNFIT):  # a check of ours is missing; it is the value's fault all the same
        log.error("api was given a value that the database does not take", error=type(error).__name__)
        return answer.failed(422, "a value of this request cannot be looked up or stored; send another one")
    # a bug; its text may quote what was sent, so the log names its kind and place
    frame = traceback.extract_tb(error.__traceback__)[-1]
    log.error("api failed", error=type(error).__name__, at=f"{frame.filename}:{frame.lineno}")
    return answer.failed(500, "an error inside Leadpipe; its log has the details")


def _shown(route: Route, done: object, conditions: Conditions) -> web.Response:
    if isinstance(done, BaseModel):
        tag = done.tag if isinstance(done, Tagged) else None
        if tag is not None and route.method == "GET" and conditions.is_known(tag):
            return web.Response(status=304, headers={"ETag": f'"{tag}"'})
        response = answer.shown(getattr(done, "http_status", route.status), done)
        if tag is not None:
            response.headers["ETag"] = f'"{tag}"'
        return response
    if isinstance(done, str):
        return web.Response(status=route.status, text=done, content_type=route.media, headers=dict(answer.DISCREET))
    return web.Response(status=route.status, headers=dict(answer.DISCREET))
