"""The ingress. In: HTTP. Out: events at the entry of the chain, and an answer once they are durable.

Run it with `web.AppRunner(build_app(ingress), **SERVER)`, between `await ingress.start()` and, after the sites have
stopped listening, `await ingress.stop()`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from pipeline.engine.frame import Bounds
from pipeline.engine.topology import Topology, Work
from pipeline.engine.transport import Message, Transport
from pipeline.ingress import cors, front, metrics, reply
from pipeline.ingress.authentication.guards import Guards
from pipeline.ingress.authentication.wrong import WRONG_TRIES, Wrong
from pipeline.ingress.commit import Committer
from pipeline.ingress.health import Health
from pipeline.ingress.intake import Intake
from pipeline.ingress.keeper import Keeper
from pipeline.ingress.limits import Limits
from pipeline.ingress.needs import Answers, ClaimKeys, Connectors, Look
from pipeline.ingress.receipts import NoReceipts, Receipts
from pipeline.ingress.receive import Receiver
from pipeline.ingress.refusal import Refusal
from pipeline.ingress.refused import NoRefusedLog, RefusedLog
from pipeline.ingress.request_keys import RequestKeys
from pipeline.ingress.short import Take
from pipeline.ingress.spool.feed import Feeder
from pipeline.ingress.spool.spool import Spool
from pipeline.ingress.spool.state import State
from pipeline.ingress.spool.window import Window
from pipeline.ingress.wait import Waiting
from schemas.connector import Connector
from schemas.event import Event

log = structlog.get_logger(__name__)


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

    `keys(claims)` tells what idempotency keys stand for in all processes; without it each process knows its own.
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
        keys: ClaimKeys | None = None,
        guards: Guards | None = None,
        receipts: Receipts | None = None,
        refused: RefusedLog | None = None,
        spool: Spool | None = None,
        limits: Limits | None = None,
        bounds: Bounds | None = None,
        wrong_tries: float = WRONG_TRIES,
    ) -> None:
        self.limits = limits or Limits()
        self.health = Health.of(transport, topology, database, catalog)
        self.spool = spool
        self._receipts = receipts or NoReceipts()
        self._refused = refused or NoRefusedLog()
        self._guards = guards or Guards()
        self._receiver = Receiver(self.limits)
        self._keeper = Keeper(transport, spool, self.limits.commit_seconds)
        bounds = bounds or Bounds()
        self._committer = Committer(self._keeper, topology.entry, self._committed, self.limits, bounds)
        self._feeder = self._feeder_of(spool, topology, journal, bounds) if spool else None
        self._waiting = Waiting(journal)
        self._keys = RequestKeys(keys)
        self._tally = metrics.Tally()
        self._intake = Intake(
            catalog,
            self._guards,
            self._receiver,
            self._committer,
            self._waiting,
            self._tally,
            self.limits,
            self._keys,
            self._refused,
            Wrong("token", wrong_tries),
        )

    @property
    def stopping(self) -> bool:
        """Whether it takes no more."""
        return self._intake.stopping

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
        await self._refused.start()
        if self._feeder is not None:
            self._feeder.start()

    async def stop(self) -> None:
        """Take no more; return when everything in hand is answered for and its receipts are handed on."""
        self._intake.stopping = True
        await self._committer.drain()
        await self._waiting.stop()
        await self._keys.stop()
        if self._feeder is not None and self.spool is not None:
            await self._feeder.stop()
            await self._keeper.stop()
            await self.spool.close()
        await asyncio.gather(self._receipts.stop(), self._refused.stop())  # each has its own bound
        await self.health.stop()
        self._tally.tell()

    @property
    def take(self) -> Take:
        """Who takes posts that go the short way."""
        return self._intake.take

    async def post(self, request: web.Request) -> web.Response:
        """`POST /in/{token}`, by way of the application."""
        return await self._intake.receive(request, request.match_info["token"])

    async def ping(self, request: web.Request) -> web.Response:
        """`GET` and `HEAD /in/{token}`: a vendor verifies the URL."""
        connector: Connector | None = None
        try:
            connector = await self._intake.connector(request.match_info["token"], request)
            echo = self._guards.asked(connector, request) if connector.guarded else None
        except Refusal as refusal:
            return self._intake.refuse(connector, refusal)
        answer = reply.ping(connector.preset.door.reply) if echo is None else reply.echoed(echo)
        self._intake.tell(connector, answer)
        return answer

    async def preflight(self, request: web.Request) -> web.Response:
        """`OPTIONS /in/{token}`: a browser asks whether a page may post."""
        try:
            connector = await self._intake.connector(request.match_info["token"], request)
        except Refusal as refusal:
            return self._intake.refuse(None, refusal)
        answer = cors.preflight(connector, request.headers)
        self._intake.tell(connector, answer)
        return answer

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


def build_app(ingress: Ingress, further: Sequence[web.RouteDef] = ()) -> web.Application:
    """The routes: `/`, `/in/{token}`, `/healthz`, `/readyz`, `/metrics`, and what else this port serves."""

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
            web.options("/in/{token}", ingress.preflight),
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/metrics", exposition),
            *further,
            *front.routes(with_api=bool(further)),
        ]
    )
    return app
