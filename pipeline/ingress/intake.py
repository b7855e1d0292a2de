"""One post, by either way. In: a request to a webhook URL. Out: its events committed, and an answer for its sender."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import structlog
from aiohttp import web

from pipeline.engine.transport import BrokerUnavailable
from pipeline.ingress import cors, metrics, reply
from pipeline.ingress.authentication.addresses import client_of
from pipeline.ingress.authentication.echo import Echoed
from pipeline.ingress.authentication.guards import Guards
from pipeline.ingress.authentication.wrong import Wrong
from pipeline.ingress.body import is_blank
from pipeline.ingress.commit import Committer, Overloaded, Settled
from pipeline.ingress.door import Cut, cut
from pipeline.ingress.identity import names_request
from pipeline.ingress.limits import Limits
from pipeline.ingress.needs import Connectors
from pipeline.ingress.receive import Receiver
from pipeline.ingress.refusal import Refusal, slow_down, unavailable
from pipeline.ingress.refused import Refused, RefusedLog
from pipeline.ingress.request_keys import RequestKeys
from pipeline.ingress.short import Asked, Brief, Post, Tell
from pipeline.ingress.spool.spool import SpoolUnavailable
from pipeline.ingress.wait import Waiting, seconds_of
from pipeline.store.database import DatabaseUnavailable
from schemas.connector import Connector

log = structlog.get_logger(__name__)

LONGEST_TOKEN = 200
NOT_ONE = "-"  # is looked up in place of what cannot be a token, so that every unknown token costs the same
TROUBLES = (Refusal, Echoed, Overloaded, SpoolUnavailable, BrokerUnavailable)  # for which there is an answer


class Intake:
    """Takes posts in until it is `stopping`."""

    def __init__(
        self,
        catalog: Connectors,
        guards: Guards,
        receiver: Receiver,
        committer: Committer,
        waiting: Waiting,
        tally: metrics.Tally,
        limits: Limits,
        keys: RequestKeys,
        refused: RefusedLog,
        wrong: Wrong,
    ) -> None:
        self.stopping = False
        self._catalog = catalog
        self._guards = guards
        self._receiver = receiver
        self._committer = committer
        self._waiting = waiting
        self._tally = tally
        self._limits = limits
        self._keys = keys
        self._refused = refused
        self._wrong = wrong

    def take(self, post: Post, tell: Tell) -> bool:
        """A post whose body has come; `tell` gets its answer. False: it must go the long way."""
        connector = self._catalog.known_by(post.token)
        if connector is None or _asks_to_wait(post) or names_request(connector, post.headers):
            return False
        if connector.settings.origins and cors.is_asked(connector, post.headers):
            return False  # its answer has headers
        began = time.perf_counter()
        try:
            self._is_open()
            body = self._receiver.bounded(post.body)
            self._admit(connector)
            found = None if is_blank(body) else self._cut(connector, post, body)
            if found is not None and found.events:
                self._committer.commit(found.events, found.size, self._teller(connector, found, began, tell))
                return True
            answer = self._answer(connector, found)
        except TROUBLES as trouble:
            answer = self._turn_away(connector, trouble, post, post.body)
        self._tally.took(time.perf_counter() - began)
        tell(answer)
        return True

    async def receive(self, request: web.BaseRequest, token: str) -> web.Response:
        """A post to the URL with this token, by way of the application."""
        began = time.perf_counter()
        connector: Connector | None = None
        body: bytes | None = None
        try:
            connector = await self.connector(token, request)
            self._is_open()
            body = await self._receiver.body(request)
            self._admit(connector)
            seconds = seconds_of(request.query["wait"], self._limits.wait_seconds) if _asks_to_wait(request) else None
            found = None if is_blank(body) else self._cut(connector, request, body)
            if found is not None and found.claim is not None:
                await self._keys.claim(found.claim)
            if found is not None and found.events:
                await self._commit(found)
                self._tally.accepted(connector.name, len(found.events))
            if found is None or seconds is None:
                response = _whole(self._answer(connector, found))
            else:
                response = reply.finished(found.ids, await self._waiting.results(found.ids, seconds), connector.tells)
                self.tell(connector, response)
        except TROUBLES as trouble:
            response = self._turn_away(connector, trouble, request, body)
        self._tally.took(time.perf_counter() - began)
        return cors.shared(response, connector, request.headers)

    async def connector(self, token: str, asked: Asked) -> Connector:
        """The connector that the URL names, also a disabled one; raises Refusal."""
        if not token.isascii() or len(token) > LONGEST_TOKEN:
            token = NOT_ONE
        connector = self._catalog.known_by(token)
        return await self._looked_for(token, asked) if connector is None else connector

    async def _looked_for(self, token: str, asked: Asked) -> Connector:
        """A connector that is not known here. Refusal: there is none, or its address has tried too many."""
        address = client_of(asked, self._guards.proxies)
        if wait := self._wrong.begin(address):
            raise slow_down("too many webhook URLs from this address were wrong", wait)
        try:
            connector = await self._catalog.by_token(token)
        except DatabaseUnavailable:
            self._wrong.right(address)  # nobody can tell
            raise unavailable(
                "this URL is not known here, and the database cannot be asked now; send the request again later"
            ) from None
        (self._wrong.right if connector is not None else self._wrong.wrong)(address)
        if connector is None:
            raise Refusal(404, "Unknown token", "no connector has this webhook URL; copy it from the connector again")
        return connector

    def tell(self, connector: Connector | None, answer: Brief | web.Response) -> None:
        """Count an answer that refuses nothing."""
        self._tally.answered(connector, answer.status)

    def refuse(self, connector: Connector | None, trouble: Exception) -> web.Response:
        """The answer to a request that came to nothing. Its log line has the status that is sent, and the refusal's."""
        if isinstance(trouble, Echoed):
            echo = reply.echoed(trouble.answer)
            self.tell(connector, echo)
            return echo
        refusal = _refusal(trouble)
        response = reply.refused(None if connector is None else connector.preset.door.reply, refusal)
        name = metrics.NOBODY if connector is None else connector.name
        metrics.events(name, "unavailable" if refusal.again else "refused").inc()
        self._tally.answered(connector, response.status, refusal)
        log.info(
            "refused",
            connector=name,
            status=response.status,
            error=refusal.status,
            why=refusal.title,
            **refusal.where,
        )
        return response

    def _turn_away(
        self, connector: Connector | None, trouble: Exception, asked: Asked, body: bytes | None
    ) -> web.Response:
        """The answer to a post that came to nothing. It is kept, unless it was empty, or may come again as it is."""
        says_nothing = body is not None and is_blank(body)
        if connector is not None and isinstance(trouble, Refusal) and not trouble.again and not says_nothing:
            response = self.refuse(connector, trouble)
            proof = self._guards.proof(connector, asked, body or b"")
            self._refused.keep(Refused.of(connector, trouble, proof, asked, body, response.status))
            return response
        return self.refuse(connector, trouble)

    def _is_open(self) -> None:
        if self.stopping:
            raise unavailable("this process is stopping", retry_after=1)

    def _admit(self, connector: Connector) -> None:
        """The body has come by now, so that what is refused here can be kept."""
        if not connector.settings.enabled:
            raise Refusal(403, "Connector disabled", f"connector {connector.name} is disabled")

    def _cut(self, connector: Connector, asked: Asked, body: bytes) -> Cut:
        signed = self._guards.admit(connector, asked, body) if connector.guarded else None
        return cut(connector, asked.headers, body, self._limits, signed)

    def _answer(self, connector: Connector, found: Cut | None) -> Brief | web.Response:
        """The answer to a post of these events, which are durable; of None: it is a ping."""
        own = connector.preset.door.reply
        answer = reply.ping(own) if found is None else reply.accepted(own, found.ids)
        self.tell(connector, answer)
        return answer

    def _teller(self, connector: Connector, found: Cut, began: float, tell: Tell) -> Settled:
        def settled(trouble: Exception | None) -> None:
            answer: Brief | web.Response
            if trouble is None:
                self._tally.accepted(connector.name, len(found.events))
                answer = self._answer(connector, found)
            else:
                answer = self.refuse(connector, trouble)
            self._tally.took(time.perf_counter() - began)
            tell(answer)

        return settled

    async def _commit(self, found: Cut) -> None:
        """As the committer does it; a caller that is cancelled does not take its events back."""
        settled: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._committer.commit(found.events, found.size, partial(_set, settled))
        trouble = await settled
        if trouble is not None:
            raise trouble


def _set(settled: asyncio.Future[Exception | None], trouble: Exception | None) -> None:
    if not settled.done():  # its request may have been given up
        settled.set_result(trouble)


def _asks_to_wait(asked: Asked) -> bool:
    return "?" in asked.raw_path and "wait" in asked.query


def _whole(answer: Brief | web.Response) -> web.Response:
    return answer.response() if isinstance(answer, Brief) else answer


def _refusal(trouble: Exception) -> Refusal:
    match trouble:
        case Refusal():
            return trouble
        case Overloaded():
            return unavailable("too many events are waiting for the broker", retry_after=1)
        case SpoolUnavailable():
            return unavailable(f"the broker is away, and {trouble}", retry_after=10)
        case _:
            return unavailable("the broker did not confirm; send the request again")
