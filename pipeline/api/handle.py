"""One request from its path to its answer: match, authenticate, allow, check, call, show. No logic of its own."""

from __future__ import annotations

from aiohttp import web

from pipeline.api.answer import Refusal
from pipeline.api.aside import Job, shared
from pipeline.api.call import Call
from pipeline.api.conditions import conditions_of
from pipeline.api.perform import answer_to, performed
from pipeline.api.rate import Rate
from pipeline.api.read import body_sent, segments
from pipeline.api.route import BASE, Table
from pipeline.daemon.core import Core
from pipeline.daemon.proxies import proxies_of
from pipeline.ingress.authentication.addresses import client_of
from pipeline.ingress.authentication.wrong import Wrong
from pipeline.operations.access import Actor, authenticate
from pipeline.store.database import Database

NOWHERE = "no call has this path, or an id or a name in it is malformed; /api/docs lists the paths"
BELOW = len(BASE.strip("/").split("/")) - 1  # segments between the API's root and its routes


class Api:
    """Answers everything below `/api/v1`."""

    def __init__(self, table: Table, core: Core, database: Database, rate: Rate) -> None:
        self.table = table
        self._core = core
        self._database = database
        self._rate = rate
        self._aside = shared()
        self._proxies = proxies_of(core.settings)
        self._wrong = Wrong("key", core.settings.wrong_tries)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any method, any path."""
        try:
            return await self._answered(request)
        except Exception as error:
            return answer_to(error)

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        by_method = self.table.match(segments(request)[BELOW:])
        if not by_method:
            raise Refusal(404, NOWHERE)
        matched = by_method.get("GET" if request.method == "HEAD" else request.method)
        if matched is None:
            allowed = {*by_method, *({"HEAD"} if "GET" in by_method else ())}
            raise Refusal(
                405,
                f"this path takes only {', '.join(sorted(by_method))}",
                headers={"Allow": ", ".join(sorted(allowed))},
            )
        route, arguments = matched
        actor = await self._actor(request)
        if route.scope is not None:
            actor.need(route.scope)
        body = await body_sent(route, request)
        query = request.rel_url.raw_query_string
        conditions = conditions_of(request.headers)
        if route.aside is None:
            call = Call(actor, self._core, self._database, conditions)
            return await performed(route, arguments, query, body, call)
        job = Job(route.name, arguments, query, body, actor, self._core.settings, route.aside, conditions)
        done = await self._aside.run(job)
        return web.Response(status=done.status, body=done.body, headers=done.headers)

    async def _actor(self, request: web.Request) -> Actor:
        scheme, _, presented = request.headers.get("Authorization", "").partition(" ")
        actor = await self._authenticated(request, presented.strip()) if scheme.lower() == "bearer" else None
        if actor is None:
            raise Refusal(
                401,
                "send a valid key: `Authorization: Bearer lp_…`; `leadpipe key create` makes one",
                headers={"WWW-Authenticate": 'Bearer realm="leadpipe"'},
            )
        if wait := self._rate.spend(actor.key):
            raise Refusal(429, f"this key makes too many calls; wait {wait} s", headers={"Retry-After": str(wait)})
        return actor

    async def _authenticated(self, request: web.Request, presented: str) -> Actor | None:
        """Whose key this is; None: nobody's. Refusal: its address has tried too many wrong ones."""
        address = client_of(request, self._proxies)
        if wait := self._wrong.begin(address, presented):
            detail = f"too many keys from this address were not valid; wait {wait} s"
            raise Refusal(429, detail, headers={"Retry-After": str(wait)})
        actor = await authenticate(self._database, presented)
        (self._wrong.wrong if actor is None else self._wrong.right)(address, presented)
        return actor
