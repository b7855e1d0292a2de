"""One request from its path to its answer: match, authenticate, allow, check, call, show. No logic of its own."""

from __future__ import annotations

import asyncio
import traceback

import structlog
from aiohttp import web
from pydantic import BaseModel

from pipeline.api import answer
from pipeline.api.answer import Refusal
from pipeline.api.call import Call
from pipeline.api.rate import Rate
from pipeline.api.read import body_value, query_values, segments
from pipeline.api.route import BASE, Route, Table
from pipeline.daemon.core import Core
from pipeline.engine.outcome import Transient
from pipeline.engine.transport import Unroutable
from pipeline.operations.access import Actor, authenticate
from pipeline.operations.errors import Refused
from pipeline.store.database import UNFIT, Database

log = structlog.get_logger(__name__)
AGAIN = 5  # seconds, while the database or the broker is away
NOWHERE = "no call has this path, or an id or a name in it is malformed; /api/docs lists the paths"
BELOW = len(BASE.strip("/").split("/")) - 1  # segments between the API's root and its routes


class Api:
    """Answers everything below `/api/v1`."""

    def __init__(self, table: Table, core: Core, database: Database, rate: Rate) -> None:
        self.table = table
        self._core = core
        self._database = database
        self._rate = rate
        self._heavy = asyncio.Lock()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any method, any path."""
        try:
            return await self._answered(request)
        except Refusal as refusal:
            return answer.failed(refusal.status, refusal.detail, refusal.problems, refusal.headers)
        except Refused as error:
            return answer.refused(error)
        except (Transient, Unroutable) as error:  # a queue that is not there is not declared yet
            log.warning("api unavailable", error=type(error).__name__)
            return answer.failed(503, "the database or the broker is away", headers={"Retry-After": str(AGAIN)})
        except UNFIT as error:  # a check of ours is missing; it is the value's fault all the same
            log.error("api was given a value that the database does not take", error=type(error).__name__)
            return answer.failed(422, "a value of this request cannot be looked up or stored; send another one")
        except Exception as error:  # a bug; its text may quote what was sent, so the log names its kind and place
            frame = traceback.extract_tb(error.__traceback__)[-1]
            log.error("api failed", error=type(error).__name__, at=f"{frame.filename}:{frame.lineno}")
            return answer.failed(500, "an error inside Leadpipe; its log has the details")

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        by_method = self.table.match(segments(request)[BELOW:])
        if not by_method:
            raise Refusal(404, NOWHERE)
        matched = by_method.get("GET" if request.method == "HEAD" else request.method)
        if matched is None:
            allowed = {*by_method, *({"HEAD"} if "GET" in by_method else ())}
            raise Refusal(
                405, f"this path has {', '.join(sorted(by_method))}", headers={"Allow": ", ".join(sorted(allowed))}
            )
        route, arguments = matched
        actor = await self._actor(request)
        if route.scope is not None:
            actor.need(route.scope)
        query = query_values(route, request)
        if route.asks:
            arguments["query"] = query
        if route.body is not None:
            arguments["body"] = await body_value(route, request)
        done = await route.work(Call(actor, self._core, self._database, self._heavy), **arguments)
        return self._shown(route, done)

    async def _actor(self, request: web.Request) -> Actor:
        scheme, _, presented = request.headers.get("Authorization", "").partition(" ")
        actor = await authenticate(self._database, presented.strip()) if scheme.lower() == "bearer" else None
        if actor is None:
            raise Refusal(
                401,
                "send a valid key: `Authorization: Bearer lp_…`; `leadpipe key create` makes one",
                headers={"WWW-Authenticate": 'Bearer realm="leadpipe"'},
            )
        if wait := self._rate.spend(actor.key):
            raise Refusal(429, f"this key makes too many calls; wait {wait} s", headers={"Retry-After": str(wait)})
        return actor

    def _shown(self, route: Route, done: object) -> web.StreamResponse:
        if isinstance(done, BaseModel):
            return answer.shown(route.status, done)
        if isinstance(done, str):
            return web.Response(status=route.status, text=done, content_type=route.media, headers=dict(answer.DISCREET))
        return web.Response(status=route.status, headers=dict(answer.DISCREET))
