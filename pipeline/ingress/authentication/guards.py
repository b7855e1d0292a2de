"""The guards of all connectors, and what a verdict leads to. In: a request. Out: it goes on, or a Refusal.

Mode `enforce` refuses: 403 for an address that may not post, 401 for anything else that proves nobody, 503 while a
secret is missing here. Mode `log` accepts all of these, and counts and logs them. `off` asks nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import structlog

from pipeline.ingress import metrics
from pipeline.ingress.authentication.addresses import Proxies, client_of
from pipeline.ingress.authentication.arrived import Arrived, Denied
from pipeline.ingress.authentication.echo import Answer, Echoed
from pipeline.ingress.authentication.guard import Guard, Surroundings
from pipeline.ingress.authentication.signed import addresses_of
from pipeline.ingress.authentication.wrong import WRONG_TRIES, Wrong, network_of
from pipeline.ingress.refusal import Refusal, slow_down, unavailable
from pipeline.ingress.short import Asked
from pipeline.secrets.references import Secrets
from pipeline.secrets.seal import Seals
from schemas.connector import Connector

log = structlog.get_logger(__name__)

AGAIN = 30.0  # seconds after which a guard is made anew where a secret is missing, or lies in a file
QUIET = 60.0  # seconds between two lines about the same trouble of one connector
GUESSABLE = 5  # so many times fewer wrong passwords of one address than wrong keys: people choose them


class Proof(NamedTuple):
    """Whether a request proves who sent it, where its connector asks for that, and the key that it vouches for."""

    given: bool
    key: str | None = None


@dataclass
class _Noted:
    at: float
    unsaid: int = 0


class Guards:
    """Guards by connector, each made when it is first needed and again when its connector changes.

    `known` tells which connectors there are: of others no secret is kept. `clock` tells Unix seconds, which signed
    times are held against; `monotonic` tells how old a guard is.
    """

    def __init__(
        self,
        secrets: Secrets | None = None,
        *,
        public_url: str = "",
        proxies: Proxies | None = None,
        known: Callable[[], Mapping[int, str]] | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        wrong_tries: float = WRONG_TRIES,
    ) -> None:
        self._secrets = secrets or Secrets(Seals(None), lambda account, name: None)
        self.proxies = proxies or Proxies()
        self._around = Surroundings(addresses_of(public_url), self.proxies)
        self._wrong = Wrong("secret", wrong_tries / GUESSABLE, monotonic)
        self._known = known
        self._clock = clock
        self._monotonic = monotonic
        self._guards: dict[int, tuple[Guard, float]] = {}
        self._noted: dict[tuple[int, str], _Noted] = {}

    def admit(self, connector: Connector, request: Asked, body: bytes) -> str | None:
        """Let a request pass. Raises Refusal, or Echoed where it only wants something sent back.

        Returns the idempotency key that its signature vouches for, if it has one.
        """
        guard = self._guard(connector)
        arrived = _arrived(request, body)
        key = self._key(guard, request, arrived) if guard.watches else None
        if (answer := guard.asked_by_body(body)) is not None:
            raise Echoed(answer)
        return key

    def asked(self, connector: Connector, request: Asked) -> Answer | None:
        """What a GET of the URL wants sent back; None: it is a mere ping. Raises Refusal."""
        return self._guard(connector).asked_by_query(_arrived(request, b""))

    def proof(self, connector: Connector, request: Asked, body: bytes) -> Proof:
        """What a request proves that is refused in any case. Nothing is counted and nobody is refused by this."""
        if not connector.guarded or not (guard := self._guard(connector)).watches:
            return Proof(True)
        try:
            return Proof(True, guard.key(_arrived(request, body), self._clock()))
        except Denied:
            return Proof(guard.auth is None or guard.auth.mode != "enforce")

    def _key(self, guard: Guard, request: Asked, arrived: Arrived) -> str | None:
        if self._wrong and guard.guessable and (wait := self._wrong.wait(self._who(guard, request))):
            raise slow_down("too many requests from this address did not prove who they are", wait)
        try:
            key = guard.key(arrived, self._clock())
        except Denied as denied:
            auth, connector = guard.auth, guard.connector
            mode = "enforce" if auth is None else auth.mode
            metrics.denied(connector.name, denied.reason, mode).inc()
            self._note(connector, denied, mode)
            if mode != "enforce":
                return None
            if guard.guessable and denied.reason == "mismatch":
                self._wrong.spend(self._who(guard, request))
            raise _refusal(guard, denied) from denied
        if self._wrong and guard.guessable:
            self._wrong.forget(self._who(guard, request))
        return key

    def _who(self, guard: Guard, request: Asked) -> str:
        """Whose tries count together: those of one address at one connector."""
        return f"{network_of(client_of(request, self.proxies))} at connector {guard.connector.id}"

    def _guard(self, connector: Connector) -> Guard:
        guard, made = self._guards.get(connector.id, _NONE)
        if guard is not None and guard.connector is connector and not self._is_old(guard, made):
            return guard
        new = Guard(connector, self._secrets, self._around)
        if new.problems and (guard is None or guard.problems != new.problems):
            mode = None if new.auth is None else new.auth.mode
            log.error("secret missing", connector=connector.name, mode=mode, problems=new.problems)
        if self._known is not None:
            there = self._known()
            self._guards = {id: made for id, made in self._guards.items() if id in there}
        self._guards[connector.id] = (new, self._monotonic())
        return new

    def _is_old(self, guard: Guard, made: float) -> bool:
        """Whether to look for its secrets again."""
        return guard.ages and self._monotonic() - made >= AGAIN

    def _note(self, connector: Connector, denied: Denied, mode: str) -> None:
        """One line for the first, and then at most one a minute that says how many there were."""
        now = self._monotonic()
        noted = self._noted.setdefault((connector.id, denied.reason), _Noted(now - QUIET))
        noted.unsaid += 1
        if now - noted.at >= QUIET:
            said = "senders were refused" if mode == "enforce" else "would be refused"
            log.warning(said, connector=connector.name, why=denied.reason, requests=noted.unsaid)
            noted.at, noted.unsaid = now, 0


_NONE: Final[tuple[Guard | None, float]] = (None, 0.0)


def _arrived(request: Asked, body: bytes) -> Arrived:
    target = request.raw_path if request.raw_path.startswith("/") else request.rel_url.raw_path_qs
    return Arrived(request.headers, body, target, request.query, request.remote)


def _refusal(guard: Guard, denied: Denied) -> Refusal:
    where = {"reason": denied.reason}
    match denied.reason:
        case "unresolved":
            return unavailable(denied.detail, retry_after=int(AGAIN))
        case "address":
            return Refusal(403, "Address not allowed", denied.detail, where=where)
        case _:
            family = "" if guard.auth is None else guard.auth.scheme.family
            challenge = 'Basic realm="webhook", charset="UTF-8"' if family == "basic" else "Webhook"
            headers = {"WWW-Authenticate": challenge}  # RFC 9110 §11.6.1
            return Refusal(401, "Not authenticated", denied.detail, where=where, headers=headers)
