"""The ingress. In: HTTP. Out: events at the entry of the chain, and an answer once they are durable.

Run it with `web.AppRunner(build_app(ingress), **SERVER)`, between `await ingress.start()` and, after the sites have
stopped listening, `await ingress.stop()`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from pipeline.engine.frame import Bounds
from pipeline.engine.topology import Topology, Work
from pipeline.engine.transport import BrokerUnavailable, Message, Transport
from pipeline.ingress import metrics, reply
from pipeline.ingress.authentication.echo import Echoed
from pipeline.ingress.authentication.guards import Guards
from pipeline.ingress.body import is_blank
from pipeline.ingress.commit import Committer, Overloaded
from pipeline.ingress.door import Cut, cut
from pipeline.ingress.health import Health
from pipeline.ingress.keeper import Keeper
from pipeline.ingress.limits import Limits
from pipeline.ingress.needs import Answers, Connectors, Look
from pipeline.ingress.receipts import NoReceipts, Receipts
from pipeline.ingress.receive import Receiver
from pipeline.ingress.refusal import Refusal, unavailable
from pipeline.ingress.spool.feed import Feeder
from pipeline.ingress.spool.spool import Spool, SpoolUnavailable
from pipeline.ingress.spool.state import State
from pipeline.ingress.spool.window import Window
from pipeline.ingress.wait import Waiting, seconds_of
from pipeline.store.database import DatabaseUnavailable
from schemas.connector import Connector
from schemas.event import Event

log = structlog.get_logger(__name__)

LONGEST_TOKEN = 200
NOT_ONE = "-"  # is looked up in place of what cannot be a token, so that every unknown token costs the same


class _Discreet(logging.Filter):
    """Malformed HTTP is answered by aiohttp; its log line quotes the request, which may hold a token."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            record.msg, record.args, record.exc_info = "malformed HTTP: %s", (type(error).__name__,), None
        return True


_server_log = logging.getLogger("leadpipe.http")
_server_log.addFilter(_Discreet())

# What the server must be given. aiohttp keeps an idle connection for an hour unless told not to. As long as its own
# client does, 15 s, would be wrong: a client that takes its oldest connection first would meet those that just close.
# It inflates without our cap unless told not to; a client that goes must not stop a commit.
SERVER: Final[dict[str, Any]] = {
    "access_log": None,
    "logger": _server_log,
    "auto_decompress": False,
    "handler_cancellation": False,
    "keepalive_timeout": 20,
    "lingering_time": 2.0,
    "max_line_size": 8190,
    "max_field_size": 8190,
    "max_headers": 64,
}


