"""One connector's guard, made ready once for a revision. In: its settings and secrets. Out: requests checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pipeline.ingress.authentication import addresses, echo
from pipeline.ingress.authentication.arrived import Arrived, Denied
from pipeline.ingress.authentication.credentials import Check, as_password, from_anybody, in_header
from pipeline.ingress.authentication.signature import BadSecret, by_signatures
from pipeline.ingress.refusal import unavailable
from pipeline.secrets.references import Secrets, Unresolved
from schemas.auth import Auth
from schemas.connector import Connector
from schemas.scheme import Echo


@dataclass(frozen=True)
class Surroundings:
    """What does not depend on the connector: where we are reached, and who stands before us."""

    bases: tuple[str, ...]
    proxies: addresses.Proxies


class Guard:
    """Checks the requests to one connector, as its settings and its secrets were when it was made."""

    def __init__(self, connector: Connector, secrets: Secrets, around: Surroundings) -> None:
        self.connector = connector
        self.auth = connector.auth
        self.problems: list[str] = []  # what keeps a secret from being used; no value is in it
        self._on_disk = self.auth is not None and any(each.startswith("file:") for each in self.auth.references)
        self._account = connector.account
        self._secrets = secrets
        self._around = around
        self._echo = _echo_of(connector)
        self._check: Check = self._checked(self.auth) if self.auth and self.watches else from_anybody
        self._token = self._verify_token()

    @property
    def ages(self) -> bool:
        """Whether to look for its secrets again some time: one is missing, or lies in a file that may be replaced."""
        return bool(self.problems) or self._on_disk

    @property
    def watches(self) -> bool:
        """Whether it has anything to ask of a request."""
        return self.auth is not None and self.auth.mode != "off"

    @cached_property
    def guessable(self) -> bool:
        """Whether it asks for a secret that may be guessed, try by try: one that is sent as it is."""
        return self.auth is not None and self.auth.mode == "enforce" and self.auth.scheme.family in ("header", "basic")

    def key(self, arrived: Arrived, now: float) -> str | None:
        """The idempotency key that the request's signature vouches for, if it has one. Denied.

        While a secret is missing, what the others vouch for is good; of the rest nobody can tell.
        """
        if self.auth is None:
            return None
        addresses.check(arrived, self.auth.addresses, self._around.proxies)
        try:
            return self._check(arrived, now)
        except Denied as denied:
            if self.problems and denied.reason == "mismatch":
                raise Denied("unresolved", UNRESOLVED) from denied
            raise

    def asked_by_query(self, arrived: Arrived) -> echo.Answer | None:
        """What a GET wants sent back. Refusal: its verify token is wrong, or ours is missing."""
        if self._echo is None or self._echo.where != "query":
            return None
        answer = echo.of_query(self._echo, arrived.query, self._token)
        if answer is not None and self._token is None and self.auth is not None and self.auth.verify_token is not None:
            raise unavailable(UNRESOLVED)
        return answer

    def asked_by_body(self, body: bytes) -> echo.Answer | None:
        """What a posted document wants sent back."""
        if self._echo is None or self._echo.where != "body":
            return None
        return echo.of_body(self._echo, body)

    def _checked(self, auth: Auth) -> Check:
        """The check of the scheme with the secrets that there are."""
        ready = [(reference, value) for reference in auth.secrets if (value := self._value(reference)) is not None]
        usable = [value for reference, value in ready if self._fits(auth, reference, value)]
        if auth.secrets and not usable:
            return _of_nobody
        return self._of_scheme(auth, usable)

    def _fits(self, auth: Auth, reference: str, value: bytes) -> bool:
        try:
            self._of_scheme(auth, [value])
        except BadSecret as error:
            self.problems.append(f"{reference}: {error}")
            return False
        return True

    def _of_scheme(self, auth: Auth, secrets: Sequence[bytes]) -> Check:
        match auth.scheme.family:
            case "header":
                return in_header(str(auth.header), auth.prefix, secrets)
            case "basic":
                return as_password(str(auth.user), secrets)
            case "signature":
                return by_signatures(auth.scheme.signature, secrets, auth.tolerance, self._around.bases)
            case _:
                return from_anybody

    def _verify_token(self) -> bytes | None:
        """The verify token; where none was set, whoever knows the URL may ask for an echo."""
        if self.auth is None or not self.watches or self.auth.verify_token is None:
            return None
        return self._value(self.auth.verify_token)

    def _value(self, reference: str) -> bytes | None:
        try:
            return self._secrets.value(reference, self._account)
        except Unresolved as error:
            self.problems.append(str(error))
            return None


UNRESOLVED = (
    "this request cannot be checked: a secret of its connector cannot be found at the moment; "
    "send the request again later"
)


def _of_nobody(arrived: Arrived, now: float) -> str | None:
    raise Denied("unresolved", UNRESOLVED)


def _echo_of(connector: Connector) -> Echo | None:
    scheme = None if connector.auth is None or connector.auth.mode == "off" else connector.auth.scheme
    return connector.preset.door.echo or (scheme.echo if scheme else None)
