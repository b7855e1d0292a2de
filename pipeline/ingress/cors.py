"""Browsers that post from another site (Fetch §3.3). In: a connector's `origins`, and a request's headers. Out: the
answer to a preflight, and what an answer needs so that the page may read it.

It protects those who browse: a page that is not in the list may not read an answer, and none that needs a preflight is
sent. It keeps nobody from posting, which is what the URL and `[auth]` are for. Cookies and the like are never asked
for, and no page outside a private network is let into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import structlog
from aiohttp import hdrs, web

from pipeline.ingress import reply
from pipeline.ingress.refusal import Refusal
from schemas.connector import Connector
from schemas.settings import origin as normal

log = structlog.get_logger(__name__)

MAX_AGE: Final = 600  # seconds that a browser may remember what a preflight said; a change of `origins` is seen by then
HEADERS: Final = frozenset({"content-type", "idempotency-key", "x-requested-with", "authorization", "x-api-key"})
ALL: Final = "*"

_METHODS: Final = ("GET", "HEAD", "POST")  # of a webhook URL
_DEFAULT_PORTS: Final = {"https://": ":443", "http://": ":80"}


def is_asked(connector: Connector, headers: Mapping[str, str]) -> bool:
    """Whether the answer depends on who reads it."""
    return bool(connector.settings.origins) and hdrs.ORIGIN in headers


def preflight(connector: Connector, headers: Mapping[str, str]) -> web.Response:
    """The answer to `OPTIONS`: 204 with what is allowed, or 403. Raises HTTPMethodNotAllowed where no list is set."""
    if not is_asked(connector, headers):
        raise web.HTTPMethodNotAllowed(hdrs.METH_OPTIONS, _METHODS)
    sharing = _sharing(connector, headers)
    if sharing is None:
        log.info("refused", connector=connector.name, status=403, why="Origin not allowed")
        detail = f"the origin {headers[hdrs.ORIGIN][:100]!r} is not in the list `origins` of connector {connector.name}"
        return reply.refused(None, Refusal(403, "Origin not allowed", detail))
    answer = web.Response(status=204, headers=sharing)
    answer.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = hdrs.METH_POST
    answer.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = str(MAX_AGE)
    if wanted := _headers(connector, headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, "")):
        answer.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = wanted
    return answer


def shared(answer: web.Response, connector: Connector | None, headers: Mapping[str, str]) -> web.Response:
    """The answer to a post, with what lets the page that posted read it, if its origin is in the list."""
    if connector is not None and is_asked(connector, headers) and (sharing := _sharing(connector, headers)) is not None:
        answer.headers.update(sharing)
        answer.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = hdrs.RETRY_AFTER
    return answer


def _sharing(connector: Connector, headers: Mapping[str, str]) -> dict[str, str] | None:
    """What tells a browser that the page may know the answer; None: it may not."""
    origin = headers[hdrs.ORIGIN].strip()
    if ALL in connector.settings.origins:
        return {hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: ALL, hdrs.VARY: hdrs.ORIGIN}
    if _plain(origin) in map(_plain, connector.settings.origins):
        return {hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: origin, hdrs.VARY: hdrs.ORIGIN}
    return None


@lru_cache(maxsize=1_000)
def _plain(origin: str) -> str:
    """An origin as it is compared: in lower case and without the port that its scheme has anyway; else as it is."""
    try:
        known = normal(origin)
    except ValueError:  # such as `null`, the origin of a file or of a page without rights
        return origin
    for scheme, port in _DEFAULT_PORTS.items():
        if known.startswith(scheme):
            return known.removesuffix(port)
    return known


def _headers(connector: Connector, asked: str) -> str:
    """The headers that were asked for, as far as a page may set them here."""
    own = () if connector.auth is None else connector.auth.headers
    taken = HEADERS | {name.lower() for name in own}
    names = (name.strip(" \t").lower() for name in asked.split(","))
    return ", ".join(dict.fromkeys(name for name in names if name in taken))