class Ingress:
    """Takes events in. `journal(ids)` returns the results of those that have reached the journal, for `?wait=`.

    Without a `spool` nothing is accepted while the broker is away.
    """

    def __init__(
        self,
        catalog: Connectors,
        transport: Transport,
        topology: Topology,
        database: Answers,
        *,
        journal: Look,
        guards: Guards | None = None,
        receipts: Receipts | None = None,
        spool: Spool | None = None,
        limits: Limits | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.health = Health.of(transport, topology, database, catalog)
        self.stopping = False
        self.spool = spool
        self._catalog = catalog
        self._receipts = receipts or NoReceipts()
        self._guards = guards or Guards()
        self._receiver = Receiver(self.limits)
        self._keeper = Keeper(transport, spool, self.limits.commit_seconds)
        bounds = bounds or Bounds()
        self._committer = Committer(self._keeper, topology.entry, self._committed, self.limits, bounds)
        self._feeder = self._feeder_of(spool, topology, journal, bounds) if spool else None
        self._waiting = Waiting(journal)
        self._tally = metrics.Tally()

    @property
    def backlog(self) -> int:
        """How many events wait to be durable."""
        return self._committer.events

    def spooled(self) -> State | None:
        """How the spool does, where there is one."""
        return None if self.spool is None else self.spool.state()

    def exposition(self) -> bytes:
        """The metrics as of now."""
        self._tally.tell()
        metrics.BACKLOG.set(self.backlog)
        metrics.show_spool(self.spooled())
        return metrics.exposition()

    async def start(self) -> None:
        """Begin; requests may come from now on."""
        await self._receipts.start()
        if self._feeder is not None:
            self._feeder.start()

    async def stop(self) -> None:
        """Take no more; return when everything in hand is answered for and its receipts are handed on."""
        self.stopping = True
        await self._committer.drain()
        await self._waiting.stop()
        if self._feeder is not None and self.spool is not None:
            await self._feeder.stop()
            await self._keeper.stop()
            await self.spool.close()
        await self._receipts.stop()
        await self.health.stop()
        self._tally.tell()

    async def post(self, request: web.Request) -> web.StreamResponse:
        """`POST /in/{token}`, by way of the application."""
        return await self.receive(request, request.match_info["token"])

    async def receive(self, request: web.BaseRequest, token: str) -> web.StreamResponse:
        """A post to the URL with this token."""
        began = time.perf_counter()
        connector: Connector | None = None
        response: web.StreamResponse
        try:
            connector = await self._connector(token)
            response = await self._take(request, connector)
        except Refusal as refusal:
            response = self._refuse(connector, refusal)
        except Echoed as echoed:
            response = reply.echoed(echoed.answer)
        self._tally.took(time.perf_counter() - began)
        return response

    async def ping(self, request: web.Request) -> web.Response:
        """`GET` and `HEAD /in/{token}`: a vendor verifies the URL."""
        connector: Connector | None = None
        try:
            connector = await self._connector(request.match_info["token"])
            if connector.guarded and (answer := self._guards.asked(connector, request)) is not None:
                return reply.echoed(answer)
        except Refusal as refusal:
            return self._refuse(connector, refusal)
        return reply.ping(connector.preset.door.reply)

    async def _connector(self, token: str) -> Connector:
        """The connector that the URL names, also a disabled one."""
        if not token.isascii() or len(token) > LONGEST_TOKEN:
            token = NOT_ONE
        try:
            connector = await self._catalog.by_token(token)
        except DatabaseUnavailable:
            raise unavailable("this token is not known here, and the database cannot be asked now") from None
        if connector is None:
            raise Refusal(404, "Unknown token", "no connector has this webhook URL; copy it from the connector again")
        return connector

    async def _take(self, request: web.BaseRequest, connector: Connector) -> web.StreamResponse:
        if self.stopping:
            raise unavailable("this process is stopping", retry_after=1)
        if not connector.settings.enabled:
            raise Refusal(403, "Connector disabled", f"connector {connector.name} is disabled")
        wait = request.query.get("wait") if "?" in request.raw_path else None
        seconds = None if wait is None else seconds_of(wait, self.limits.wait_seconds)
        body = self._receiver.arrived(request)
        if body is None:
            body = await self._receiver.body(request)
        if is_blank(body):
            return reply.ping(connector.preset.door.reply)
        signed = self._guards.admit(connector, request, body) if connector.guarded else None
        found = cut(connector, request.headers, body, self.limits, signed)
        if found.events:
            await self._commit(found)
            self._tally.accepted(connector.name, len(found.events))
        if seconds is None:
            return reply.accepted(connector.preset.door.reply, found.ids)
        return reply.finished(found.ids, await self._waiting.results(found.ids, seconds))

    async def _commit(self, found: Cut) -> None:
        try:
            await self._committer.commit(found.events, found.size)
        except Overloaded:
            raise unavailable("too many events are waiting for the broker", retry_after=1) from None
        except SpoolUnavailable as error:
            raise unavailable(f"the broker is away, and {error}", retry_after=10) from None
        except BrokerUnavailable:
            raise unavailable("the broker did not confirm; send it again") from None

    def _committed(self, events: Sequence[Event]) -> None:
        metrics.GROUP.observe(len(events))
        metrics.BACKLOG.set(self.backlog)
        self._receipts.keep(events)

    def _feeder_of(self, spool: Spool, topology: Topology, journal: Look, bounds: Bounds) -> Feeder:
        entry = Work(topology.entry)

        async def publish(frames: Sequence[bytes]) -> None:
            deadline = asyncio.get_running_loop().time() + self.limits.commit_seconds
            await self._keeper.publish([Message(entry, frame) for frame in frames], deadline)

        return Feeder(spool, self._keeper.breaker, publish, Window(journal), bounds)

    def _refuse(self, connector: Connector | None, refusal: Refusal) -> web.Response:
        name = metrics.NOBODY if connector is None else connector.name
        metrics.events(name, "unavailable" if refusal.again else "refused").inc()
        log.info("refused", connector=name, status=refusal.status, why=refusal.title, **refusal.where)
        return reply.refused(None if connector is None else connector.preset.door.reply, refusal)


def build_app(ingress: Ingress, further: Sequence[web.RouteDef] = ()) -> web.Application:
    """The routes: `/in/{token}`, `/healthz`, `/readyz`, `/metrics`, and what else the process serves on this port."""

    async def healthz(_: web.Request) -> web.Response:
        return reply.respond(200, {"alive": True})

    async def readyz(_: web.Request) -> web.Response:
        state = ingress.spooled()
        ready, checks = await ingress.health.report(spools=state is not None and state.trouble is None)
        ready = ready and not ingress.stopping
        told = {"ready": ready, "stopping": ingress.stopping, "checks": checks, "spool": state}
        return reply.respond(200 if ready else 503, told)

    async def exposition(_: web.Request) -> web.Response:
        content_type = "text/plain; version=0.0.4; charset=utf-8"
        return web.Response(body=ingress.exposition(), headers={"Content-Type": content_type})

    # the body is read by our own receiver, under our own cap
    app = web.Application(client_max_size=ingress.limits.body)
    app.add_routes(
        [
            web.post("/in/{token}", ingress.post),
            web.get("/in/{token}", ingress.ping),
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/metrics", exposition),
            *further,
        ]
    )
    return app
